"""Turning results into values that JSON and YAML have a form for."""

import dataclasses
import datetime
import math
import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any


def plain(value: Any, *, finite: bool = False) -> Any:
    """`value` with numpy and jax numbers as Python's, arrays as lists, mappings as dicts, paths and dates as text.

    `finite=True` turns NaN and infinities into None, which JSON can hold.

    **Raises:** TypeError for anything else, naming its type.
    """
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value if type(value) in (bool, type(None), int) else str(value)
    if isinstance(value, float):
        return None if finite and not math.isfinite(value) else float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {_key(key): plain(item, finite=finite) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, finite=finite) for item in value]
    if isinstance(value, AbstractSet):
        return [plain(item, finite=finite) for item in sorted(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name), finite=finite) for field in fields}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy and jax scalars and arrays, without importing either
        item = value.tolist()
        return plain(float(item) if type(item) is type(value) else item, finite=finite)  # long doubles stay themselves
    raise TypeError(f"cannot store a value of type {type(value).__name__} in a text file: {value!r:.60}")


def _key(key: Any) -> str:
    """A mapping's key as text: JSON knows no other."""
    return key if type(key) is str else str(plain(key))
