"""The derivative of a field in the networks it is made of: which separable terms vary, and how much each one counts."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from spinn.fields.evaluation import monomial, summed
from spinn.fields.separable import GridField, Pointwise, Separable, Univariate, varies
from spinn.fields.terms import Term

Linear = list[tuple[Any, Term]]


def linearised(field: GridField) -> Linear:
    """Coefficients and terms whose sum is the derivative of the field where the networks stand.

    Coefficients are numbers where the field is linear and arrays (broadcasting to the grid) elsewhere; every term has
    coefficient one and occurs once. Means of nonlinear expressions are taken for constant.
    """
    found: dict[Any, tuple[Any, Term]] = {}
    for scale, term in _parts(field, 1.0):
        key = monomial(term, field.grid)
        before = found[key][0] if key in found else 0.0
        found[key] = (before + scale * term.coefficient, Term(1.0, term.head, term.factors))
    return list(found.values())


def is_linear(field: GridField) -> bool:
    """Whether a residual is linear in its networks, read off the expression itself."""
    return not any(_depends(other) for _, other in summed(field).others)


def _parts(field: GridField, scale: Any) -> Iterator[tuple[Any, Term]]:
    whole = summed(field)
    yield from ((scale, term) for term in whole.linear.terms if term.head.varies)
    for factor, other in whole.others:
        if isinstance(other, Separable):
            yield from ((scale * factor, term) for term in other.terms if term.head.varies)
        elif isinstance(other, Pointwise):
            yield from _through(other, scale * factor)


def _through(field: Pointwise, scale: Any) -> Iterator[tuple[Any, Term]]:
    """Chain rule: the slope of the function in each argument that depends on a network, times the argument's own."""
    values = [a.value if isinstance(a, GridField) else a for a in field.arguments]
    for place, argument in enumerate(field.arguments):
        if not (varies(argument) and _depends(argument)):
            continue

        def along(value: Any, place: int = place) -> Any:
            return field.function(*values[:place], value, *values[place + 1 :])

        point = jnp.broadcast_to(values[place], field.grid.shape)
        slope = jax.jvp(along, (point,), (jnp.ones_like(point),))[1]
        yield from _parts(argument, scale * slope)


def _depends(field: Any) -> bool:
    """Whether a network takes part."""
    if isinstance(field, Separable):
        return any(term.head.varies for term in field.terms)
    if isinstance(field, Pointwise):
        return any(_depends(argument) for argument in field.arguments)
    return isinstance(field, GridField) and not isinstance(field, Univariate)
