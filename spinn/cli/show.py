"""`spinn show`: what a PDE says, what a YAML file comes to, how a run went."""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, entry, json_option, json_text, note, table

DESCRIPTION = """\
Show a PDE, a configuration or a run.

  spinn show heat                     equation, coordinates, domain, parameters, conditions, what truth is known
  spinn show ./my_pde.py:Beam         the same for a PDE of your own
  spinn show heat.yaml                the configuration with everything that the recipe fills in
  spinn show heat.yaml --set recipe=paper
  spinn show runs/heat-20250102-120000    how a run went
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "show", "show a PDE, a YAML file or a run", DESCRIPTION)
    parser.add_argument(
        "what", metavar="PDE|FILE|RUN", help="a PDE's name, ./file.py:Class, a YAML file, a run's folder"
    )
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting first, such as pde.params.nu=0.01")  # fmt: skip
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what there is to show."""
    what = arguments.what
    if Path(what).is_dir():
        from spinn.cli._runs import open_run

        opened = open_run(Path(what))
        data = {"folder": opened.folder, "pde": opened.pde, "status": opened.status, **opened.summary}
        print(json_text(data) if arguments.json else run_lines(data))
    elif what.endswith((".yaml", ".yml")):
        plan, told = resolved(what, arguments.assignments)
        if told:
            note(told)
        from spinn.config import to_yaml

        settings = plan.config.model_dump(mode="json")
        print(json_text(settings) if arguments.json else f"# {plan.reason}\n{to_yaml(plan.config).rstrip()}")
    else:
        data = described(what, arguments.assignments)
        print(json_text(data) if arguments.json else pde_lines(data))
    return 0


def described(what: str, assignments: list[str]) -> dict[str, Any]:
    """The PDE of this name (or ./file.py:Class) as plain data."""
    from spinn.config import from_data, override
    from spinn.config.describe import describe
    from spinn.config.prepare import checked

    source = override(from_data({"pde": what}), assignments)
    return {"name": what, **describe(checked(source)[1])}


def resolved(file: str, assignments: list[str]) -> tuple[Any, str | None]:
    """The plan of a file, with everything filled in by its recipe, and a note for the user."""
    from spinn.config.prepare import prepare
    from spinn.recipes import resolve

    prepared = prepare(file, assignments)
    return resolve(prepared.config, prepared.pde), prepared.note


def pde_lines(data: dict[str, Any]) -> str:
    """A description of a PDE for people."""
    domain = ", ".join(f"{axis} in [{low:g}, {high:g}]" for axis, (low, high) in data["domain"].items())
    orders = ", ".join(f"{order} in {axis}" for axis, order in data["orders"].items())
    known = [name for name, there in (("exact solution", data["exact"]), ("own reference", data["reference"])) if there]
    facts = [
        ("coordinates", ", ".join(data["coordinates"])),
        ("domain", domain),
        ("unknowns", ", ".join(data["unknowns"])),
        ("derivatives", f"up to order {orders}"),
        ("conditions", ", ".join(data["conditions"]) or "none"),
        ("loss terms", ", ".join(data["loss_terms"])),
        ("truth", " and ".join(known) or "not known"),
        ("file", data["file"]),
    ]
    lines = [data["class"], "", data["text"], "", table(("", ""), facts).lstrip("\n")]
    if data["parameters"]:
        rows = [(f"  {p['name']}", _value(p["value"]), p["type"], p["comment"]) for p in data["parameters"]]
        lines += ["", "parameters (--set pde.params.NAME=VALUE)", table(("  NAME", "VALUE", "TYPE", "MEANING"), rows)]
    return "\n".join(lines)


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def run_lines(summary: dict[str, Any]) -> str:
    """A run's summary for people: nested entries on one line each."""
    rows = [(name.replace("_", " "), entry(value)) for name, value in summary.items() if value not in (None, [], {})]
    return table(("", ""), rows).lstrip("\n")
