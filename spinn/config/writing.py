"""A configuration as YAML text, and what differs between two configurations."""

from pathlib import Path
from typing import Any

import yaml

from spinn.config.explain import dotted, shown
from spinn.config.models import Config
from spinn.config.yaml_source import load
from spinn.errors import SpinnError

MAY_CHANGE = ("output.", "checkpoint.")  # settings that have no part in the numbers


class _Dumper(yaml.SafeDumper):
    """Short lists and mappings on one line, as people write them."""


def _flow_when_short(dumper: yaml.SafeDumper, value: Any, tag: str, *, mapping: bool) -> yaml.Node:
    items = value.values() if mapping else value
    flat = not any(isinstance(item, dict | list | tuple) for item in items)
    if mapping:
        return dumper.represent_mapping(tag, value.items(), flow_style=flat and len(value) <= 4)
    return dumper.represent_sequence(tag, value, flow_style=flat)


_Dumper.add_representer(dict, lambda d, v: _flow_when_short(d, v, "tag:yaml.org,2002:map", mapping=True))
_Dumper.add_representer(list, lambda d, v: _flow_when_short(d, v, "tag:yaml.org,2002:seq", mapping=False))


def to_yaml(config: Config, *, set_only: bool = False) -> str:
    """The configuration as YAML that `spinn solve` reads back to an equal one.

    `set_only` leaves out what was not written by the user.
    """
    data = config.model_dump(mode="json", exclude_unset=set_only)
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def differences(old: Config, new: Config) -> list[str]:
    """What changed from one configuration to another, one `path: old -> new` a setting."""
    return _differences(old.model_dump(mode="json"), new.model_dump(mode="json"), ())


def check_resumable(saved: Path, config: Config) -> None:
    """A run may be continued with the resolved configuration that it was begun with; outputs may change.

    `saved` is the run's config.yaml, `config` the resolved configuration of now.

    **Raises:** SpinnError with what differs.
    """
    changed = [line for line in differences(load(saved), config) if not line.startswith(MAY_CHANGE)]
    if changed:
        listed = "".join(f"\n  {line}" for line in changed)
        raise SpinnError(
            "this run was made with another configuration; expected the same to resume it, got (run -> now):"
            f"{listed}\nStart anew with another --out, or resume with `spinn solve {saved.parent} --resume`",
            file=saved,
        )


def _differences(old: Any, new: Any, path: tuple[str | int, ...]) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = list(dict.fromkeys([*old, *new]))
        return [line for key in keys for line in _differences(old.get(key), new.get(key), (*path, key))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [line for index, (a, b) in pairs for line in _differences(a, b, (*path, index))]
    return [] if old == new else [f"{dotted(path)}: {_word(old)} -> {_word(new)}"]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)
