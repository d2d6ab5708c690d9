"""What the configuration expects at a path, in words: read off the JSON schema, so that words and checks agree."""

import difflib
import functools
from collections.abc import Iterable, Sequence
from typing import Any

from spinn.config.models import Config

Key = str | int
Path = tuple[Key, ...]
Schema = dict[str, Any]


@functools.cache
def schema() -> Schema:
    """The JSON schema of a configuration file (draft 2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def alternatives(node: Schema) -> tuple[Schema, ...]:
    """The shapes that a schema admits, references followed and unions flattened."""
    if "$ref" in node:
        return alternatives(schema()["$defs"][node["$ref"].rpartition("/")[2]])
    if "anyOf" in node:
        return tuple(leaf for choice in node["anyOf"] for leaf in alternatives(choice))
    return (node,)


def _below(node: Schema, key: Key) -> tuple[Schema, ...]:
    """What one alternative expects under a key or list index."""
    if isinstance(key, int):
        return alternatives(node["items"]) if "items" in node else tuple(node.get("prefixItems", ())[key : key + 1])
    if key in node.get("properties", {}):
        return alternatives(node["properties"][key])
    extra = node.get("additionalProperties")
    return alternatives(extra) if isinstance(extra, dict) else ({},) if extra is True else ()


def expected_at(path: Sequence[Key]) -> tuple[Schema, ...]:
    """The alternatives that the configuration expects at a path; none where the path leads nowhere."""
    found = alternatives(schema())
    for key in path:
        found = tuple(leaf for node in found for leaf in _below(node, key))
    return found


def known_keys(path: Sequence[Key]) -> tuple[str, ...]:
    """The keys that may stand in the mapping at a path (none where keys are free, as axis names are)."""
    return tuple(key for node in expected_at(path) for key in node.get("properties", {}))


def choices(path: Sequence[Key]) -> tuple[str, ...]:
    """The words that may stand at a path."""
    return tuple(word for node in expected_at(path) for word in [*node.get("enum", ()), *_constant(node)])


def _constant(node: Schema) -> tuple[str, ...]:
    return (node["const"],) if isinstance(node.get("const"), str) else ()


def _number(node: Schema, noun: str) -> str:
    if "minimum" in node:
        return f"{noun} of at least {node['minimum']:g}"
    return f"{noun} above {node['exclusiveMinimum']:g}" if "exclusiveMinimum" in node else noun


def _one(node: Schema) -> str:
    """One alternative in words."""
    if "const" in node:
        return f"'{node['const']}'"
    if "enum" in node:
        return "one of " + ", ".join(node["enum"])
    kind = node.get("type")
    if kind == "integer":
        return _number(node, "a whole number")
    if kind == "number":
        return _number(node, "a number")
    if kind == "boolean":
        return "true or false"
    if kind == "string":
        return "a name"
    if kind == "array":
        if "prefixItems" in node:
            return "two numbers [low, high] with low < high"
        return f"a list, each entry {phrase(alternatives(node['items']))}"
    if kind == "object":
        extra = node.get("additionalProperties")
        if isinstance(extra, dict) and extra:
            return f"a mapping {{NAME: {phrase(alternatives(extra))}}}"
        keys = ", ".join(node.get("properties", {}))
        return f"a mapping with keys from {keys}" if keys else "a mapping"
    return "nothing (leave it out)" if kind == "null" else "any value"


def phrase(nodes: Iterable[Schema]) -> str:
    """Alternatives in words, joined by `or`."""
    words = list(dict.fromkeys(_one(node) for node in nodes if node.get("type") != "null"))
    return ", or ".join(words) if words else "nothing here"


def expectation(path: Sequence[Key]) -> str:
    """What is expected at a path, in words: "'auto', or a whole number of at least 1"."""
    return phrase(expected_at(path))


def shown(value: Any) -> str:
    """A value as a message shows it: short, and in YAML's own words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value if len(value) <= 40 else value[:37] + '...'}'"
    if isinstance(value, dict):
        return f"a mapping ({', '.join(map(str, list(value)[:4]))}{', ...' if len(value) > 4 else ''})"
    if isinstance(value, list):
        text = ", ".join(str(item) for item in value[:4])
        return f"a list [{text}{', ...' if len(value) > 4 else ''}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """The phrase "; did you mean 'rank'?" or nothing, for a misspelt word."""
    by_lower = {item.lower(): item for item in known}
    near = difflib.get_close_matches(str(word).lower(), by_lower, n=2, cutoff=0.55)
    return f"; did you mean {' or '.join(repr(by_lower[item]) for item in near)}?" if near else ""


def dotted(path: Sequence[Key]) -> str:
    """A path as `--set` writes it: `train.0.steps`."""
    return ".".join(map(str, path))
