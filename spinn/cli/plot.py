"""`spinn plot`: draw the figures of a run (again)."""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command

DESCRIPTION = """\
Draw the solution, its error and the loss of a run from its files. Nothing is computed again.

  spinn plot runs/heat-...                     into the run's figures/
  spinn plot runs/heat-... --out for_paper
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "plot", "draw the figures of a run", DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the figures (default: figures/ of the run)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw, and print the files."""
    for file in drawn(arguments.folder, arguments.out):
        print(file)
    return 0


def drawn(folder: Path, out: Path | None = None) -> list[Path]:
    """The figures of a run: solution and error from solution.h5, loss from metrics.jsonl.

    **Raises:** SpinnError if there is no run or no solution, or the folder cannot be written.
    """
    from spinn.files.atomic import explain
    from spinn.output.folder import RunFolder
    from spinn.output.grid_file import read_solution

    files = RunFolder.open(folder)
    grid = read_solution(files.solution)
    target = out or files.figures
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, target) from error
    from spinn.output.figures import draw_solution  # matplotlib takes a second to start
    from spinn.output.loss_figure import draw_loss

    cuts = grid.attributes.get("cuts", {})
    paths = draw_solution(grid.axes, grid.quantities, grid.reference, target, cuts)
    loss = draw_loss(files.read_metrics(), target / "loss.png")
    return [*paths, *([loss] if loss else [])]
