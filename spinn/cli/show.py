"""`spinn show`: what a PDE says, what a YAML file comes to, how a run went, what is in a dataset."""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, entry, json_option, json_text, note, table

DESCRIPTION = """\
Show a PDE, a configuration, a run or a dataset.

  spinn show heat                     equation, coordinates, domain, parameters, conditions, what truth is known
  spinn show ./my_pde.py:Beam         the same for a PDE of your own
  spinn show heat.yaml                the configuration with everything that the recipe fills in
  spinn show heat.yaml --set recipe=paper
  spinn show runs/heat-20250102-120000    how a run went
  spinn show darcy.h5                 what a dataset holds, and how it was made
  spinn show darcy.h5 --figure darcy.png --rows 6    the same, with samples drawn
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "show", "show a PDE, a YAML file, a run or a dataset", DESCRIPTION)
    parser.add_argument(
        "what", metavar="PDE|FILE|RUN", help="a PDE's name, ./file.py:Class, a YAML file, a run's folder, a dataset"
    )
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting first, such as pde.params.nu=0.01")  # fmt: skip
    parser.add_argument("--figure", type=Path, metavar="PNG", help="of a dataset: draw samples into this file")
    parser.add_argument("--rows", type=int, default=4, metavar="N", help="how many samples to draw (default 4)")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what there is to show."""
    what = arguments.what
    if what.endswith((".h5", ".hdf5")):
        show_dataset(Path(what), arguments.figure, arguments.rows, as_json=arguments.json)
    elif Path(what).is_dir():
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


def show_dataset(path: Path, figure: Path | None, rows: int, *, as_json: bool) -> None:
    """What a dataset holds, and some of its samples as a figure."""
    from spinn.data.formats.native import Dataset
    from spinn.errors import SpinnError
    from spinn.output.dataset_figure import draw_samples
    from spinn.output.dataset_text import summary_lines

    if rows < 1:
        raise SpinnError(f"--rows: expected at least 1, got {rows}")
    with Dataset(path) as data:
        if as_json:
            shapes = {name: list(field.shape) for name, field in data.fields.items()}
            print(json_text({"file": path, "samples": len(data), "fields": shapes, **data.attributes}))
        else:
            print(summary_lines(data))
        if figure is not None:
            note(f"wrote {draw_samples(data, figure, rows)}")


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
    from spinn.sizing import planned

    prepared = prepare(file, assignments)
    return planned(prepared.config, prepared.pde), prepared.note


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
