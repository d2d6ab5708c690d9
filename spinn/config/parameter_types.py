"""Checking a PDE's parameters against the types that its class declares."""

import types
import typing
from typing import Any


def declared_type(cls: type, name: str, annotation: Any) -> Any:
    """The declared type of a field, with annotations written as text resolved where possible."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return typing.get_type_hints(cls).get(name, Any)
    except (NameError, TypeError):
        return Any


def converted(declared: Any, value: Any) -> tuple[bool, Any]:
    """Whether the value fits the type, and the value in that type (1 for a float becomes 1.0, a list a tuple)."""
    origin = typing.get_origin(declared)
    if origin in (typing.Union, types.UnionType):
        attempts = [converted(choice, value) for choice in typing.get_args(declared)]
        return next((attempt for attempt in attempts if attempt[0]), (False, value))
    if origin is typing.Literal:
        return value in typing.get_args(declared), value
    if declared in (float, int):
        if isinstance(value, bool) or not isinstance(value, int | float) or declared(value) != value:
            return False, value
        return True, declared(value)
    if declared is None or declared is type(None):
        return value is None, value
    if declared in (bool, str):
        return isinstance(value, declared), value
    if declared is tuple or origin is tuple:
        return isinstance(value, list | tuple), _tuple(value)
    if declared is list or origin is list:
        return isinstance(value, list), value
    return True, value


def _tuple(value: Any) -> Any:
    """Lists as tuples all the way down, so that a frozen PDE can be hashed."""
    return tuple(map(_tuple, value)) if isinstance(value, list | tuple) else value


def in_words(declared: Any) -> str:
    """A declared type as messages name it."""
    origin = typing.get_origin(declared)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(in_words(choice) for choice in typing.get_args(declared))
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(declared)))
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a text", type(None): "null"}
    return names.get(declared, "a list" if origin in (tuple, list) or declared in (tuple, list) else str(declared))
