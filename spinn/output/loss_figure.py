"""How training went: the loss, its blocks and the error, against steps and against seconds."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spinn.output.colours import FAINT, LINES, TRUTH
from spinn.output.panels import save

_SHOWN = 7  # blocks with a colour and a name of their own; more colours than these nobody tells apart

Records = Sequence[Mapping[str, Any]]


def draw_loss(metrics: Records, path: Path) -> Path | None:
    """Draw metrics records to a PNG; None, and no file, when none of them holds a loss.

    Records are dicts with `step` (counted over all stages), `seconds`, `stage`, `loss`, and where known `blocks`
    (name: loss) and `error`; values that are missing or None leave gaps.
    """
    records = [record for record in metrics if "loss" in record and "step" in record]
    if not records:
        return None
    errors = _series(records, "error")
    lines = 2 if np.any(np.isfinite(errors)) else 1
    figure = Figure(figsize=(10.5, 3.4 * lines), layout="constrained", facecolor="white")
    panels = figure.subplots(lines, 2, squeeze=False, sharex="col", sharey="row")
    for column, (name, label) in enumerate((("step", "step"), ("seconds", "seconds"))):
        across = _series(records, name)
        _draw_losses(panels[0, column], across, records)
        if lines == 2:
            _draw_line(panels[1, column], across, errors, color=LINES[0], linewidth=1.8)
        for row in range(lines):
            _mark_stages(panels[row, column], across, records, named=row == 0)
            _style(panels[row, column])
        panels[-1, column].set_xlabel(label, fontsize=9)
    panels[0, 0].set_ylabel("loss", fontsize=9)
    if lines == 2:
        panels[1, 0].set_ylabel("relative $L_2$ error", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    return save(figure, path)


def _series(records: Records, name: str, block: str | None = None) -> np.ndarray:
    """A number a record, NaN where it is missing."""
    values = []
    for record in records:
        value = record.get(name)
        if block is not None:
            value = value.get(block) if isinstance(value, Mapping) else None
        values.append(float(value) if isinstance(value, int | float) else np.nan)
    return np.array(values)


def _draw_losses(panel: Axes, across: np.ndarray, records: Records) -> None:
    """The blocks thin, those that matter at the end in colour; the loss itself above all of them."""
    names = list(dict.fromkeys(name for record in records for name in record.get("blocks") or ()))
    curves = {name: _series(records, "blocks", name) for name in names}
    order = sorted(names, key=lambda name: -_last(curves[name]))
    _draw_line(panel, across, _series(records, "loss"), color=TRUTH, linewidth=1.8, label="loss", zorder=5)
    for index, name in enumerate(order):
        if index < _SHOWN or len(order) == _SHOWN + 1:
            _draw_line(panel, across, curves[name], color=LINES[index], linewidth=1.1, label=name)
        else:
            label = f"{len(order) - _SHOWN} smaller blocks" if index == _SHOWN else None
            _draw_line(panel, across, curves[name], color=FAINT, linewidth=0.8, label=label, zorder=1)


def _last(curve: np.ndarray) -> float:
    """The last known value of a curve."""
    known = curve[np.isfinite(curve)]
    return float(known[-1]) if known.size else 0.0


def _draw_line(panel: Axes, across: np.ndarray, values: np.ndarray, **style: Any) -> None:
    """A curve through what is known and above zero; a value measured now and then is joined, and few get dots."""
    known = np.isfinite(values) & np.isfinite(across) & (values > 0)
    panel.plot(across[known], values[known], marker="o" if known.sum() <= 12 else None, markersize=3, **style)


def _mark_stages(panel: Axes, across: np.ndarray, records: Records, *, named: bool) -> None:
    """A line where each further stage begins, with its name on top."""
    stages = [record.get("stage") for record in records]
    starts = [0] + [i for i in range(1, len(stages)) if stages[i] != stages[i - 1]]
    if len(starts) == 1 or stages[0] is None:
        return
    reach = float(np.nanmax(across) - np.nanmin(across)) or 1.0
    for start, end in itertools.pairwise([*starts, len(stages) - 1]):
        if start:
            panel.axvline(across[start], color="#9aa0aa", linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)
        if named and across[end] - across[start] > 0.12 * reach:  # names of short stages would lie on each other
            panel.annotate(
                str(stages[start]), (across[start], 1.0), xycoords=("data", "axes fraction"), xytext=(3, 3),
                textcoords="offset points", fontsize=7.5, color="#5a6069", annotation_clip=False,
            )  # fmt: skip


def _style(panel: Axes) -> None:
    panel.set_yscale("log")
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(True, color="#e6e8ec", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=8)
    panel.margins(x=0.01)
