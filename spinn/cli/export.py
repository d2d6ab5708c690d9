"""`spinn export`: the solution of a run in another format, or on another grid."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinn.cli._printing import command, note
from spinn.errors import SpinnError

if TYPE_CHECKING:
    from spinn.output.grid import SolutionGrid

FORMATS = {"h5": ".h5", "vtkhdf": ".vtkhdf", "npz": ".npz", "csv": ".csv", "netcdf": ".nc"}
DESCRIPTION = """\
Write the solution of a run in another format, on the grid of its solution.h5 or on another one.

  spinn export runs/heat-... --format csv
  spinn export runs/heat-... --format vtkhdf --grid 21,200 --out heat.vtkhdf      opens in ParaView
  spinn export runs/heat-... --out heat.nc                                        the suffix says the format

h5: HDF5 with names (h5py, ParaView). vtkhdf: ParaView. npz: numpy. csv: one line a point. netcdf: xarray.
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "export", "write a run's solution in another format", DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("--format", choices=tuple(FORMATS), help="file format (default: what the suffix of --out says)")
    parser.add_argument("--grid", metavar="N,N,...", help="points an axis, in the order of the coordinates")
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: solution.SUFFIX in the run)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say where it is."""
    from spinn.cli._runs import open_run

    kind, file = target(arguments.folder, arguments.format, arguments.out)
    counts = None if arguments.grid is None else grid_counts(arguments.grid)
    open_run(arguments.folder)
    write(saved_grid(arguments.folder) if counts is None else sampled(arguments.folder, counts), file, kind)
    note(f"wrote {file}")
    return 0


def target(folder: Path, kind: str | None, file: Path | None) -> tuple[str, Path]:
    """Format and file, each from the other where one is not given.

    **Raises:** SpinnError if neither says the format, or the file would replace the run's own solution.
    """
    if kind is None:
        by_suffix = {suffix: name for name, suffix in FORMATS.items()}
        if file is None or file.suffix not in by_suffix:
            known = ", ".join(FORMATS)
            raise SpinnError(
                f"export: expected --format ({known}), or --out with one of the suffixes {', '.join(by_suffix)}"
            )
        kind = by_suffix[file.suffix]
    if file is None:
        file = folder / ("export.h5" if kind == "h5" else f"solution{FORMATS[kind]}")
    if file.resolve() == (folder / "solution.h5").resolve():
        raise SpinnError("export: this is the run's own solution; expected another file with --out", file=file)
    return kind, file


def grid_counts(text: str) -> list[int]:
    """The numbers in `21,64,64`.

    **Raises:** SpinnError if they are no numbers of at least 2.
    """
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 2:
        raise SpinnError(f"--grid {text}: expected numbers of at least 2, one an axis, such as 21,64,64")
    return counts


def saved_grid(folder: Path) -> "SolutionGrid":
    """The solution as the run saved it. No network is evaluated."""
    from spinn.output.folder import RunFolder
    from spinn.output.grid_file import read_solution

    return read_solution(RunFolder.open(folder).solution)


def sampled(folder: Path, counts: list[int]) -> "SolutionGrid":
    """The solution on a new grid over the domain, with the exact solution where the PDE has one.

    **Raises:** SpinnError if the counts are not one an axis.
    """
    import numpy as np

    import spinn
    from spinn.output.grid import SolutionGrid

    solution = spinn.load(folder)
    pde = solution.pde
    if len(counts) != len(pde.coordinates):
        names = ", ".join(pde.coordinates)
        raise SpinnError(f"--grid: expected {len(pde.coordinates)} numbers, one an axis ({names}), got {len(counts)}")
    axes = {}
    for axis, count in zip(pde.coordinates, counts, strict=True):
        low, high = pde.domain[axis]
        axes[axis] = np.linspace(low, high, count)
    values = solution.on_grid(axes, derived=True)
    unknowns = {name: values[name] for name in pde.unknowns}
    derived = {name: array for name, array in values.items() if name not in unknowns}
    attributes = {"title": pde.describe(), "pde": type(pde).__name__, "parameters": pde.parameters}
    return SolutionGrid(axes, unknowns, _truth(pde, axes), derived, attributes)


def _truth(pde: Any, axes: dict[str, Any]) -> dict[str, Any]:
    """The exact solution on the grid of the axes, where it is known."""
    import numpy as np

    if not pde.has_exact:
        return {}
    shape = tuple(len(points) for points in axes.values())
    mesh = np.meshgrid(*axes.values(), indexing="ij", sparse=True)
    exact = pde.exact_solution(*mesh)
    return {name: np.array(np.broadcast_to(values, shape), dtype=float) for name, values in exact.items()}


def write(grid: "SolutionGrid", file: Path, kind: str) -> None:
    """Write a grid in a format."""
    if kind == "h5":
        from spinn.output.grid_file import write_solution

        write_solution(file, grid.axes, grid.unknowns, reference=grid.reference, derived=grid.derived,
                       attributes=grid.attributes, vtkhdf=len(grid.space) <= 3)  # fmt: skip
    else:
        from spinn.output.export import export_solution

        export_solution(grid, file, kind)
