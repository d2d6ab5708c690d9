"""Fields on tensor grids. Linear expressions stay lists of separable terms; nonlinear ones become arrays when asked.

The kinds: `Univariate` (a known function of one coordinate), `Separable` (a lazy linear combination of terms),
`Pointwise` (an element-wise function of other fields, differentiated by the chain rule) and `Averaged` (its mean).
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields.contraction import contract
from spinn.fields.factors import JetFactor, JetTable, KnownFactor
from spinn.fields.grid import Grid
from spinn.fields.terms import ONE, Head, Term
from spinn.pdes._field import Field, is_scalar, split_axes

# A product of two lazy sums is expanded only while it stays short: beyond this, forming the array is cheaper. On many
# axes no array can be formed at all.
MAX_EXPANDED_TERMS = 32
MAX_EXPANDED_TERMS_MANY_AXES = 2048


def _is_array(value: Any) -> bool:
    return hasattr(value, "ndim") and hasattr(value, "dtype")


@dataclasses.dataclass(frozen=True, eq=False)
class GridField(Field):
    """What the kinds share: a grid, and a value on it (computed once)."""

    grid: Grid

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.grid.axes

    @property
    def value(self) -> Array:
        """The array on the grid; axes that the field does not depend on may have length one."""
        raise TypeError(f"{type(self).__name__} has no value of its own")

    @property
    def dtype(self) -> Any:
        return self.grid.points[self.grid.axes[0]].dtype

    def apply(self, function: Callable[..., Any], *others: Any) -> Field:
        fields = [other for other in others if isinstance(other, GridField)]
        return Pointwise(joined([self.grid, *(field.grid for field in fields)]), function, (self, *others))

    def mean(self, *axes: str) -> Field:
        names = split_axes(axes, self.coordinates)
        return Averaged(self.grid.averaged(names), self, names)

    def plus(self, other: Any) -> Field:
        return self.apply(jnp.add, other)

    def times(self, other: Any) -> Field:
        return self.apply(jnp.multiply, other)

    def d(self, *axes: str) -> Field:
        field: Field = self
        for axis in split_axes(axes, self.coordinates):
            field = field.partial(axis)  # type: ignore[attr-defined]
        return field


@dataclasses.dataclass(frozen=True, eq=False)
class Univariate(GridField):
    """A known function of one coordinate; a coordinate itself is the identity."""

    axis: str
    factor: KnownFactor

    @functools.cached_property
    def value(self) -> Array:  # type: ignore[override]
        return self.grid.broadcast(self.axis, self.factor.values[:, 0])

    @functools.cached_property
    def lazy(self) -> "Separable":
        """The same as a separable field of one term."""
        factors = tuple((self.factor,) if axis == self.axis else () for axis in self.grid.axes)
        return Separable(self.grid, (Term(1.0, ONE, factors),))

    def partial(self, axis: str) -> Field:
        if axis != self.axis:
            return Separable(self.grid, ())
        return dataclasses.replace(self, factor=self.factor.derivative())

    def apply(self, function: Callable[..., Any], *others: Any) -> Field:
        same = [other for other in others if isinstance(other, Univariate) and other.axis == self.axis]
        if any(not is_scalar(other) and other not in same for other in others):
            return GridField.apply(self, function, *others)

        def composed(points: Any) -> Any:
            arguments = [other.factor.function(points) if isinstance(other, Univariate) else other for other in others]
            return function(self.factor.function(points), *arguments)

        return dataclasses.replace(self, factor=KnownFactor(self.factor.points, composed))

    def plus(self, other: Any) -> Field:
        if is_scalar(other) or (isinstance(other, Univariate) and other.axis == self.axis):
            return self.apply(jnp.add, other)
        return self.lazy.plus(other)

    def times(self, other: Any) -> Field:
        if is_scalar(other) or (isinstance(other, Univariate) and other.axis == self.axis):
            return self.apply(jnp.multiply, other)
        return self.lazy.times(other)

    def mean(self, *axes: str) -> Field:
        return self.lazy.mean(*axes)


@dataclasses.dataclass(frozen=True, eq=False)
class Separable(GridField):
    """A sum of separable terms. It is contracted once, when its value is asked for."""

    terms: tuple[Term, ...]

    @functools.cached_property
    def value(self) -> Float[Array, "..."]:  # type: ignore[override]
        return contract(self.terms, self.grid.shape, self.dtype)

    @property
    def is_known(self) -> bool:
        """Whether no network takes part."""
        return all(term.head is ONE for term in self.terms)

    def partial(self, axis: str) -> "Separable":
        index = self.grid.axes.index(axis)
        terms = tuple(part for term in self.terms for part in term.derivative(index))
        return Separable(self.grid, terms)

    def plus(self, other: Any) -> Field:
        if is_scalar(other):
            constant = Term(other, ONE, ((),) * len(self.grid.axes))
            return Separable(self.grid, (*self.terms, constant))
        if isinstance(other, Univariate):
            return self.plus(other.lazy)
        if isinstance(other, Separable) and other.grid.shape == self.grid.shape:
            return Separable(self.grid, (*self.terms, *other.terms))
        return self.apply(jnp.add, self._checked(other))

    def times(self, other: Any) -> Field:
        if is_scalar(other):
            return Separable(self.grid, tuple(term.scaled(other) for term in self.terms))
        if isinstance(other, Univariate):
            return self.times(other.lazy)
        if isinstance(other, Separable) and self._expands_with(other):
            return Separable(self.grid, tuple(a.times(b) for a in self.terms for b in other.terms))
        return self.apply(jnp.multiply, self._checked(other))

    @property
    def _most_terms(self) -> int:
        return MAX_EXPANDED_TERMS if len(self.grid.axes) <= 4 else MAX_EXPANDED_TERMS_MANY_AXES

    def _expands_with(self, other: "Separable") -> bool:
        """Whether the product is a short sum of terms again: one factor is known, and both are on the same grid."""
        short = len(self.terms) * len(other.terms) <= self._most_terms
        return short and (self.is_known or other.is_known) and other.grid.shape == self.grid.shape

    def __pow__(self, exponent: Any) -> Field:
        if self.is_known and exponent == 2 and len(self.terms) ** 2 <= self._most_terms:
            return self.times(self)
        return GridField.__pow__(self, exponent)

    def mean(self, *axes: str) -> "Separable":
        names = split_axes(axes, self.coordinates)
        terms = self.terms
        for axis in names:
            index, weights = self.grid.axes.index(axis), self.grid.weights[axis]
            terms = tuple(term.averaged(index, weights) for term in terms)
        return Separable(self.grid.averaged(names), terms)

    def _checked(self, other: Any) -> Any:
        """Operands that are arrays must fit the grid."""
        if _is_array(other):
            jnp.broadcast_shapes(other.shape, self.grid.shape)
        return other


@dataclasses.dataclass(frozen=True, eq=False)
class Pointwise(GridField):
    """`function(*arguments)`, element by element; arguments are fields, numbers or arrays on the grid."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    @functools.cached_property
    def value(self) -> Array:  # type: ignore[override]
        return self.function(*(a.value if isinstance(a, GridField) else a for a in self.arguments))

    def mean(self, *axes: str) -> Field:
        """Sums are averaged addend by addend, so that what is separable in them stays so."""
        if self.is_sum:
            return functools.reduce(operator.add, [a.mean(*axes) if varies(a) else a for a in self.arguments])
        return GridField.mean(self, *axes)

    @property
    def is_sum(self) -> bool:
        """Whether it is a sum of fields and numbers, which every linear operation goes through."""
        return self.function is jnp.add and all(varies(a) or is_scalar(a) for a in self.arguments)

    @property
    def is_multiple(self) -> bool:
        """Whether it is a field times a number."""
        return self.function is jnp.multiply and varies(self.arguments[0]) and is_scalar(self.arguments[1])

    def partial(self, axis: str) -> Field:
        """Chain rule: a `Pointwise` of the same arguments and of the derivatives of those that depend on the axis."""
        if self.is_sum:
            return functools.reduce(operator.add, [a.d(axis) for a in self.arguments if varies(a)])
        if self.is_multiple:
            return self.arguments[0].d(axis) * self.arguments[1]
        for argument in self.arguments:
            if _is_array(argument) and argument.ndim:
                raise ValueError(
                    "an expression with a plain array has no known derivative: build it from the coordinates with "
                    "spinn.pdes functions (sin, exp, where, ...)"
                )
        slopes = {i: a.d(axis) for i, a in enumerate(self.arguments) if varies(a)}
        moving = [i for i, slope in slopes.items() if not (isinstance(slope, Separable) and not slope.terms)]
        if not moving:
            return Separable(self.grid, ())
        count = len(self.arguments)

        def tangent(*values: Any) -> Any:
            primals = list(values[:count])

            def along(*active: Any) -> Any:
                arguments = list(primals)
                for i, value in zip(moving, active, strict=True):
                    arguments[i] = value
                return self.function(*arguments)

            points = [jnp.asarray(primals[i]) for i in moving]
            shapes = [jnp.broadcast_shapes(p.shape, s.shape) for p, s in zip(points, values[count:], strict=True)]
            full = [jnp.broadcast_to(p, shape) for p, shape in zip(points, shapes, strict=True)]
            steps = [jnp.broadcast_to(s, shape) for s, shape in zip(values[count:], shapes, strict=True)]
            return jax.jvp(along, full, steps)[1]

        return Pointwise(self.grid, tangent, (*self.arguments, *(slopes[i] for i in moving)))


