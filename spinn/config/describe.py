"""A PDE in words and plain data, for `spinn show` and for reports."""

import dataclasses
import inspect
import io
import itertools
import tokenize
from typing import Any

from spinn.config.check_definition import check_definition
from spinn.config.diagnosis import source_file
from spinn.config.fit import loss_names
from spinn.pdes import PDE


def describe(pde: PDE) -> dict[str, Any]:
    """Docstring, coordinates, domain, unknowns, parameters with comments, derivative orders, conditions, known truth.

    **Raises:** SpinnError if the definition is not sound.
    """
    cls = type(pde)
    orders = check_definition(pde)
    comments = parameter_comments(cls)
    return {
        "class": cls.__name__,
        "file": str(source_file(cls) or ""),
        "text": inspect.cleandoc(cls.__doc__ or cls.__name__),
        "coordinates": list(pde.coordinates),
        "domain": {axis: list(interval) for axis, interval in pde.domain.intervals.items()},
        "unknowns": list(pde.unknowns),
        "parameters": [
            {
                "name": field.name,
                "value": getattr(pde, field.name),
                "type": getattr(field.type, "__name__", str(field.type)),
                "comment": comments.get(field.name, ""),
            }
            for field in dataclasses.fields(cls)
            if field.name != "domain"
        ],
        "orders": orders,
        "conditions": [condition.name for condition in pde.conditions()],
        "loss_terms": list(loss_names(pde)),
        "exact": pde.has_exact,
        "reference": pde.has_reference,
    }


def parameter_comments(cls: type) -> dict[str, str]:
    """The comment at the end of the line of each annotated field, own and inherited."""
    found: dict[str, str] = {}
    for ancestor in reversed(cls.__mro__):
        if ancestor in (object, PDE):
            continue
        try:
            source = inspect.getsource(ancestor)
        except (OSError, TypeError):
            continue
        found.update(_comments(source))
    return found


def _comments(source: str) -> dict[str, str]:
    """Comments after `name: type = value` lines of a class's source."""
    found = {}
    name, fresh = "", True  # the name that began this line
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(inspect.cleandoc(source)).readline))
    except (tokenize.TokenError, IndentationError):
        return {}
    for token, following in itertools.pairwise(tokens):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            name, fresh = ("", True) if token.type != tokenize.INDENT else (name, True)
        elif token.type == tokenize.COMMENT:
            if name:
                found[name] = token.string.lstrip("# ").strip()
        elif fresh:
            name = token.string if token.type == tokenize.NAME and following.string == ":" else ""
            fresh = False
    return found
