"""From unchecked settings to a `Config`, with every mistake told at its place in the user's words."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from spinn.config.explain import Key, choices, dotted, expectation, expected_at, known_keys, nearest, shown
from spinn.config.models import Config
from spinn.config.source import Problem, Source, failure, from_data

Path = tuple[Key, ...]


def validate(source: Source) -> Config:
    """The configuration that the settings describe.

    **Raises:** SpinnError with one line a mistake: `file:line: path.to.key: expected ..., got ...; did you mean ...?`
    """
    try:
        return Config.model_validate(source.data)
    except ValidationError as error:
        raise failure(_problems(error, source)) from None


def config_from(data: Mapping[str, Any]) -> Config:
    """A configuration from Python data in the shape of the YAML file.

    **Raises:** SpinnError as `validate` does.
    """
    return validate(from_data(data))


def _problems(error: ValidationError, source: Source) -> list[Problem]:
    """The mistakes, one a path: of a union's complaints only those of the alternative that fitted best remain."""
    by_path: dict[Path, ErrorDetails] = {}
    for details in error.errors():
        by_path.setdefault(_path_in(source.data, details), details)
    found = []
    for path, details in by_path.items():
        if any(other[: len(path)] == path and len(other) > len(path) for other in by_path):
            continue
        found.append(Problem(source.place(path), _message(path, details, source.data)))
    return sorted(found, key=lambda problem: (str(problem.place.file or ""), problem.place.line or 0))


def _path_in(data: Any, details: ErrorDetails) -> Path:
    """pydantic's location without the names of union members that it mixes in."""
    path: list[Key] = []
    location = details["loc"]
    for index, key in enumerate(location):
        inside = key in data if isinstance(data, dict) else isinstance(data, list) and key in range(len(data))
        if inside:
            data = data[key]
            path.append(key)
        elif details["type"] == "missing" and index == len(location) - 1:
            path.append(key)
    return tuple(path)


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else data[key]
    return data


def _message(path: Path, details: ErrorDetails, data: Any) -> str:
    """One mistake in the form `path: expected ..., got ...; did you mean ...?`."""
    name = dotted(path) or "the whole"
    if details["type"] == "missing":
        return f"{name}: expected {expectation(path)}, got nothing; this key is needed"
    if details["type"] == "extra_forbidden":
        known = known_keys(path[:-1])
        return (
            f"{name}: expected one of the keys {', '.join(known)}, got '{path[-1]}'"
            f"{_elsewhere(path) or nearest(str(path[-1]), known)}"
        )
    if details["type"] == "value_error":
        return f"{name}: {details['ctx']['error']}"
    value = _at(data, path)
    hint = nearest(value, choices(path)) if isinstance(value, str) else ""
    return f"{name}: expected {expectation(path)}, got {shown(value)}{hint or _unquoted(value, path)}"


def _elsewhere(path: Path) -> str:
    """A hint for a key that belongs elsewhere, such as `rank` at the top of the file or `seed` in a section."""
    key = str(path[-1])
    if key in known_keys(()):
        return f"; '{key}' belongs at the top level of the file"
    sections = [(section,) for section in known_keys(())] + [("train", 0)]
    found = [dotted((*section, key)) for section in sections if key in known_keys(section)]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def _unquoted(value: Any, path: Path) -> str:
    """A hint for a quoted number."""
    try:
        float(value if isinstance(value, str) else "no number")
    except ValueError:
        return ""
    kinds = {node.get("type") for node in expected_at(path)}
    return "; write the number without quotes" if kinds & {"integer", "number"} else ""
