"""Arrays of several fields at once, with as few contractions as their linear parts need together.

Expressions are read before anything is formed. In sums of linear and nonlinear parts the linear ones are gathered into
one contraction; and a product of factors that several linear parts share (a velocity gradient, which enters the
vorticity, the stretching and the divergence) is formed once and added where it is needed. What is left to do is
element-wise, and done in one sweep over the arrays.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from spinn.fields.contraction import contract, full_products
from spinn.fields.separable import GridField, Pointwise, Separable, Univariate
from spinn.fields.terms import Term
from spinn.pdes._field import is_scalar

# Points of a block of the element-wise sweep: some tens of arrays of this length fit the second-level cache.
BLOCK_POINTS = 1 << 13


def evaluate(fields: Sequence[Any]) -> list[Array]:
    """The values of the fields. Axes that a field does not depend on may have length one, as in `GridField.value`."""
    reading = Reading()
    for field in fields:
        reading.read(field)
    pieces = reading.pieces()

    def elementwise(arrays: Mapping[Any, Array]) -> list[Array]:
        return reading.values(fields, arrays)

    return SWEEP(elementwise, pieces)


def plain(elementwise, pieces):
    return elementwise(pieces)


def by_cond(elementwise, pieces):
    keys = list(pieces)
    arrays = [pieces[k] for k in keys]
    f = lambda a: elementwise(dict(zip(keys, a)))
    out = jax.eval_shape(f, arrays)
    pred = PRED[0]
    return jax.lax.cond(pred, f, lambda a: jax.tree.map(lambda s: jnp.full(s.shape, jnp.nan, s.dtype), out), arrays)


PRED = [None]
SWEEP = plain


def by_scan(elementwise, pieces):
    keys = list(pieces)
    arrays = [pieces[k] for k in keys]
    n = arrays[0].shape[0]
    S = SCAN

    def f(a):
        return elementwise(dict(zip(keys, a)))

    ys = jax.lax.map(f, [a.reshape(S, n // S, *a.shape[1:]) for a in arrays])
    return [y.reshape(n, *y.shape[2:]) for y in ys]


SCAN = 32


@dataclasses.dataclass(frozen=True, eq=False)
class Summed:
    """An expression as its linear part and the others with their scales."""

    linear: Separable
    others: tuple[tuple[Any, Any], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What expressions consist of: first `read` all of them, then form the `pieces`, then ask for values."""

    sums: dict[GridField, Summed] = dataclasses.field(default_factory=dict)
    uses: Counter[Any] = dataclasses.field(default_factory=Counter)  # linear parts that contain a monomial

    def read(self, field: Any) -> None:
        """Take note of the linear parts of an expression."""
        if not isinstance(field, Separable | Pointwise) or field in self.sums:
            return
        found = summed(field)
        self.sums[field] = found
        self.uses.update({monomial(term) for term in found.linear.terms})
        for _, other in found.others:
            for argument in other.arguments if isinstance(other, Pointwise) else (other,):
                self.read(argument)

    def split(self, field: Separable) -> tuple[list[Term], list[Term]]:
        """The terms of a linear part to be contracted for it alone, and those to be taken from shared monomials."""
        own = [term for term in field.terms if self.uses[monomial(term)] == 1]
        shape = field.grid.shape
        if len(field.terms) > 1 and full_products(own, shape) == full_products(field.terms, shape):
            return list(field.terms), []
        return own, [term for term in field.terms if self.uses[monomial(term)] > 1]

    def pieces(self) -> dict[Any, Array]:
        """The contractions: of shared monomials by monomial, and of what is left of each linear part by the part."""
        result: dict[Any, Array] = {}
        for found in self.sums.values():
            grid, dtype = found.linear.grid, found.linear.dtype
            own, shared = self.split(found.linear)
            for term in shared:
                if monomial(term) not in result:
                    result[monomial(term)] = contract([dataclasses.replace(term, coefficient=1.0)], grid.shape, dtype)
            if own:
                result[found.linear] = contract(own, grid.shape, dtype)
        return result

    def values(self, fields: Sequence[Any], pieces: Mapping[Any, Array]) -> list[Array]:
        """The arrays of the fields from the pieces: element-wise operations only."""
        known: dict[GridField, Array] = {}

        def linear(field: Separable) -> list[Array]:
            parts = [scaled(term.coefficient, pieces[monomial(term)]) for term in self.split(field)[1]]
            return [*parts, pieces[field]] if field in pieces else parts

        def nonlinear(other: Any) -> Any:
            if isinstance(other, Pointwise):
                return other.function(*(value(argument) for argument in other.arguments))
            return value(other)

        def value(field: Any) -> Any:
            if not isinstance(field, GridField):
                return field
            if field not in self.sums:
                return field.value
            if field not in known:
                found = self.sums[field]
                parts = linear(found.linear) + [scaled(scale, nonlinear(other)) for scale, other in found.others]
                known[field] = functools.reduce(jnp.add, parts) if parts else jnp.zeros(field.grid.shape, field.dtype)
            return known[field]

        return [value(field) for field in fields]


def summed(field: GridField) -> Summed:
    """The sum that an expression is: all separable addends on its grid together, and the rest."""
    terms: list[Term] = []
    others = []
    for scale, addend in addends(field, 1.0):
        separable = addend.lazy if isinstance(addend, Univariate) else addend
        if isinstance(separable, Separable) and separable.grid.shape == field.grid.shape:
            terms.extend(term.scaled(scale) for term in separable.terms)
        else:
            others.append((scale, addend))
    return Summed(Separable(field.grid, tuple(terms)), tuple(others))


def addends(field: Any, scale: Any) -> Iterator[tuple[Any, Any]]:
    """An expression as scaled parts that are no sums and no multiples themselves."""
    if isinstance(field, Pointwise) and field.function is jnp.add:
        for argument in field.arguments:
            yield from addends(argument, scale)
    elif isinstance(field, Pointwise) and field.function is jnp.multiply and is_scalar(field.arguments[1]):
        yield from addends(field.arguments[0], scale * field.arguments[1])
    else:
        yield scale, field


def scaled(scale: Any, values: Any) -> Any:
    """Values times a scale, left alone where that is the number one."""
    return values if isinstance(scale, float) and scale == 1.0 else scale * values


def monomial(term: Term) -> tuple[Any, ...]:
    """What tells a term from others, up to its coefficient."""
    return (term.head, *(term.key(axis) for axis in range(len(term.factors))))
