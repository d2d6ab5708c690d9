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
from spinn.fields.grid import Grid
from spinn.fields.separable import GridField, Pointwise, Separable, Univariate
from spinn.fields.terms import Term
from spinn.pdes._field import is_scalar


def evaluate(fields: Sequence[GridField], reverse: bool = False) -> list[Array]:
    """The values of the fields. Axes that a field does not depend on may have length one, as in `GridField.value`.

    `reverse`: whether reverse-mode gradients alone will be asked for, which then are faster.
    """
    reading = Reading()
    for field in fields:
        reading.read(field)
    pieces = reading.pieces(reverse)
    if not any(found.others for found in reading.sums.values()):
        return reading.values(fields, pieces)
    names = list(pieces)

    def elementwise(arrays: Sequence[Array]) -> list[Array]:
        return reading.values(fields, dict(zip(names, arrays, strict=True)))

    start = fields[0].grid.points[fields[0].grid.axes[0]][0]
    return set_apart(elementwise, list(pieces.values()), start == start)


def set_apart(function: Callable[[Any], Any], arguments: Any, always: Array) -> Any:
    """`function(arguments)`, with arguments, results and cotangents stored, for the CPU's sake.

    XLA there fuses an element-wise sweep into each product that reads one of its cotangents, and so repeats all of it
    for every array of the backward pass: two thirds of the time of a Navier-Stokes step. It drops optimisation
    barriers, but does not fuse across a branch; `always` is true in a way that only the run can tell.
    """
    if jax.default_backend() != "cpu":
        return function(arguments)
    shapes = jax.eval_shape(function, arguments)

    def nothing(_: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), shapes)

    return jax.lax.cond(always, function, nothing, arguments)


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
    known: dict[GridField, Array] = dataclasses.field(default_factory=dict)  # coordinates and averages

    def read(self, field: Any) -> None:
        """Take note of the linear parts of an expression."""
        if not isinstance(field, GridField) or field in self.sums:
            return
        if not isinstance(field, Separable | Pointwise):
            self.known[field] = field.value
            return
        found = summed(field)
        self.sums[field] = found
        self.uses.update({monomial(term, field.grid) for term in found.linear.terms})
        for _, other in found.others:
            for argument in other.arguments if isinstance(other, Pointwise) else (other,):
                self.read(argument)

    def split(self, field: Separable) -> tuple[list[Term], list[Term]]:
        """The terms of a linear part to be contracted for it alone, and those to be taken from shared monomials."""
        own = [term for term in field.terms if self.uses[monomial(term, field.grid)] == 1]
        shape = field.grid.shape
        if len(field.terms) > 1 and full_products(own, shape) == full_products(field.terms, shape):
            return list(field.terms), []
        return own, [term for term in field.terms if self.uses[monomial(term, field.grid)] > 1]

    def pieces(self, reverse: bool) -> dict[Any, Array]:
        """Contractions of shared monomials, by monomial, and of the rest of each linear part; the known, by field."""
        result: dict[Any, Array] = dict(self.known)
        for found in self.sums.values():
            grid, dtype = found.linear.grid, found.linear.dtype
            own, shared = self.split(found.linear)
            for term in shared:
                if (key := monomial(term, grid)) not in result:
                    result[key] = contract([dataclasses.replace(term, coefficient=1.0)], grid.shape, dtype, reverse)
            if own:
                result[found.linear] = contract(own, grid.shape, dtype, reverse)
        return result

    def values(self, fields: Sequence[Any], pieces: Mapping[Any, Array]) -> list[Array]:
        """The arrays of the fields from the pieces: element-wise operations only."""
        known: dict[GridField, Array] = {}

        def linear(field: Separable) -> list[Array]:
            parts = [scaled(term.coefficient, pieces[monomial(term, field.grid)]) for term in self.split(field)[1]]
            return [*parts, pieces[field]] if field in pieces else parts

        def nonlinear(other: Any) -> Any:
            if isinstance(other, Pointwise):
                return other.function(*(value(argument) for argument in other.arguments))
            return value(other)

        def value(field: Any) -> Any:
            if not isinstance(field, GridField):
                return field
            if field in self.known:
                return pieces[field]
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


def monomial(term: Term, grid: Grid) -> tuple[Any, ...]:
    """What tells a term from others, up to its coefficient."""
    return (grid.shape, term.head, *(term.key(axis) for axis in range(len(term.factors))))