@dataclasses.dataclass(frozen=True, eq=False)
class Averaged(GridField):
    """The mean of a nonlinear field over some axes."""

    field: GridField
    axes: tuple[str, ...]

    @functools.cached_property
    def value(self) -> Array:  # type: ignore[override]
        grid = self.field.grid
        full = jnp.broadcast_to(self.field.value, grid.shape)
        for axis in self.axes:
            full = full * grid.broadcast(axis, grid.weights[axis])
        return jnp.sum(full, tuple(grid.axes.index(axis) for axis in self.axes), keepdims=True)

    def partial(self, axis: str) -> Field:
        """Constant along the axes averaged over; along the others the derivative goes under the mean."""
        return Separable(self.grid, ()) if axis in self.axes else self.field.d(axis).mean(*self.axes)


def joined(grids: Sequence[Grid]) -> Grid:
    """The grid of an expression: along each axis the longest of its operands' (averages have length one)."""
    result = grids[0]
    for grid in grids[1:]:
        for axis, points in grid.points.items():
            if points.shape[0] > result.points[axis].shape[0]:
                result = result.restrict(axis, points, grid.weights[axis])
    return result


def varies(argument: Any) -> bool:
    """Whether an argument is a field of real numbers: the truth values of a comparison are constant between jumps."""
    if isinstance(argument, Pointwise):
        return jnp.issubdtype(jnp.result_type(argument.value), jnp.inexact)
    return isinstance(argument, GridField)


def coordinate_fields(grid: Grid) -> dict[str, Univariate]:
    """The coordinates of a grid as fields."""
    return {axis: Univariate(grid, axis, KnownFactor(grid.points[axis], lambda points: points)) for axis in grid.axes}


def network_field(grid: Grid, tables: Mapping[str, JetTable], head: Head) -> Separable:
    """The field of one unknown from the feature tables of its axes."""
    return Separable(grid, (Term(1.0, head, tuple((JetFactor(tables[axis]),) for axis in grid.axes)),))
