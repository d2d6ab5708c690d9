"""The /VTKHDF group, which makes an HDF5 file one that ParaView, VTK and PyVista open.

Layout: the VTKHDF file format 2.x (docs.vtk.org, "VTKHDF file format"), types ImageData and RectilinearGrid. Arrays lie
as (z, y, x) or, in a series, (step, z, y, x), so that x runs fastest; an axis with a single point has no dimension
(VTK 9.7 refuses an array that has one). Values are stored in single precision: they are for looking at; the same file
holds the full ones under /unknowns.
"""

from typing import TYPE_CHECKING

import numpy as np

from spinn.errors import SpinnError
from spinn.output.grid import Arrays, SolutionGrid, is_uniform

if TYPE_CHECKING:
    import h5py

VERSION = {"ImageData": (2, 0), "RectilinearGrid": (2, 8)}  # the latter is what VTK 9.7 writes itself


def obstacle(axes: Arrays) -> str | None:
    """Why VTK cannot show a grid, or None when it can: it knows three space axes at most."""
    space = [name for name in axes if name != "t"]
    if len(space) > 3:
        return f"VTK shows at most three space axes, this solution has {len(space)} ({', '.join(space)})"
    return None


def write_vtkhdf_group(file: "h5py.File", grid: SolutionGrid) -> None:
    """Add /VTKHDF to an open file: unknowns, derived quantities, references (`u_reference`) and errors (`u_error`).

    An even grid becomes ImageData, any other a RectilinearGrid; missing space axes are one layer thick; time becomes
    the steps of a series.

    **Raises:** SpinnError for more than three space axes.
    """
    import h5py

    reason = obstacle(grid.axes)
    if reason is not None:
        raise SpinnError(f"{reason}; set output.vtkhdf to false, or export to another format")
    points = [np.asarray(grid.axes[name], np.float64) for name in grid.space]
    kind = "ImageData" if all(is_uniform(axis) for axis in points) else "RectilinearGrid"
    group = file.create_group("VTKHDF")
    group.attrs["Version"] = np.array(VERSION[kind], np.int64)
    group.attrs.create("Type", np.bytes_(kind), dtype=h5py.string_dtype("ascii", len(kind)))
    lengths = [len(axis) for axis in points] + [1] * (3 - len(points))
    if kind == "ImageData":
        group.attrs["WholeExtent"] = np.array([end for n in lengths for end in (0, n - 1)], np.int64)
        padding = 3 - len(points)
        group.attrs["Origin"] = np.array([axis[0] for axis in points] + [0.0] * padding)
        group.attrs["Spacing"] = np.array([_spacing(axis) for axis in points] + [1.0] * padding)
        group.attrs["Direction"] = np.eye(3).ravel()
    else:
        group.attrs["Dimensions"] = np.array(lengths, np.int32)
        for letter, axis in zip("XYZ", points + [np.zeros(1)] * (3 - len(points)), strict=True):
            group.create_dataset(f"{letter}Coordinates", data=axis)
    _write_points(group, grid, tuple(n for n in reversed(lengths) if n > 1))


def _write_points(group: "h5py.Group", grid: SolutionGrid, shape: tuple[int, ...]) -> None:
    """PointData, and Steps for a series. `shape` is that of one step, (z, y, x) without single points."""
    data = group.create_group("PointData")
    fields = {**grid.quantities}
    fields |= {f"{name}_reference": values for name, values in grid.reference.items()}
    fields |= {f"{name}_error": values for name, values in grid.error.items()}
    steps: tuple[int, ...] = () if grid.time is None else (len(grid.axes[grid.time]),)
    for name, values in fields.items():
        data.create_dataset(name, data=_ordered(values, grid).reshape(*steps, *shape))
    for name, components in vectors(grid).items():
        stacked = np.zeros((*steps, *shape, 3), np.float32)
        for index, component in enumerate(components):
            stacked[..., index] = _ordered(grid.quantities[component], grid).reshape(*steps, *shape)
        data.create_dataset(name, data=stacked)
    if grid.time is not None:
        series = group.create_group("Steps")
        series.attrs["NSteps"] = np.int64(steps[0])
        series.create_dataset("Values", data=np.asarray(grid.axes[grid.time], np.float64))
        offsets = series.create_group("PointDataOffsets")
        for name in data:
            offsets.create_dataset(name, data=np.arange(steps[0], dtype=np.int64))
        if "XCoordinates" in group:
            for letter in "XYZ":  # the same points at every step
                series.create_dataset(f"{letter}CoordinatesOffsets", data=np.zeros(steps[0], np.int64))


def _ordered(values: np.ndarray, grid: SolutionGrid) -> np.ndarray:
    """Axes as VTK wants them: time first, then space from last to first."""
    names = list(grid.axes)
    order = [names.index(grid.time)] if grid.time is not None else []
    order += [names.index(name) for name in reversed(grid.space)]
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values.transpose(order), dtype=np.float32)


def _spacing(axis: np.ndarray) -> float:
    return float(axis[-1] - axis[0]) / (len(axis) - 1) if len(axis) > 1 else 1.0


def vectors(grid: SolutionGrid) -> dict[str, tuple[str, ...]]:
    """Vectors, by the names of their components: `velocity` of unknowns u, v[, w], `p_vector` of px, py[, pz]."""
    found: dict[str, tuple[str, ...]] = {}
    components = ("u", "v", "w")[: len(grid.space)]
    if len(components) > 1 and tuple(grid.unknowns) == components:
        found["velocity"] = components
    for name in grid.quantities:
        stem = name[:-1]
        components = tuple(f"{stem}{axis}" for axis in ("x", "y", "z")[: len(grid.space)])
        if stem and name.endswith("x") and len(components) > 1 and all(c in grid.quantities for c in components):
            found[f"{stem.rstrip('_')}_vector"] = components
    return {name: parts for name, parts in found.items() if name not in grid.quantities}
