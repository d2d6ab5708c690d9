"""Small multiples: rows are solution, truth and error, columns are planes of a grid; one colour bar a scale."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from spinn.files.atomic import replacing
from spinn.output.colours import Scale
from spinn.output.grid import Arrays
from spinn.output.layout import Box, Layout, runs
from spinn.output.plane_image import draw_image, proportion
from spinn.output.slices import Slice

DOTS_PER_INCH = 140
_WIDTH = 2.35  # inches of a panel


@dataclasses.dataclass(frozen=True)
class Row:
    """One quantity over all columns. Neighbouring rows with one scale share its colour bar."""

    label: str
    values: np.ndarray
    scale: Scale
    bar: str


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, atomically; matplotlib's Agg canvas does it without a display or global state."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH)
    return path


def draw_panels(
    path: Path,
    axes: Arrays,
    rows: Sequence[Row],
    slices: Sequence[Slice],
    heading: str,
    cuts: Mapping[str, Sequence[float]],
) -> Path:
    """Draw every row on every slice, with lines at the cuts of axes; with one slice alone the rows lie side by side."""
    height = _WIDTH * min(max(proportion(axes, part) for part in slices), 2.0)
    scales = [row.scale for row in rows]
    across = len(slices) == 1
    if across:
        barred = [index in {last for _, last in runs(scales)} for index in range(len(rows))]
        layout = Layout(1, (_WIDTH, height), [r == 0 for r in range(len(rows))], barred)
    else:
        fresh = [True, *(b.vertical != a.vertical for a, b in itertools.pairwise(slices))]
        layout = Layout(len(rows), (_WIDTH, height), fresh, [index == len(slices) - 1 for index in range(len(slices))])
    figure = Figure(figsize=layout.size, facecolor="white")
    figure.text(0.12 / layout.size[0], 1 - 0.1 / layout.size[1], heading, fontsize=11, ha="left", va="top")
    for first, last in runs(scales):
        for r in range(first, last + 1):
            for c, part in enumerate(slices):
                panel = figure.add_axes(layout.box(0, r) if across else layout.box(r, c))
                image = draw_image(panel, axes, part, rows[r].values, rows[r].scale)
                _cut(panel, part, cuts)
                _label(panel, part, left=layout.labelled[r if across else c], below=across or r == len(rows) - 1)
                if across:
                    panel.set_title(rows[r].label, fontsize=9)
                else:
                    _name(panel, rows[r].label if c == 0 else "", part.title if r == 0 else "")
        _bar(figure, image, layout.bar(0, 0, last) if across else layout.bar(first, last, len(slices) - 1), rows[last])
    return save(figure, path)


def _cut(panel: Axes, part: Slice, cuts: Mapping[str, Sequence[float]]) -> None:
    """Where subdomains meet."""
    for place in cuts.get(part.horizontal, ()):
        panel.axvline(place, color="black", linewidth=0.4, alpha=0.5)
    for place in cuts.get(part.vertical, ()):
        panel.axhline(place, color="black", linewidth=0.4, alpha=0.5)


def _label(panel: Axes, part: Slice, *, left: bool, below: bool) -> None:
    """Ticks everywhere; numbers and names of axes on the outer panels only."""
    panel.tick_params(labelsize=8, length=2.5, labelbottom=below, labelleft=left)
    panel.locator_params(nbins=4)
    for spine in panel.spines.values():
        spine.set_linewidth(0.5)
    panel.set_xlabel(f"${part.horizontal}$" if below else "", fontsize=9, labelpad=1)
    panel.set_ylabel(f"${part.vertical}$" if left else "", fontsize=9, labelpad=2)


def _name(panel: Axes, row: str, column: str) -> None:
    """The row's name before the name of the axis, the column's above."""
    panel.set_title(column, fontsize=9)
    if row:
        panel.set_ylabel(f"{row}\n{panel.get_ylabel()}", fontsize=9, labelpad=2)


def _bar(figure: Figure, image: AxesImage, box: Box, row: Row) -> None:
    bar = figure.colorbar(image, cax=figure.add_axes(box))
    bar.set_label(row.bar, fontsize=9)
    bar.ax.tick_params(labelsize=8, length=2.5)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]  # declared as an axis' spines, is one of them
    if bar.ax.yaxis.get_scale() == "linear":
        bar.formatter.set_powerlimits((-3, 4))  # type: ignore[attr-defined]  # a ScalarFormatter on linear scales
        bar.ax.yaxis.get_offset_text().set_fontsize(7)
