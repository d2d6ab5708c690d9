"""`spinn new`: a starter for a PDE of the user's own."""

import argparse
import keyword
from pathlib import Path
from typing import Any

from spinn.cli import _starter
from spinn.cli._printing import command
from spinn.errors import SpinnError

DESCRIPTION = """\
Write NAME.py, a small PDE of your own with a manufactured solution, and NAME.yaml, which solves it. Both run as they
are; change them from there. Nothing is overwritten.

  spinn new beam
  spinn check ./beam.py:Beam
  spinn solve beam.yaml
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "new", "start a PDE of your own", DESCRIPTION)
    parser.add_argument("name", metavar="NAME", help="name of the files, such as beam or heat_exchanger")
    parser.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="folder to write to (default: here)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files and say what to do next."""
    module, settings = write_starter(arguments.name, arguments.out)
    place = f"./{module}" if module.parent == Path(".") else str(module)
    print(f"wrote {module} and {settings}")
    print(f"next:  spinn check {place}:{class_name(arguments.name)}\n       spinn solve {settings}")
    return 0


def class_name(name: str) -> str:
    """`heat_exchanger` -> `HeatExchanger`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def write_starter(name: str, folder: Path) -> tuple[Path, Path]:
    """Write `name.py` and `name.yaml` into a folder, which is made if need be.

    **Raises:** SpinnError for a name that Python cannot import, a file that exists, a folder that cannot be written.
    """
    from spinn.files.atomic import explain, write_text

    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise SpinnError(f"new: expected a name of letters, digits and _ such as my_beam, got '{name}'")
    module, settings = folder / f"{name}.py", folder / f"{name}.yaml"
    for file in (module, settings):
        if file.exists():
            raise SpinnError("this file exists already and is left as it is; choose another name or --out", file=file)
    words = {"name": name, "cls": class_name(name), "title": name.replace("_", " ").capitalize()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain(error, folder) from error
    write_text(module, _starter.PDE.format(**words))
    write_text(settings, _starter.YAML.format(**words))
    return module, settings
