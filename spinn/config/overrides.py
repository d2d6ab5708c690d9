"""`--set a.b=c`: single settings changed from outside the file. Later ones win; explicit flags win over all."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from spinn.config.explain import Key, dotted, expectation, expected_at, known_keys, nearest
from spinn.config.source import Place, Source
from spinn.config.yaml_source import parse_value
from spinn.errors import SpinnError

Path = tuple[Key, ...]


def override(source: Source, assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> Source:
    """The settings with assignments `path=value` made in order, and then flags such as `{"seed": 3}` that are not None.

    A path goes into mappings by key and into lists by index (`train.0.steps`; the index after the last appends).

    **Raises:** SpinnError for an assignment that is malformed or whose path leads nowhere.
    """
    data = copy.deepcopy(dict(source.data))
    places = dict(source.places)
    for text in assignments:
        path, value = parse_assignment(text)
        _assign(data, path, value, text)
        _forget(places, path)
        for length in range(1, len(path) + 1):
            places.setdefault(path[:length], Place(f"--set {text}"))
    for name, value in (flags or {}).items():
        if value is not None:
            data[name] = value
            places[(name,)] = Place(f"--{name} {value}")
    return Source(data, places, source.base, source.name)


def assigned(source: Source, assignments: Sequence[str]) -> Source:
    """The settings with assignments `path=value` made in order, without regard to which keys there are: what they come
    to is checked with the rest.

    **Raises:** SpinnError for an assignment that is malformed, or that asks for a key below a plain value.
    """
    data, places = copy.deepcopy(dict(source.data)), dict(source.places)
    for text in assignments:
        path, value = parse_assignment(text)
        here: Any = data
        for key in path[:-1]:
            here = _below(here, key)
        if not isinstance(here, dict) and not (isinstance(here, list) and path[-1] in range(len(here))):
            raise SpinnError(f"--set {text}: expected the name of a setting, of one in a section, or a stage by number")
        _put(here, path[-1], value)
        _forget(places, path)
        places[path] = places[path[:1]] = Place(f"--set {text}")
    return Source(data, places, source.base, source.name)


def _below(here: Any, key: Key) -> Any:
    """What stands under a key, a new mapping where a mapping has nothing there; None below anything else."""
    if isinstance(here, dict):
        return here.setdefault(key, {})
    return here[key] if isinstance(here, list) and isinstance(key, int) and key < len(here) else None


def merge(source: Source, settings: Mapping[str, Any]) -> Source:
    """The settings with others merged in: mappings key by key, everything else replaced. For callers in Python."""
    places = dict(source.places)
    for name in settings:
        _forget(places, (name,))
        places[(name,)] = Place("")
    return Source(_merged(source.data, settings), places, source.base, source.name)


def _merged(data: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(data)
    for key, value in settings.items():
        below = result.get(key)
        if key == "pde" and isinstance(below, str):
            below = {"name": below}
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _merged(below, value)
        result[key] = value
    return result


def parse_assignment(text: str) -> tuple[Path, Any]:
    """Path and value of `a.b.0=c`; the value is read as YAML.

    **Raises:** SpinnError if there is no `=`, no path, or no readable value.
    """
    left, equals, right = text.partition("=")
    if not equals or not all(part.strip() for part in left.split(".")):
        raise SpinnError(f"--set {text}: expected path.to.key=value, such as network.rank=64 or pde.params.nu=0.01")
    try:
        value = parse_value(right.strip())
    except ValueError as error:
        raise SpinnError(f"--set {text}: expected a YAML value after '=', got a mistake ({error})") from None
    path = tuple(int(part) if part.isdigit() else part for part in map(str.strip, left.split(".")))
    return path, value


def _forget(places: dict[Path, Place], path: Path) -> None:
    """Drop the places of what an assignment replaced."""
    for other in [other for other in places if other[: len(path)] == path]:
        del places[other]


def _assign(data: dict[str, Any], path: Path, value: Any, text: str) -> None:
    """Set the value at a path, making the mappings on the way."""
    here: Any = data
    for depth, key in enumerate(path):
        done = path[:depth]
        key = _checked(here, done, key, text)
        if depth == len(path) - 1:
            _put(here, key, value)
        else:
            here = _step(here, key, (*done, key), text)


def _checked(here: Any, done: Path, key: Key, text: str) -> Key:
    """The key, if it may stand in the mapping or list that `done` leads to."""
    name = dotted(done)
    if isinstance(here, list):
        if not isinstance(key, int):
            raise SpinnError(f"--set {text}: {name} is a list: expected an index such as {name}.0, got '{key}'")
        if key > len(here):
            entries = "empty here (the recipe fills it)" if not here else f"{len(here)} long"
            raise SpinnError(f"--set {text}: {name} is {entries}: expected an index of at most {len(here)}, got {key}")
        return key
    known = known_keys(done)
    free = any(node.get("additionalProperties") for node in expected_at(done) if node.get("type") == "object")
    if not free and str(key) not in known:
        where = f"in '{name}'" if done else "at the top"
        keys = ", ".join(known) or "none"
        hint = _full_path(str(key)) or nearest(str(key), known)
        raise SpinnError(f"--set {text}: there is no '{key}' {where}, expected one of the keys {keys}{hint}")
    return str(key)


def _full_path(key: str) -> str:
    """A hint for a key given without its section."""
    found = [f"{section}.{key}" for section in known_keys(()) if key in known_keys((section,))]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def _step(here: Any, key: Key, path: Path, text: str) -> Any:
    """The mapping or list under a key, made (or made from a short form such as `pde: heat`) where there is none."""
    absent = key not in here if isinstance(here, dict) else key == len(here)
    below = None if absent else here[key]
    if isinstance(below, dict | list):
        return below
    if path == ("pde",) and isinstance(below, str):
        made: Any = {"name": below}
    else:
        kinds = {node.get("type") for node in expected_at(path)}
        if not kinds & {"object", "array"}:
            raise SpinnError(f"--set {text}: '{dotted(path)}' holds {expectation(path)}, expected no key below it")
        made = {} if "object" in kinds else []
    _put(here, key, made)
    return made


def _put(here: Any, key: Key, value: Any) -> None:
    if isinstance(here, list) and key == len(here):
        here.append(value)
    else:
        here[key] = value
