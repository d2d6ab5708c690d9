"""What ships with the library, found without importing it: names and one-line equations of PDEs, example files.

`spinn.pdes` imports jax, which takes a second; listing its modules and reading their docstrings does not need that.
"""

import ast
import importlib.util
from pathlib import Path
from typing import NamedTuple


class PdeEntry(NamedTuple):
    """A shipped PDE: module name, class name, first paragraph of the class's docstring, coordinates."""

    name: str
    cls: str
    summary: str
    coordinates: tuple[str, ...]
    file: Path


def _folder(package: str) -> Path | None:
    """The folder of a package of ours, without importing it."""
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if places:
        return Path(places[0])
    beside = Path(__file__).parents[2] / package.rpartition(".")[2]  # a checkout used without being installed
    return beside if beside.is_dir() else None


def pde_names() -> tuple[str, ...]:
    """Names of the shipped PDEs, as `spinn.pdes.available()` gives them."""
    return tuple(sorted(file.stem for file in _modules()))


def _modules() -> list[Path]:
    folder = _folder("spinn.pdes")
    return [file for file in folder.glob("*.py") if not file.stem.startswith("_")] if folder else []


def pde_entries() -> tuple[PdeEntry, ...]:
    """All shipped PDEs with their equations, by name."""
    found = [entry for file in sorted(_modules()) for entry in entries_in(file)[:1]]
    return tuple(found)


def entries_in(file: Path) -> list[PdeEntry]:
    """The public classes of a PDE module, read off its source.

    **Raises:** SyntaxError if the module is no valid Python.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and _coordinates(node):
            text = (ast.get_docstring(node) or node.name).split("\n\n")[0]
            found.append(PdeEntry(file.stem, node.name, " ".join(text.split()), _coordinates(node), file))
    return found


def _coordinates(node: ast.ClassDef) -> tuple[str, ...]:
    for item in node.body:
        targets = getattr(item, "targets", [getattr(item, "target", None)])
        if any(isinstance(target, ast.Name) and target.id == "coordinates" for target in targets):
            value = getattr(item, "value", None)
            names = value.elts if isinstance(value, ast.Tuple) else ()
            return tuple(str(name.value) for name in names if isinstance(name, ast.Constant))
    return ()


def examples() -> dict[str, Path]:
    """The example files that ship with the library, by name without `.yaml`."""
    return _yaml_files("spinn.examples")


def dataset_examples() -> dict[str, Path]:
    """The examples of `spinn generate`, alike."""
    return _yaml_files("spinn.examples", "datasets")


def family_examples() -> dict[str, Path]:
    """The examples of `spinn metalic`, alike."""
    return _yaml_files("spinn.examples", "families")


def operator_examples() -> dict[str, Path]:
    """The examples of `spinn learn`, alike."""
    return _yaml_files("spinn.examples", "operators")


def _yaml_files(package: str, *inner: str) -> dict[str, Path]:
    folder = _folder(package)
    return {file.stem: file for file in sorted(folder.joinpath(*inner).glob("*.yaml"))} if folder else {}
