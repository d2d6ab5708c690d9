"""Words and lines for messages about a PDE's source: what a value is, where a method starts, what usually helps."""

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any


def shown_type(value: Any) -> str:
    """What a value is, in words."""
    return "nothing (None)" if value is None else f"a value of type {type(value).__name__}"


def source_file(cls: type) -> Path | None:
    """The file in which a class was written."""
    try:
        return Path(inspect.getfile(cls))
    except (OSError, TypeError):
        return None


def class_line(cls: type) -> int | None:
    """The line of the class statement."""
    try:
        return inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return None


def several(result: Any) -> list[Any]:
    """The parts of a result: the entries of a tuple or list, or the result alone."""
    return list(result) if isinstance(result, tuple | list) else [result]


def in_words(value: Any) -> str:
    """A wrong result in words."""
    if isinstance(value, int | float):
        return f"the number {value:g}"
    shape = getattr(value, "shape", None)
    return shown_type(value) if shape is None else f"an array of shape {tuple(shape)}"


def condition_failure(kind: str, error: Exception) -> str:
    """What went wrong in a condition of this kind."""
    text = str(error) or type(error).__name__
    if isinstance(error, KeyError):
        return f"{kind}: there is no unknown or axis named {text}"
    return text if isinstance(error, ValueError) else f"{kind}: {type(error).__name__}: {text}"


def remedy(error: Exception) -> str:
    """What to do about the mistakes that newcomers make most."""
    text = str(error)
    numeric = isinstance(error, TypeError) and any(
        sign in text.lower() for sign in ("ufunc", "valid jax", "abstract array")
    )
    if numeric or "TracerArrayConversion" in type(error).__name__:
        return "; use sin, exp, ... from spinn.pdes, which know fields, in place of numpy's, jax's or math's"
    if isinstance(error, TypeError) and ("real number" in text or "float()" in text):
        return "; use sin, exp, ... from spinn.pdes in place of math's"
    if "incompatible shapes" in text:
        return "; combine fields with numbers and fields only, not with arrays of another shape"
    if isinstance(error, AttributeError) and "OrderProbe" in text:
        return "; derivatives are written u.d('x'), u.d('xx'); functions come from spinn.pdes"
    return ""


def method_line(cls: type, method: str, inside: type[ast.AST] | str | None = None) -> int | None:
    """The line where a method starts, or of the first node of a kind (`ast.Return`) or first call of a name in it."""
    try:
        lines, start = inspect.getsourcelines(inspect.unwrap(getattr(cls, method)))
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    for node in ast.walk(tree):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == inside
        if named or (isinstance(inside, type) and isinstance(node, inside)):
            return start + int(getattr(node, "lineno", 1)) - 1
    return start
