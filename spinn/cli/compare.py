"""`spinn compare`: errors, seconds and settings of several runs side by side."""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, errors_by_unknown, json_option, json_text, number, table
from spinn.cli._runs import Run, finished_run
from spinn.errors import SpinnError

DESCRIPTION = """\
Compare runs: relative L2 errors, seconds, size, and which settings differ.

  spinn compare runs/heat-20250102-120000 runs/heat-20250102-121500
  spinn compare runs/*/ --json
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "compare", "compare runs side by side", DESCRIPTION)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN", help="folders of the runs, at least two")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the comparison."""
    if len(arguments.folders) < 2:
        raise SpinnError(f"compare: expected at least two runs, got {len(arguments.folders)}")
    runs = [finished_run(folder) for folder in arguments.folders]
    rows, settings = comparison(runs), changed_settings(runs)
    if arguments.json:
        print(json_text({"runs": rows, "settings": settings}))
        return 0
    names = list(dict.fromkeys(name for row in rows for name in row["relative_l2"]))
    header = (
        "RUN",
        "PDE",
        "STATUS",
        *(f"ERROR {name}" for name in names),
        "SOLVE S",
        "TOTAL S",
        "PARAMETERS",
        "POINTS",
    )
    print(table(header, [_cells(row, names) for row in rows]))
    for row in settings:
        print(f"\n{row['from']} -> {row['to']}")
        print("\n".join(f"  {line}" for line in row["differences"]) or "  the same settings")
    return 0


def _cells(row: dict[str, Any], names: list[str]) -> tuple[str, ...]:
    seconds = row["seconds"]
    errors = [number(row["relative_l2"].get(name)) for name in names]
    sizes = [number(row["parameters"]), number(row["collocation_points"])]
    spent = [number(seconds.get("solve")), number(seconds.get("total"))]
    return (str(row["folder"]), row["pde"], row["status"], *errors, *spent, *sizes)


def comparison(runs: list[Run]) -> list[dict[str, Any]]:
    """The numbers of each run that comparisons are about."""
    return [
        {
            "folder": run.folder,
            "pde": run.pde,
            "status": run.status,
            "relative_l2": errors_by_unknown(run.summary),
            "seconds": run.summary.get("seconds") or {},
            "parameters": run.summary.get("parameters"),
            "collocation_points": run.summary.get("collocation_points"),
            "precision": run.summary.get("precision"),
            "device": run.summary.get("device"),
        }
        for run in runs
    ]


def changed_settings(runs: list[Run]) -> list[dict[str, Any]]:
    """What differs between the first run's settings and each other's."""
    from spinn.config import differences, load

    first, *others = [(run.folder, load(run.folder / "config.yaml")) for run in runs]
    return [{"from": first[0], "to": folder, "differences": differences(first[1], config)} for folder, config in others]
