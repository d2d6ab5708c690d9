"""`spinn list`: the equations, examples and runs there are."""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, errors_by_unknown, json_option, json_text, number, table
from spinn.cli._runs import ROOT, all_runs

DESCRIPTION = """\
List the PDEs that ship with spinn, the example files, and the runs under ./runs.

  spinn list                     everything
  spinn list pdes                only the equations
  spinn list runs --json         runs as JSON, for scripts
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "list", "list PDEs, examples and runs", DESCRIPTION)
    parser.add_argument(
        "what", nargs="?", choices=("all", "pdes", "examples", "runs"), default="all", help="what to list"
    )
    parser.add_argument("--runs", dest="root", type=Path, default=ROOT, metavar="DIR", help="where runs lie (./runs)")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the lists."""
    data = listed(arguments.root)
    chosen = {arguments.what: data[arguments.what]} if arguments.what != "all" else data
    if arguments.json:
        print(json_text(chosen))
        return 0
    tables = {
        "pdes": lambda rows: table(("PDE", "EQUATION"), [(row["name"], row["summary"]) for row in rows]),
        "examples": lambda rows: table(("EXAMPLE", "FIRST LINE"), [(row["name"], row["summary"]) for row in rows]),
        "runs": lambda rows: table(("RUN", "PDE", "STATUS", "ERROR", "SECONDS"), [_run_row(row) for row in rows]),
    }
    print("\n\n".join(tables[what](rows) if rows else f"no {what} yet" for what, rows in chosen.items()))
    return 0


def _run_row(row: dict[str, Any]) -> tuple[str, ...]:
    return (str(row["folder"]), row["pde"], row["status"], number(row["relative_l2"]), number(row["seconds"]))


def listed(root: Path = ROOT) -> dict[str, list[dict[str, Any]]]:
    """PDEs, examples and runs as plain data. jax is not imported."""
    from spinn.config.shipped import examples, pde_entries

    pdes = [{"name": e.name, "class": e.cls, "coordinates": e.coordinates, "summary": e.summary} for e in pde_entries()]
    shipped = [
        {"name": f"{name}.yaml", "file": file, "summary": _first_comment(file)} for name, file in examples().items()
    ]
    runs = [
        {
            "folder": run.folder,
            "pde": run.pde,
            "status": run.status,
            "relative_l2": errors_by_unknown(run.summary).get("all"),
            "seconds": (run.summary.get("seconds") or {}).get("total"),
        }
        for run in all_runs(root)
    ]
    return {"pdes": pdes, "examples": shipped, "runs": runs}


def _first_comment(file: Path) -> str:
    """The comment in the first line of an example, which says what it is."""
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip() if first.startswith("#") else ""
