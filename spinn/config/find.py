"""What the argument of `spinn solve X` means: a file here, a file that ships with the library, or a PDE's name."""

import difflib
from pathlib import Path
from typing import NamedTuple

from spinn.config.shipped import examples, pde_names
from spinn.config.source import Source, from_data
from spinn.config.yaml_source import read
from spinn.errors import SpinnError


class Found(NamedTuple):
    """A YAML file, or a PDE's name (or ./file.py:Class) for the default recipe; and what to tell the user."""

    file: Path | None
    pde: str | None
    note: str | None = None


def is_file_reference(text: str) -> bool:
    """Whether text names a class in a Python file: `./my_pde.py:Beam`, or `my_pde.py`."""
    return text.endswith(".py") or ".py:" in text


def find(argument: str) -> Found:
    """Resolve an argument: a file; a shipped example; either with `.yaml` added; a PDE's name; ./file.py:Class.

    **Raises:** SpinnError with the nearest names if it is none of these.
    """
    path = Path(argument)
    if is_file_reference(argument):
        return Found(None, argument)
    if path.is_dir():
        inside = path / "config.yaml"
        hint = f"; this is a run: use {inside} to solve it again" if inside.exists() else ""
        raise SpinnError(f"expected a YAML file or the name of a PDE, got the folder {argument}{hint}")
    if path.is_file():
        return Found(path, None)
    bare = path.parent == Path(".")
    with_suffix = path if path.suffix in (".yaml", ".yml") else Path(f"{argument}.yaml")
    if with_suffix.is_file():
        return Found(with_suffix, None)
    if bare and with_suffix.stem in examples():
        missing = f"no ./{path.name} here: " if path.suffix else ""
        return Found(examples()[with_suffix.stem], None, f"{missing}using the example that ships with spinn")
    if bare and with_suffix.stem in pde_names():
        note = None if path.suffix == "" else f"no ./{path.name} here: solving {path.stem} by the default recipe"
        return Found(None, with_suffix.stem, note)
    raise _nothing(path, bare)


def _nothing(path: Path, bare: bool) -> SpinnError:
    known = sorted({*examples(), *pde_names(), *(file.stem for file in Path.cwd().glob("*.y*ml"))})
    near = difflib.get_close_matches(path.stem.lower(), known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    if not bare and path.stem in known:
        hint = f"; `spinn solve {path.stem}` runs the one that ships with spinn"
    return SpinnError(
        f"expected a YAML file, a shipped example or the name of a PDE, got '{path}', which is none{hint} "
        "(`spinn list` shows all, `spinn new NAME` writes a starter)"
    )


def source_of(found: Found) -> Source:
    """The unchecked settings that were found.

    **Raises:** SpinnError if the file cannot be read as YAML.
    """
    if found.file is not None:
        return read(found.file)
    assert found.pde is not None
    name = found.pde.rpartition(":")[2] if is_file_reference(found.pde) else found.pde
    return from_data({"pde": found.pde}, name=Path(name).stem.lower())
