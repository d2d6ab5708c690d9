"""The derivative of a field in the networks it is made of: which separable terms vary, and how much each one counts."""

import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spinn.fields.evaluation import monomial, summed
from spinn.fields.separable import GridField, Pointwise, Separable, Univariate, varies
from spinn.fields.terms import Term

TRIALS = 3  # draws of numbers on which a function is tried for linearity

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
    """Whether a residual is linear in its networks: read off the expression, functions in it tried on a few numbers."""
    return all(_is_linear(other) for _, other in summed(field).others)


def _is_linear(field: Any) -> bool:
    if not isinstance(field, Pointwise):
        return True
    moves = [varies(argument) and depends(argument) for argument in field.arguments]
    inner = [argument for argument, one in zip(field.arguments, moves, strict=True) if one]
    if not all(_is_linear(other) for argument in inner for _, other in summed(argument).others):
        return False
    draws = np.random.default_rng(0).uniform(0.5, 1.5, (TRIALS, 2, len(moves)))
    with jax.ensure_compile_time_eval():
        return all(_superposes(field.function, moves, first, second) for first, second in draws)


def _superposes(function: Any, moves: list[bool], first: np.ndarray, second: np.ndarray) -> bool:
    """Whether f(a + b) + f(0) = f(a) + f(b) in the arguments that depend on networks, the others held."""
    moving = np.array(moves)

    def at(values: np.ndarray) -> float:
        return float(function(*[jnp.asarray([value]) for value in np.where(moving, values, first)])[0])

    sides = at(first + second) + at(0.0 * first), at(first) + at(second)
    return math.isclose(*sides, rel_tol=1e-4, abs_tol=1e-4)


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
        if not (varies(argument) and depends(argument)):
            continue

        def along(value: Any, place: int = place) -> Any:
            return field.function(*values[:place], value, *values[place + 1 :])

        point = jnp.broadcast_to(values[place], field.grid.shape)
        slope = jax.jvp(along, (point,), (jnp.ones_like(point),))[1]
        yield from _parts(argument, scale * slope)


def depends(field: Any) -> bool:
    """Whether a network takes part."""
    if isinstance(field, Separable):
        return any(term.head.varies for term in field.terms)
    if isinstance(field, Pointwise):
        return any(depends(argument) for argument in field.arguments)
    return isinstance(field, GridField) and not isinstance(field, Univariate)
