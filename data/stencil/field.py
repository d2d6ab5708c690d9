"""Fields of the linear reading: sums of coefficients times differences of the unknown, and a known part.

    u = unknown_field(grid, "u")
    residual = -div(a * grad(u)) - f         # a, f: numbers, arrays on the grid, functions of the coordinates
    residual.terms                           # coefficient, operator: what `discretise` writes into a matrix

An expression must stay linear in the unknown: a product of two fields that contain it is an error. Differentiating
`a * u.d("x")` along x makes a flux, which keeps its coefficient inside: the matrix is then conservative and symmetric.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from spinn.data.stencil.grid import Grid
from spinn.data.stencil.operators import differentiate
from spinn.pdes import Field, PointField, point_coordinates
from spinn.pdes._field import split_axes

LINEAR = (
    "the residual is not linear in the unknown ({}), so it has no matrix; for a time-dependent PDE use Evolution "
    "(method of lines), else write a linear equation"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """outer * D u, or, with `inner`, outer * d_axis(inner * d_axis u) of a flux along one axis."""

    outer: Any  # a number, or an array on the grid (flat), or a PointField
    orders: tuple[int, ...]  # derivatives an axis
    inner: Any = None

    def scaled(self, factor: Any) -> "Term":
        return dataclasses.replace(self, outer=multiplied(self.outer, factor))


@dataclasses.dataclass(frozen=True, eq=False)
class StencilField(Field):
    """A field that is linear in the unknown: `terms`, and `known`, a number, flat array or function of coordinates."""

    grid: Grid
    terms: tuple[Term, ...] = ()
    known: Any = 0.0

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.grid.names

    def d(self, *axes: str) -> "StencilField":
        field = self
        for name in split_axes(axes, self.coordinates):
            axis = self.coordinates.index(name)
            terms = tuple(new for term in field.terms for new in derived(self.grid, term, axis))
            field = StencilField(self.grid, terms, known_derivative(self.grid, field.known, axis))
        return field

    def apply(self, function: Callable[..., Any], *others: Any) -> "StencilField":
        fields = [self, *(other for other in others if isinstance(other, StencilField))]
        if any(field.terms for field in fields):
            raise ValueError(LINEAR.format("a function of it, such as a power or a quotient, was taken"))
        operands = [known_of(self.grid, other) for other in (self, *others)]
        if any(isinstance(one, np.ndarray) for one in operands) or not isinstance(operands[0], PointField):
            return StencilField(self.grid, (), np.asarray(function(*(array_of(one) for one in operands)), dtype=float))
        return StencilField(self.grid, (), operands[0].apply(function, *operands[1:]))

    def mean(self, *axes: str) -> "StencilField":
        raise ValueError("an average of a field couples all nodes of an axis: stencils cannot hold it")

    def plus(self, other: Any) -> "StencilField":
        if isinstance(other, StencilField):
            return StencilField(self.grid, self.terms + other.terms, added(self.known, other.known))
        return dataclasses.replace(self, known=added(self.known, known_of(self.grid, other)))

    def times(self, other: Any) -> "StencilField":
        if isinstance(other, StencilField) and other.terms:
            if self.terms:
                raise ValueError(LINEAR.format("two expressions that contain it were multiplied"))
            return other.times(self)
        factor = known_of(self.grid, other)
        return StencilField(self.grid, tuple(t.scaled(factor) for t in self.terms), multiplied(self.known, factor))


def unknown_field(grid: Grid) -> StencilField:
    """The unknown itself."""
    return StencilField(grid, (Term(1.0, (0,) * len(grid.axes)),))


def coordinate_fields(grid: Grid) -> dict[str, StencilField]:
    """The coordinates as known fields with exact derivatives."""
    mesh = np.meshgrid(*grid.nodes, indexing="ij")
    points = point_coordinates(**{name: values.ravel() for name, values in zip(grid.names, mesh, strict=True)})
    return {name: StencilField(grid, (), field) for name, field in points.items()}


def known_of(grid: Grid, value: Any) -> Any:
    """A number, a flat array or a function of the coordinates, from whatever a residual combines with a field."""
    if isinstance(value, StencilField):
        return value.known
    if isinstance(value, PointField):
        return value
    if np.ndim(value) == 0:
        return float(value)
    return grid.flat(value, "array in the residual")


def array_of(known: Any) -> Any:
    """The values of a known part: a number or a flat array."""
    return np.asarray(known.value, dtype=float) if isinstance(known, PointField) else known


def added(a: Any, b: Any) -> Any:
    """Sum of known parts."""
    return array_of(a) + array_of(b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a + b


def multiplied(a: Any, b: Any) -> Any:
    """Product of known parts; a factor 1 costs nothing, and a factor 0 leaves nothing."""
    if (isinstance(a, float) and a == 0.0) or (isinstance(b, float) and b == 0.0):
        return 0.0
    if isinstance(b, float) and b == 1.0:
        return a
    if isinstance(a, float) and a == 1.0:
        return b
    return array_of(a) * array_of(b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a * b


def known_derivative(grid: Grid, known: Any, axis: int) -> Any:
    """Exact for functions of the coordinates; by differences of the grid's order for arrays."""
    if isinstance(known, PointField):
        return known.d(grid.names[axis])
    return differentiate(grid, known, axis) if isinstance(known, np.ndarray) and known.size > 1 else 0.0


def derived(grid: Grid, term: Term, axis: int) -> list[Term]:
    """The derivative of one term: a flux where it is one, the product rule elsewhere."""
    raised = tuple(m + (i == axis) for i, m in enumerate(term.orders))
    if term.inner is not None:
        raise ValueError("the derivative of a flux div(a grad u) is not supported; expand it by the product rule")
    if isinstance(term.outer, float):
        return [dataclasses.replace(term, orders=raised)]
    if sum(term.orders) == 1 and term.orders[axis] == 1 and grid.order == 2:
        return [Term(1.0, raised, term.outer)]
    slope = known_derivative(grid, term.outer, axis)
    return [dataclasses.replace(term, orders=raised), dataclasses.replace(term, outer=slope)]


def in_double_precision(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run with float64 enabled: coordinates and functions of them are JAX arrays."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with jax.enable_x64(True):
            return function(*args, **kwargs)

    wrapped.__doc__, wrapped.__name__ = function.__doc__, function.__name__
    return wrapped
