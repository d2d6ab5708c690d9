"""Reading YAML with the line of every key, so that a mistake is reported where it stands.

Scalars follow YAML 1.2 where 1.1 (PyYAML's) surprises: `1e-9` is a number, `010` is ten, `1:30` is text. `yes`, `no`,
`on` and `off` are still switches, and keys are always text.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from spinn.config.explain import Key, dotted
from spinn.config.models import Config
from spinn.config.source import Place, Problem, Source, failure
from spinn.config.validate import validate
from spinn.errors import SpinnError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"[-+]?[0-9][0-9_]*")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null"), None),
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}


def load(file: str | Path) -> Config:
    """The configuration in a YAML file.

    **Raises:** SpinnError with every mistake, one a line, with file and line.
    """
    return validate(read(file))


def read(file: str | Path) -> Source:
    """The settings in a YAML file with their lines, not yet checked against the schema.

    **Raises:** SpinnError for a file that cannot be read, a YAML syntax error, a duplicate key, an empty file.
    """
    path = Path(file)
    return parse(_text(path), path)


def parse(text: str, file: Path) -> Source:
    """As `read`, from text already in memory; `file` names it in messages."""
    root = _compose(text, file)
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        raise SpinnError("expected at least `pde: NAME` (`spinn list` shows the names), got an empty file", file=file)
    if not isinstance(root, yaml.MappingNode):
        line = root.start_mark.line + 1
        raise SpinnError("expected keys and values such as `pde: heat`, got a bare value or list", file=file, line=line)
    reader = _Reader(file)
    data = reader.value(root, (), root.start_mark.line)
    if reader.problems:
        raise failure(reader.problems)
    return Source(data, reader.places, file.resolve().parent, file.stem)


def parse_value(text: str) -> Any:
    """One YAML value, such as `1e-9`, `[1, 2]` or `{x: fourier}`.

    **Raises:** ValueError if the text is no YAML value.
    """
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise ValueError(str(getattr(error, "problem", error))) from None
    if root is None:
        return None
    reader = _Reader(Path("value"))
    value = reader.value(root, (), 0)
    if reader.problems:
        raise ValueError(reader.problems[0].message)
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpinnError("expected a YAML file, found none of this name", file=path) from None
    except IsADirectoryError:
        raise SpinnError("expected a YAML file, got a folder", file=path) from None
    except UnicodeDecodeError:
        raise SpinnError("expected a text file in UTF-8, got other bytes; is this a YAML file?", file=path) from None
    except OSError as error:
        raise SpinnError(f"the file cannot be read: {error.strerror}", file=path) from None


def _compose(text: str, file: Path) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        tab = line is not None and "\t" in (text.splitlines() or [""])[min(line, len(text.splitlines())) - 1]
        hint = "; indent with spaces, not tabs" if tab else "; check indentation, quotes and closing brackets here"
        what = ": ".join(filter(None, (error.context, error.problem)))
        raise SpinnError(f"expected valid YAML, got a mistake ({what}){hint}", file=file, line=line) from None
    except yaml.YAMLError as error:
        raise SpinnError(f"expected valid YAML, got {error}", file=file) from None


class _Reader:
    """Walks a YAML node tree, collecting the place of every key and every duplicate."""

    def __init__(self, file: Path):
        self.file = file
        self.places: dict[tuple[Key, ...], Place] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()  # nodes on the way here: an alias to one of them would never end

    def _place(self, line: int) -> Place:
        return Place(f"{self.file}:{line + 1}", self.file, line + 1)

    def value(self, node: yaml.Node, path: tuple[Key, ...], line: int) -> Any:
        """The Python value of a node whose key (or itself, in lists) stands at `line`, counted from 0."""
        self.places[path] = self._place(line)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._open:
            self.problems.append(Problem(self._place(line), f"{dotted(path)}: the alias contains itself"))
            return None
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._open.remove(id(node))
        return value

    def _list(self, node: yaml.Node, path: tuple[Key, ...]) -> list[Any]:
        return [self.value(item, (*path, index), item.start_mark.line) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: tuple[Key, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self._place(line), "expected a name as key, got a list or mapping"))
                continue
            key = key_node.value
            if key in result:
                first = self.places[(*path, key)].line
                where = dotted((*path, key))
                message = f"{where}: expected each key once, got '{key}' again (first in line {first}); remove one"
                self.problems.append(Problem(self._place(line), message))
                continue
            result[key] = self.value(value_node, (*path, key), line)
        return result


def _scalar(node: yaml.ScalarNode) -> Any:
    """A scalar by the rules in this module's docstring; quoted scalars are text."""
    text = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.lower() in _SPECIAL:
        return float(_SPECIAL[text.lower()])
    if _WHOLE.fullmatch(text):
        return int(text.replace("_", ""))
    return float(text.replace("_", "")) if _REAL.fullmatch(text) else text
