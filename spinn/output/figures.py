"""Figures of a solution: lines on one axis, images on two, slices and several times on more."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from spinn.output.colours import LINES, TRUTH, error_scale, field_scale
from spinn.output.grid import Arrays, SolutionGrid
from spinn.output.panels import Row, draw_panels, save
from spinn.output.slices import Slice, plane, telling_index, times

NO_CUTS: Mapping[str, Sequence[float]] = {}


def draw_solution(
    axes: Arrays,
    unknowns: Arrays,
    reference: Arrays | None,
    out_dir: Path,
    cuts: Mapping[str, Sequence[float]] = NO_CUTS,
) -> list[Path]:
    """Draw every quantity in `unknowns` with its truth and error where `reference` has them; returns the PNGs.

    `cuts`: where axes are cut into subdomains; drawn as thin lines.

    One axis: lines. Two: an image, and for (t, x) profiles at several times. More: planes at several times
    (`<name>.png`), and planes across each other where space has three axes (`<name>_planes.png`).

    **Raises:** ValueError for arrays that do not fit the axes; SpinnError when a file cannot be written.
    """
    grid = SolutionGrid(dict(axes), dict(unknowns), dict(reference or {}), attributes={"cuts": dict(cuts)})
    drawn = []
    for name in grid.unknowns:
        if len(grid.axes) == 1:
            drawn.append(_draw_lines(grid, name, out_dir / f"{name}.png"))
            continue
        drawn.append(_draw_planes(grid, name, out_dir / f"{name}.png", _main_slices(grid, name)))
        if grid.time is not None and len(grid.axes) == 2:
            drawn.append(_draw_profiles(grid, name, out_dir / f"{name}_profiles.png"))
        if grid.time is not None and len(grid.space) >= 3:
            drawn.append(_draw_planes(grid, name, out_dir / f"{name}_planes.png", _crossing_slices(grid, name)))
    return drawn


def relative_l2(values: np.ndarray, truth: np.ndarray) -> float:
    """||values - truth|| / ||truth|| over all points of a grid."""
    norm = float(np.linalg.norm(truth))
    return float(np.linalg.norm(values - truth)) / norm if norm > 0 else float("nan")


def _symbol(name: str) -> str:
    """A name as it is set: one letter as mathematics, words as words."""
    return f"${name}$" if len(name) == 1 else name


def _heading(grid: SolutionGrid, name: str) -> str:
    text = f"{name}({', '.join(grid.axes)})"
    if name in grid.reference:
        text += f"    relative $L_2$ error {relative_l2(grid.unknowns[name], grid.reference[name]):.2e}"
    return text


def _main_slices(grid: SolutionGrid, name: str) -> list[Slice]:
    """The whole plane of two axes; planes at several times; or, without time, planes across each other."""
    if len(grid.axes) == 2:
        first, second = grid.axes
        return [plane(grid.axes, (first, second), {}, ())]
    if grid.time is None:
        return _crossing_slices(grid, name)
    held = _telling(grid, name)
    first, second = grid.space[:2]
    at = [{**held, grid.time: index} for index in times(grid.axes[grid.time])]
    return [plane(grid.axes, (first, second), fixed, (grid.time, *grid.space[2:])) for fixed in at]


def _crossing_slices(grid: SolutionGrid, name: str) -> list[Slice]:
    """Planes of the first three space axes, two by two, at the last time."""
    held = _telling(grid, name)
    if grid.time is not None:
        held[grid.time] = len(grid.axes[grid.time]) - 1
    pairs = itertools.combinations(grid.space[:3], 2)
    named = [axis for axis in grid.axes if axis != grid.time]
    slices = []
    for pair in pairs:
        fixed = {axis: index for axis, index in held.items() if axis not in pair}
        slices.append(plane(grid.axes, pair, fixed, named))
    return slices


def _telling(grid: SolutionGrid, name: str) -> dict[str, int]:
    """For every space axis the index of a plane that shows the field."""
    values, names = grid.unknowns[name], list(grid.axes)
    return {axis: telling_index(values, names.index(axis)) for axis in grid.space}


def _draw_planes(grid: SolutionGrid, name: str, path: Path, slices: list[Slice]) -> Path:
    values = grid.unknowns[name]
    truth = grid.reference.get(name)
    shown = [part.of(array) for part in slices for array in (values, truth) if array is not None]
    scale = field_scale(shown)
    rows = [Row("solution", values, scale, _symbol(name))]
    if truth is not None:
        with np.errstate(invalid="ignore"):  # a run that diverged is drawn too
            error = np.abs(values - truth)
        errors = error_scale(np.concatenate([part.of(error).ravel() for part in slices]))
        lowest = float(errors.norm.vmin or 0.0)
        rows.append(Row("truth", truth, scale, _symbol(name)))
        rows.append(Row("|error|", np.where(error < lowest, lowest, error), errors, "|error|"))
    heading = _heading(grid, name)
    if grid.time is not None and len(grid.space) >= 3 and path.stem.endswith("_planes"):
        heading += f"    at t = {grid.axes['t'][-1]:.3g}"
    return draw_panels(path, grid.axes, rows, slices, heading, grid.attributes["cuts"])


def _draw_lines(grid: SolutionGrid, name: str, path: Path) -> Path:
    """A function of one axis, with its truth, and below it the error."""
    (axis_name, points), values, truth = next(iter(grid.axes.items())), grid.unknowns[name], grid.reference.get(name)
    figure = Figure(figsize=(6.4, 4.6 if truth is not None else 3.2), layout="constrained", facecolor="white")
    figure.suptitle(_heading(grid, name), fontsize=11, x=0.01, ha="left")
    heights = (1,) if truth is None else (2, 1)
    panels = figure.subplots(len(heights), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    panels[0].plot(points, values, color=LINES[0], linewidth=1.8, label="solution")
    panels[0].set_ylabel(_symbol(name))
    if truth is not None:
        panels[0].plot(points, truth, color=TRUTH, linewidth=1.0, linestyle=(0, (4, 3)), label="truth")
        panels[0].legend(frameon=False, fontsize=9)
        error = np.abs(values - truth)
        panels[1].semilogy(points, np.where(error > 0, error, np.nan), color=LINES[1], linewidth=1.2)
        panels[1].set_ylabel("|error|")
    panels[-1].set_xlabel(f"${axis_name}$")
    for panel, cut in itertools.product(panels, grid.attributes["cuts"].get(axis_name, ())):
        panel.axvline(cut, color=TRUTH, linewidth=0.5)
    _plain_axes(panels)
    return save(figure, path)


def _draw_profiles(grid: SolutionGrid, name: str, path: Path) -> Path:
    """Profiles in space at several times: where shocks and fronts show what images hide."""
    assert grid.time is not None
    chosen, space = times(grid.axes[grid.time], 5), grid.space[0]
    values, truth = (np.moveaxis(a, list(grid.axes).index(grid.time), 0) if a is not None else None
                     for a in (grid.unknowns[name], grid.reference.get(name)))  # fmt: skip
    assert values is not None
    figure = Figure(figsize=(6.8, 3.8), layout="constrained", facecolor="white")
    figure.suptitle(f"{name}({', '.join(grid.axes)}) at several times", fontsize=11, x=0.01, ha="left")
    panel = figure.subplots()
    for colour, index in zip(LINES, chosen, strict=False):
        label = f"$t$ = {grid.axes[grid.time][index]:.3g}"
        panel.plot(grid.axes[space], values[index], color=colour, linewidth=1.8, label=label)
        if truth is not None:
            panel.plot(grid.axes[space], truth[index], color=TRUTH, linewidth=0.9, linestyle=(0, (4, 3)))
    if truth is not None:
        panel.plot([], [], color=TRUTH, linewidth=0.9, linestyle=(0, (4, 3)), label="truth")
    panel.set(xlabel=f"${space}$", ylabel=_symbol(name))
    panel.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _plain_axes([panel])
    return save(figure, path)


def _plain_axes(panels: "np.ndarray | list") -> None:
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(True, color="#e6e8ec", linewidth=0.7)
        panel.tick_params(labelsize=8)
        panel.set_axisbelow(True)
        panel.margins(x=0)
