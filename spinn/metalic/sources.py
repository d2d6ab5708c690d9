"""Where the settings of a family come from: a YAML file here, or one that ships with the library."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinn.config.explain import nearest
from spinn.config.overrides import override
from spinn.config.shipped import family_examples
from spinn.config.source import Source
from spinn.config.yaml_source import read
from spinn.errors import SpinnError


def family_source(what: str, assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> Source:
    """The settings of a file, with `--set` assignments and flags on top. SpinnError where there is none."""
    return override(read(_file(what)), assignments, flags)


def _file(what: str) -> Path:
    path, shipped = Path(what), family_examples()
    if path.is_file():
        return path
    if path.stem in shipped and path.parent == Path():
        return shipped[path.stem]
    raise SpinnError(
        f"expected a YAML file, or an example of a family ({', '.join(shipped)}), got '{what}'"
        f"{nearest(path.stem, shipped)}"
    )
