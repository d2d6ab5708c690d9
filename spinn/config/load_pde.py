"""From the words in a configuration to a PDE: the class by name or from a user's file, its parameters, its domain."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from spinn.config.diagnosis import class_line, shown_type, source_file
from spinn.config.explain import nearest, shown
from spinn.config.find import is_file_reference
from spinn.config.models import PdeSpec
from spinn.config.parameter_types import converted, declared_type, in_words
from spinn.config.source import Places, Problem, failure, nearest_place
from spinn.config.user_code import import_file, line_in
from spinn.errors import SpinnError
from spinn.pdes import PDE, Box, available, get


def load_pde(
    spec: PdeSpec,
    base: Path | None = None,
    *,
    domain: Mapping[str, tuple[float, float]] | None = None,
    places: Places | None = None,
) -> PDE:
    """The PDE that `spec` describes, with `domain` replacing intervals of its own.

    `base` is the folder that ./file.py refers to (the current folder is tried next). `places` says where the settings
    were written, for messages.

    **Raises:** SpinnError for an unknown name, a file or class that cannot be used, an unknown or mistyped parameter,
    an unknown axis, or values that the PDE itself refuses.
    """
    at = Complaints(places or {})
    cls = pde_class(spec.name, base, at)
    parameters = {name: at.parameter(cls, name, value) for name, value in spec.params.items()}
    box = at.domain(cls, domain or {})
    try:
        return cls(**parameters, **({} if box is None else {"domain": box}))
    except TypeError as error:
        raise _incomplete(cls, error) from None
    except Exception as error:
        at.fail(("pde", "params") if spec.params else ("pde", "name"), f"{cls.__name__} refuses these values: {error}")


def located(spec: PdeSpec, base: Path) -> PdeSpec:
    """The same spec with ./file.py:Class made absolute, so that it can be loaded from anywhere later."""
    if not is_file_reference(spec.name):
        return spec
    file, name = split_reference(spec.name)
    return spec.model_copy(update={"name": f"{_existing(file, base)}{':' if name else ''}{name}"})


def split_reference(text: str) -> tuple[str, str]:
    """File and class of `./file.py:Class`; the class is empty where none is given."""
    if text.endswith(".py"):
        return text, ""
    file, _, name = text.rpartition(":")
    return file, name.strip()


def pde_class(name: str, base: Path | None = None, at: "Complaints | None" = None) -> type[PDE]:
    """The class by a shipped PDE's name, or by ./file.py:Class.

    **Raises:** SpinnError as `load_pde` does.
    """
    at = at or Complaints({})
    if is_file_reference(name):
        return _class_from_file(name, base or Path.cwd(), at)
    if name not in available():
        alike = nearest(name, available())
        file = f"; for the file {name}.py write ./{name}.py:ClassName" if Path(f"{name}.py").exists() else ""
        at.fail(
            ("pde", "name"),
            f"pde: expected one of {', '.join(available())}, or ./my_pde.py:MyPDE, got '{name}'{alike}{file}",
        )
    return get(name)


def _existing(file: str, base: Path) -> Path:
    """The file beside the YAML file, or else in the current folder."""
    tried = [base / file, Path.cwd() / file]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        folders = " and ".join(dict.fromkeys(str(path.parent.resolve()) for path in tried))
        raise SpinnError(f"pde: expected a Python file '{file}', found none in {folders}")
    return found.resolve()


def _class_from_file(reference: str, base: Path, at: "Complaints") -> type[PDE]:
    file, name = split_reference(reference)
    try:
        path = _existing(file, base)
    except SpinnError as error:
        at.fail(("pde", "name"), error.message)
    module = import_file(path)
    classes = {key: value for key, value in vars(module).items() if isinstance(value, type)}
    pdes = {key: cls for key, cls in classes.items() if issubclass(cls, PDE) and cls.__module__ == module.__name__}
    listed = ", ".join([*list(pdes)[:8], *["..."] * (len(pdes) > 8)]) or "none: write `class MyPDE(PDE):`"
    if not name:
        if len(pdes) != 1:
            at.fail(
                ("pde", "name"),
                f"pde: expected one PDE class in {path}, got {len(pdes)} ({listed}); say which: {file}:CLASS",
            )
        return next(iter(pdes.values()))
    chosen = getattr(module, name, None)
    if chosen is None:
        at.fail(
            ("pde", "name"),
            f"pde: there is no class '{name}' in {path}{nearest(name, pdes)} PDE classes there: {listed}",
        )
    if not (isinstance(chosen, type) and issubclass(chosen, PDE)):
        kind = "a class that does not derive from spinn.pdes.PDE" if isinstance(chosen, type) else shown_type(chosen)
        there = f"PDE classes there: {listed}"
        at.fail(("pde", "name"), f"pde: expected '{name}' in {path} to be a PDE class, got {kind}; {there}")
    return chosen


def _incomplete(cls: type[PDE], error: TypeError) -> SpinnError:
    """A class that cannot be made: an abstract method or the domain is missing."""
    file, line = source_file(cls), class_line(cls)
    arguments = ", ".join(("self", *cls.unknowns, *cls.coordinates))
    if "abstract" in str(error):
        return SpinnError(f"{cls.__name__}: expected a method `residual({arguments})`, got none", file=file, line=line)
    if "`domain = Box(" in str(error):
        return SpinnError(str(error), file=file, line=line)
    inside = None if file is None else line_in(error, file)
    return SpinnError(f"{cls.__name__} cannot be made: {error}", file=file, line=inside or line)


class Complaints:
    """Checks single settings of the PDE and fails at the place where they were written."""

    def __init__(self, places: Places):
        self.places = places

    def fail(self, path: tuple[str, ...], message: str) -> NoReturn:
        """Raise at the place of a setting."""
        raise failure([Problem(nearest_place(self.places, path), message)]) from None

    def parameter(self, cls: type[PDE], name: str, value: Any) -> Any:
        """The value of a parameter in its declared type."""
        fields = {field.name: field for field in dataclasses.fields(cls) if field.name != "domain"}
        path = ("pde", "params", name)
        if name not in fields:
            known = ", ".join(fields) or "none"
            hint = _near(name, fields)
            self.fail(path, f"pde.params.{name}: {cls.__name__} has no parameter '{name}'{hint} it has: {known}")
        declared = declared_type(cls, name, fields[name].type)
        accepted, result = converted(declared, value)
        if not accepted:
            got = shown(value)
            self.fail(path, f"pde.params.{name}: expected {in_words(declared)}, got {got}")
        return result

    def domain(self, cls: type[PDE], changes: Mapping[str, tuple[float, float]]) -> Box | None:
        """The domain with intervals replaced, or None where nothing changes."""
        own = getattr(cls, "domain", None)
        if not changes or not isinstance(own, Box):
            return None
        for axis in changes:
            if axis not in own.axes:
                hint = f"{_near(axis, own.axes)} its axes are {', '.join(own.axes)}"
                self.fail(("domain", axis), f"domain.{axis}: {cls.__name__} has no axis '{axis}'{hint}")
        try:
            return own.replace(**changes)
        except ValueError as error:
            self.fail(("domain",), str(error))


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ";"
