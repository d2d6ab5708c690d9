"""Settings before they are checked: plain data, and for every key the place where it was written."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from spinn.config.explain import Key
from spinn.errors import SpinnError


class Place(NamedTuple):
    """Where a setting was written: a line of a file, or an option of the command line."""

    text: str  # what stands before a message, as in "heat.yaml:3"; empty when unknown
    file: Path | None = None
    line: int | None = None


Places = Mapping[tuple[Key, ...], Place]


class Problem(NamedTuple):
    """One mistake and its place."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place.text}: {self.message}" if self.place.text else self.message


@dataclasses.dataclass(frozen=True)
class Source:
    """Unchecked settings. `base` is the folder that relative file names in them refer to."""

    data: Mapping[str, Any]
    places: Places
    base: Path
    name: str  # what the run may be called: the file's stem or the PDE's name

    def place(self, path: tuple[Key, ...]) -> Place:
        """Where the key at a path was written, or the nearest key around it."""
        return nearest_place(self.places, path)


def nearest_place(places: Places, path: tuple[Key, ...]) -> Place:
    """The place of a path, or of the innermost mapping around it that has one."""
    for length in range(len(path), -1, -1):
        if path[:length] in places:
            return places[path[:length]]
    return Place("")


def from_data(data: Mapping[str, Any], *, base: Path | None = None, name: str = "run", text: str = "") -> Source:
    """Settings from Python data; `text` stands before messages about them."""
    return Source(dict(data), {(): Place(text)}, base or Path.cwd(), name)


def failure(problems: list[Problem]) -> SpinnError:
    """All problems of one source as one error, one a line."""
    if len(problems) == 1 and problems[0].place.file is not None:
        place, message = problems[0]
        return SpinnError(message, file=place.file, line=place.line)
    return SpinnError("\n".join(map(str, problems)))
