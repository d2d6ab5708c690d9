"""A figure of some samples of a dataset: a row each, inputs on the left, outputs on the right."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from spinn.data.formats import Dataset
from spinn.output.colours import LINES, Scale, field_scale
from spinn.output.grid import Arrays
from spinn.output.layout import Layout
from spinn.output.panels import save
from spinn.output.plane_image import draw_image
from spinn.output.slices import Slice, plane

_SIZE = 1.9  # inches of a panel


@dataclasses.dataclass(frozen=True)
class Column:
    """One picture a sample: a plane of a field, a line, or the nodes of a mesh.

    `axes` are those of the field; `part` is None for lines and meshes. `last` columns of a field have its colour bar.
    """

    field: str
    title: str
    axes: Arrays
    part: Slice | None
    last: bool = True

    @property
    def is_line(self) -> bool:
        """Whether it shows a function of one axis."""
        return self.part is None and len(self.axes) == 1

    def shown(self, values: np.ndarray) -> np.ndarray:
        """What is drawn of the values of one sample."""
        return values if self.part is None else self.part.of(values)


def draw_samples(dataset: Dataset, path: Path, rows: int = 4) -> Path:
    """Draw up to `rows` samples, spread over the file, as PNG; a field has one colour scale in all of them.

    One axis: a line. Two: an image, time along the first where it evolves in one dimension. Evolving in more: the
    first, middle and last frame. Three axes of space: the middle plane of the third. Meshes: every node as a dot.
    Inputs of one number stand before the row.

    **Raises:** ValueError for no rows; SpinnError when the file cannot be written.
    """
    if rows < 1:
        raise ValueError(f"rows: expected at least 1 sample to draw, got {rows}")
    places = np.unique(np.linspace(0, len(dataset) - 1, min(rows, len(dataset))).astype(int))
    samples = [dataset.row(int(place)) for place in places]
    columns = [column for name in dataset.fields for column in columns_of(dataset, name)]
    labels = [_label(dataset, sample.index, sample.fields) for sample in samples]
    heading = f"{dataset.attributes['family']}: {len(samples)} samples"
    return draw_rows(path, heading, columns, [sample.fields for sample in samples], labels)


def columns_of(dataset: Dataset, name: str) -> list[Column]:
    """The pictures of a field; none for numbers."""
    labels, axes = [dim.label for dim in dataset.fields[name].dims][1:], dataset.axes
    if not labels:
        return []
    if any(label not in axes for label in labels):
        return [Column(name, _symbol(name), _nodes(axes, dataset.fields[name].shape[1]), None)]
    return columns_on(name, {label: axes[label] for label in labels})


def columns_on(name: str, axes: Arrays) -> list[Column]:
    """The pictures of a field on a grid of these axes."""
    if len(axes) == 1:
        return [Column(name, _symbol(name), axes, None)]
    parts = _planes(axes)
    titles = [f"{_symbol(name)}, {part.title}" if part.title else _symbol(name) for part in parts]
    return [Column(name, title, axes, part, part is parts[-1]) for title, part in zip(titles, parts, strict=True)]


def _nodes(axes: Arrays, count: int) -> Arrays:
    """Two coordinates of the nodes of a mesh; their numbers where there are none."""
    found = {name: points for name, points in axes.items() if len(points) == count}
    return dict(list(found.items())[:2]) if len(found) > 1 else {"node": np.arange(count)}


def _planes(axes: Arrays) -> list[Slice]:
    space = [name for name in axes if name != "t"]
    if len(axes) == 2:
        first, second = axes
        return [plane(axes, (first, second), {}, ())]
    held = {name: len(axes[name]) // 2 for name in space[2:]}
    frames = sorted({0, len(axes["t"]) // 2, len(axes["t"]) - 1}) if "t" in axes else []
    fixed = [{"t": frame, **held} for frame in frames] or [held]
    return [plane(axes, (space[0], space[1]), at, tuple(at)) for at in fixed]


def _symbol(name: str) -> str:
    """A name as it is set: one letter as mathematics, words as words."""
    return f"${name}$" if len(name) == 1 else name


def _label(dataset: Dataset, index: int, fields: Arrays) -> str:
    numbers = [f"{_symbol(name)} = {float(fields[name]):.3g}" for name in dataset.inputs if fields[name].ndim == 0]
    return "\n".join([f"sample {index}", *([", ".join(numbers)] if numbers else [])])


def draw_rows(
    path: Path, heading: str, columns: Sequence[Column], samples: Sequence[Arrays], labels: Sequence[str]
) -> Path:
    """Draw fields of samples, a row each, with a label before it.

    **Raises:** SpinnError when the file cannot be written.
    """
    barred = [column.last and not column.is_line for column in columns]
    layout = Layout(len(samples), (_SIZE, _SIZE), [_labelled(columns, c) for c in range(len(columns))], barred)
    figure = Figure(figsize=layout.size, facecolor="white")
    figure.text(0.12 / layout.size[0], 1 - 0.1 / layout.size[1], heading, fontsize=11, ha="left", va="top")
    scales = {column.field: _scale(columns, column.field, samples) for column in columns}
    for c, column in enumerate(columns):
        for r, (fields, label) in enumerate(zip(samples, labels, strict=True)):
            panel, scale = figure.add_axes(layout.box(r, c)), scales[column.field]
            _draw_panel(panel, column, fields[column.field], scale)
            _name_axes(panel, column, left=layout.labelled[c], below=r == len(samples) - 1)
            panel.set_title(column.title if r == 0 else "", fontsize=9)
            if c == 0:
                panel.set_ylabel(f"{label}\n{panel.get_ylabel()}".rstrip(), fontsize=8, labelpad=1)
        if barred[c]:
            box = figure.add_axes(layout.bar(0, len(samples) - 1, c))
            bar = figure.colorbar(ScalarMappable(scale.norm, scale.colours), cax=box)
            bar.ax.tick_params(labelsize=8, length=2.5)
            bar.formatter.set_powerlimits((-3, 4))  # type: ignore[attr-defined]  # a ScalarFormatter on linear scales
            bar.ax.yaxis.get_offset_text().set_fontsize(7)
    return save(figure, path)


def _labelled(columns: Sequence[Column], place: int) -> bool:
    """Whether a column has the vertical axis named: the first one of a field, and one with values along it."""
    return place == 0 or columns[place].is_line or columns[place].field != columns[place - 1].field


def _scale(columns: Sequence[Column], field: str, samples: Sequence[Arrays]) -> Scale:
    return field_scale([c.shown(fields[field]) for c in columns if c.field == field for fields in samples])


def _draw_panel(panel: Axes, column: Column, values: np.ndarray, scale: Scale) -> None:
    if column.part is not None:
        draw_image(panel, column.axes, column.part, values, scale)
    elif column.is_line:
        panel.plot(next(iter(column.axes.values())), values, color=LINES[0], linewidth=1.2)
        low, high = scale.norm.vmin or 0.0, scale.norm.vmax or 0.0
        panel.set(ylim=(low - 0.05 * (high - low), high + 0.05 * (high - low)))
        panel.margins(x=0)
    else:
        area = max(1.0, 0.7 * (72 * _SIZE) ** 2 / len(values))  # dots that just touch, in square points
        across, up = column.axes.values()
        panel.scatter(across, up, c=values, s=area, norm=scale.norm, cmap=scale.colours, linewidths=0)
        panel.set(aspect="equal", xmargin=0.02, ymargin=0.02)


def _name_axes(panel: Axes, column: Column, *, left: bool, below: bool) -> None:
    part = column.part
    across, up = (part.horizontal, part.vertical) if part is not None else (*column.axes, "")[:2]
    panel.tick_params(labelsize=8, length=2.5, labelbottom=below, labelleft=left)
    panel.locator_params(nbins=4)
    for spine in panel.spines.values():
        spine.set_linewidth(0.5)
    panel.set_xlabel(_symbol(across) if below else "", fontsize=9, labelpad=1)
    panel.set_ylabel(_symbol(up) if left and up else "", fontsize=9, labelpad=2)
