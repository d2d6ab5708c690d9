"""Recipes as plain data: what a manifest keeps, and what two recipes are compared by."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from spinn.files.plain import plain
from spinn.pdes import PDE, Box


def description(value: Any) -> Any:
    """Dataclasses as mappings of their fields with the name of the class under `kind`; arrays as their digests."""
    if isinstance(value, Box):
        return {axis: list(interval) for axis, interval in value.intervals.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {"kind": type(value).__name__}
        if isinstance(value, PDE):
            named["domain"] = description(value.domain)
        return named | {f.name: description(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray) and value.ndim:
        return {"shape": list(value.shape), "sha256": hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}
    if isinstance(value, Mapping):
        return {str(key): description(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [description(item) for item in value]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return plain(value)


def fingerprint(described: Any) -> str:
    """A digest of plain data: equal for equal recipes."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two descriptions differ, as lines `path: one, other`."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = sorted(set(one) | set(other))
        parts = [(f"{path}.{name}" if path else name, one.get(name), other.get(name)) for name in names]
        return [line for where, a, b in parts for line in differences(a, b, where)]
    return [] if one == other else [f"{path}: {one!r} there, {other!r} here"]
