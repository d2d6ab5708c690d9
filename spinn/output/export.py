"""A solution in other formats: csv, npz, vtkhdf, netcdf."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spinn.errors import SpinnError
from spinn.files.atomic import replacing, writing_hdf5
from spinn.files.plain import plain
from spinn.output.grid import SolutionGrid
from spinn.output.vtkhdf import write_vtkhdf_group


def export_solution(grid: SolutionGrid, path: Path, kind: str | None = None) -> Path:
    """Write a grid to `path` as `kind`, which its suffix gives when none is said; atomic like every file.

    Columns and variables: unknowns, derived quantities, `<name>_reference` and `<name>_error`.

    **Raises:** SpinnError for an unknown format, a package that is missing, or what the system refuses.
    """
    by_suffix = {".csv": "csv", ".npz": "npz", ".vtkhdf": "vtkhdf", ".nc": "netcdf"}
    chosen = kind or by_suffix.get(path.suffix)
    if chosen not in WRITERS:
        known = ", ".join(WRITERS)
        got = f"'{chosen}'" if chosen else f"the file name '{path.name}'"
        raise SpinnError(
            f"export format: expected one of {known}, got {got}; name one, or use a suffix {', '.join(by_suffix)}"
        )
    WRITERS[chosen](grid, path)
    return path


def columns(grid: SolutionGrid) -> dict[str, np.ndarray]:
    """Everything known on the grid, by the name that it has in exports."""
    named = dict(grid.quantities)
    named |= {f"{name}_reference": values for name, values in grid.reference.items()}
    return named | {f"{name}_error": values for name, values in grid.error.items()}


def _write_csv(grid: SolutionGrid, path: Path) -> None:
    """A header and a line a point, the last axis fastest; numbers in the shortest form that reads back the same."""
    named = columns(grid)
    axes = list(grid.axes.values())
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(",".join([*grid.axes, *named]) + "\n")
        for first in range(len(axes[0])):  # layer by layer: no table of all points in memory
            layer = np.meshgrid(axes[0][first], *axes[1:], indexing="ij")
            table = [points.ravel().tolist() for points in layer]
            table += [np.atleast_1d(values[first]).ravel().tolist() for values in named.values()]
            file.writelines(",".join(map(repr, line)) + "\n" for line in zip(*table, strict=True))


def _write_npz(grid: SolutionGrid, path: Path) -> None:
    """`numpy.load(path)`: axes under `axis_<name>`, values under their names, `coordinates` the order of dimensions."""
    arrays = {f"axis_{name}": values for name, values in grid.axes.items()}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, coordinates=np.array(list(grid.axes)), **arrays, **columns(grid))  # type: ignore[arg-type]


def _write_vtkhdf(grid: SolutionGrid, path: Path) -> None:
    with writing_hdf5(path) as file:
        write_vtkhdf_group(file, grid)


def _write_netcdf(grid: SolutionGrid, path: Path) -> None:
    """A CF-like dataset; the format is what the installed xarray writes by default."""
    try:
        import xarray
    except ImportError as error:
        raise SpinnError(
            "netcdf export needs xarray, which is not installed; install it with: pip install 'spinn-pde[xarray]'"
        ) from error
    dimensions = tuple(grid.axes)
    attributes: dict[str, Any] = {}
    for name, value in grid.attributes.items():
        value = plain(value, finite=True)
        attributes[name] = (
            value if isinstance(value, str | int | float) and not isinstance(value, bool) else repr(value)
        )
    dataset = xarray.Dataset(
        {name: (dimensions, values) for name, values in columns(grid).items()},
        coords=dict(grid.axes),
        attrs=attributes,
    )
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary)


WRITERS: dict[str, Callable[[SolutionGrid, Path], None]] = {
    "csv": _write_csv,
    "npz": _write_npz,
    "vtkhdf": _write_vtkhdf,
    "netcdf": _write_netcdf,
}
