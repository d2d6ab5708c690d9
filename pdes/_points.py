"""Fields at scattered points: any element-wise function of the coordinates, with exact derivatives.

    x = point_coordinates(t=t, x=x)              # the coordinates themselves, arrays of shape (n,)
    u = point_field(network, dict(t=t, x=x))     # any callable (n,), (n,) -> (n,)
    (u.d("t") - u * u.d("xx")).value             # an array of shape (n,)

An expression is a small graph. Its leaves are derivatives of the functions given, by nested forward mode; sums and
products differentiate by their rules and functions of fields by the chain rule, so that every derivative of every
expression comes from the leaves. Leaves of one function share a table: u_xx brings u and u_x along.

Fields hold what they have computed: build them anew inside a function that `jax.jit` traces.
"""

import abc
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from spinn.pdes._field import Field, is_scalar, split_axes

Order = tuple[int, ...]
Function = Callable[..., Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Layout:
    """The points, one array of shape (n,) a coordinate, and the weights of averages (None: all equal).

    `shape`: the points are a tensor grid of this shape, flattened; means along single axes are then possible.
    """

    points: Mapping[str, Array]
    weights: Array | None = None
    shape: tuple[int, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Coordinate names in order."""
        return tuple(self.points)

    def averaged(self, axes: tuple[str, ...]) -> "Layout":
        """What is left after averaging: one point (the mean) on each axis named, or in all if points are scattered."""
        points = {name: self.average(array, axes) for name, array in self.points.items()}
        weights = None if self.weights is None else self.over(jnp.sum, self.weights, axes)
        shape = (
            None
            if self.shape is None
            else tuple(1 if name in axes else length for name, length in zip(self.names, self.shape, strict=True))
        )
        return Layout(points, weights, shape)

    def average(self, values: Array, axes: tuple[str, ...]) -> Array:
        """The weighted mean of values at the points along the axes named (over all points if they are scattered)."""
        full = jnp.broadcast_to(values, next(iter(self.points.values())).shape)
        weights = jnp.ones_like(full) if self.weights is None else self.weights
        return self.over(jnp.sum, full * weights, axes) / self.over(jnp.sum, weights, axes)

    def over(self, reduction: Function, values: Array, axes: tuple[str, ...]) -> Array:
        """A reduction along the axes named, flat again."""
        if self.shape is None:
            return reduction(values, keepdims=True)
        return reduction(values.reshape(self.shape), tuple(map(self.names.index, axes))).ravel()


@dataclasses.dataclass(frozen=True, eq=False)
class Tower:
    """The derivatives computed so far of a function that returns arrays by name."""

    function: Callable[..., Mapping[str, Any]]
    layout: Layout
    table: dict[Order, dict[str, Array]] = dataclasses.field(default_factory=dict)

    def at(self, order: Order) -> dict[str, Array]:
        """The derivative of this order along each coordinate; every lower one of its tower is kept too."""
        if order not in self.table:
            for lower, values in self.jets(order).items():
                self.table.setdefault(lower, values)
        return self.table[order]

    def jets(self, order: Order) -> dict[Order, dict[str, Array]]:
        """Nested forward mode: each pass along a coordinate doubles what is known."""

        def undifferentiated(*coordinates: Array) -> dict[Order, dict[str, Array]]:
            like = coordinates[0]
            values = self.function(*coordinates)
            return {(0,) * len(order): {k: jnp.broadcast_to(jnp.asarray(v), like.shape) for k, v in values.items()}}

        known = undifferentiated
        for axis, times in enumerate(order):
            for _ in range(times):
                known = differentiated(known, axis)
        return known(*self.layout.points.values())


def differentiated(known: Function, axis: int) -> Function:
    """The derivatives known, and with them those one order higher along `axis` (all points pushed at once)."""

    def both(*coordinates: Array) -> dict[Order, dict[str, Array]]:
        def along(moved: Array) -> dict[Order, dict[str, Array]]:
            return known(*coordinates[:axis], moved, *coordinates[axis + 1 :])

        values, tangents = jax.jvp(along, (coordinates[axis],), (jnp.ones_like(coordinates[axis]),))
        return {raised(order, axis): tangent for order, tangent in tangents.items()} | values

    return both


def raised(order: Order, axis: int) -> Order:
    """The order with one more derivative along the axis of this position."""
    return (*order[:axis], order[axis] + 1, *order[axis + 1 :])


class PointField(Field):
    """A field at scattered points. Built by `point_field`, `point_fields` and `point_coordinates`."""

    layout: Layout

    @property
    @abc.abstractmethod
    def value(self) -> Shaped[Array, " n"]:
        """The field at the points (shape (1,) for an average)."""

    @property
    @abc.abstractmethod
    def size(self) -> Shaped[Array, " n"]:
        """The sum of the magnitudes of the terms: what rounding errors of `value` are relative to."""

    @abc.abstractmethod
    def along(self, axis: str) -> "PointField":
        """The first derivative along one coordinate."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.layout.names

    def d(self, *axes: str) -> "PointField":
        field: PointField = self
        for axis in split_axes(axes, self.coordinates):
            field = field.along(axis)
        return field

    def apply(self, function: Callable[..., Any], *others: Any) -> "PointField":
        return Image(self.layout, function, (self, *(operand(self.layout, other) for other in others)))

    def mean(self, *axes: str) -> "PointField":
        """Average over the axes named on a tensor grid; over all points if scattered: they have no lines."""
        names = split_axes(axes, self.coordinates)
        return Mean(self.layout.averaged(names), self, names)

    def plus(self, other: Any) -> "PointField":
        return Sum(self.layout, self, operand(self.layout, other))

    def times(self, other: Any) -> "PointField":
        return Product(self.layout, self, operand(self.layout, other))


def operand(layout: Layout, value: Any) -> Any:
    """A field or number as it is; an array becomes data that cannot be differentiated."""
    if isinstance(value, PointField) or is_scalar(value):
        return value
    if isinstance(value, Field):
        raise TypeError(f"a field at scattered points cannot be combined with a {type(value).__name__}")
    return Data(layout, jnp.asarray(value))


def value_of(value: Any) -> Any:
    """The array of a field; a number as it is."""
    return value.value if isinstance(value, PointField) else value


def size_of(value: Any) -> Any:
    """The magnitude of the terms of a field, or of a number."""
    return value.size if isinstance(value, PointField) else abs(value)


@dataclasses.dataclass(frozen=True, eq=False)
class Leaf(PointField):
    """A derivative of one of the functions of a tower."""

    layout: Layout
    tower: Tower
    name: str
    order: Order

    @property
    def value(self) -> Shaped[Array, " n"]:
        return self.tower.at(self.order)[self.name]

    @property
    def size(self) -> Shaped[Array, " n"]:
        return jnp.abs(self.value)

    def along(self, axis: str) -> PointField:
        return dataclasses.replace(self, order=raised(self.order, self.coordinates.index(axis)))


@dataclasses.dataclass(frozen=True, eq=False)
class Sum(PointField):
    """A field plus a field or a number."""

    layout: Layout
    left: PointField
    right: Any

    @functools.cached_property
    def value(self) -> Shaped[Array, " n"]:  # type: ignore[override]  # cached: a property to its readers
        return self.left.value + value_of(self.right)

    @functools.cached_property
    def size(self) -> Shaped[Array, " n"]:  # type: ignore[override]
        return self.left.size + size_of(self.right)

    def along(self, axis: str) -> PointField:
        left = self.left.along(axis)
        return left.plus(self.right.along(axis)) if isinstance(self.right, PointField) else left


@dataclasses.dataclass(frozen=True, eq=False)
class Product(PointField):
    """A field times a field or a number."""

    layout: Layout
    left: PointField
    right: Any

    @functools.cached_property
    def value(self) -> Shaped[Array, " n"]:  # type: ignore[override]
        return self.left.value * value_of(self.right)

    @functools.cached_property
    def size(self) -> Shaped[Array, " n"]:  # type: ignore[override]
        return self.left.size * size_of(self.right)

    def along(self, axis: str) -> PointField:
        first = self.left.along(axis).times(self.right)
        return first.plus(self.right.along(axis).times(self.left)) if isinstance(self.right, PointField) else first


@dataclasses.dataclass(frozen=True, eq=False)
class Image(PointField):
    """An element-wise function of fields and numbers; at least the first operand is a field."""

    layout: Layout
    function: Callable[..., Any]
    operands: tuple[Any, ...]

    @functools.cached_property
    def value(self) -> Shaped[Array, " n"]:  # type: ignore[override]
        return jnp.asarray(self.function(*(value_of(operand) for operand in self.operands)))

    @property
    def size(self) -> Shaped[Array, " n"]:
        return jnp.abs(self.value)

    def along(self, axis: str) -> PointField:
        """Chain rule: an image again, of the operands that vary and of their derivatives."""
        varying = [i for i, operand in enumerate(self.operands) if differentiable(operand)]
        count = len(varying)
        if not count or not jnp.issubdtype(self.value.dtype, jnp.inexact):
            return self.apply(lambda *values: jnp.zeros(jnp.shape(values[0])))

        def pushed(*values: Any) -> Any:
            every, tangents = values[:-count], values[-count:]

            def of_varying(*moved: Any) -> Any:
                new = dict(zip(varying, moved, strict=True))
                return self.function(*(new.get(i, value) for i, value in enumerate(every)))

            primals = [every[i] for i in varying]
            shaped = [jnp.broadcast_to(t, jnp.shape(p)) for t, p in zip(tangents, primals, strict=True)]
            return jax.jvp(of_varying, primals, shaped)[1]

        return Image(self.layout, pushed, (*self.operands, *(self.operands[i].along(axis) for i in varying)))


def differentiable(operand: Any) -> bool:
    """Whether an operand is a field of real numbers (the truth values of a comparison are constant almost surely)."""
    return isinstance(operand, PointField) and jnp.issubdtype(operand.value.dtype, jnp.inexact)


@dataclasses.dataclass(frozen=True, eq=False)
class Mean(PointField):
    """The average of a field, with the layout that is left."""

    layout: Layout
    field: PointField
    axes: tuple[str, ...]

    @functools.cached_property
    def value(self) -> Shaped[Array, " n"]:  # type: ignore[override]
        return self.field.layout.average(self.field.value, self.axes)

    @functools.cached_property
    def size(self) -> Shaped[Array, " n"]:  # type: ignore[override]
        return self.field.layout.average(self.field.size, self.axes)

    def along(self, axis: str) -> PointField:
        raise ValueError(f"an average over points has no derivative along '{axis}': differentiate first")


@dataclasses.dataclass(frozen=True, eq=False)
class Data(PointField):
    """An array among the operands: values at the points (or one value), with no function behind them."""

    layout: Layout
    array: Array

    @property
    def value(self) -> Shaped[Array, "..."]:
        return self.array

    @property
    def size(self) -> Shaped[Array, "..."]:
        return jnp.abs(self.array)

    def along(self, axis: str) -> PointField:
        raise ValueError(
            f"cannot differentiate along '{axis}': the expression contains an array of shape {self.array.shape}, "
            "whose derivative is not known; write it as a function of the coordinates, or differentiate before "
            "combining with it"
        )


def point_fields(
    function: Callable[..., Mapping[str, Any]],
    unknowns: tuple[str, ...],
    points: Mapping[str, Any],
    weights: Any = None,
    shape: tuple[int, ...] | None = None,
) -> dict[str, PointField]:
    """Fields by unknown, of a function (*coordinates) -> {unknown: array}; they share one evaluation of it.

    `points` has an array of shape (n,) a coordinate, in the order of the function's arguments. `weights` (n,) are the
    quadrature weights of `mean`. `shape`: the points are a tensor grid, flattened (see `Layout`).

    **Raises:** ValueError if the arrays differ in shape or have more than one axis.
    """
    layout = layout_of(points, weights, shape)
    tower = Tower(function, layout)
    return {name: Leaf(layout, tower, name, (0,) * len(points)) for name in unknowns}


def point_field(function: Function, points: Mapping[str, Any], weights: Any = None) -> PointField:
    """The field of one function (*coordinates) -> array, element-wise in the points. See `point_fields`."""
    return point_fields(lambda *coordinates: {"": function(*coordinates)}, ("",), points, weights)[""]


def point_coordinates(**arrays: Any) -> dict[str, PointField]:
    """The coordinates as fields: `pde.exact(*point_coordinates(t=t, x=x).values())` has exact derivatives."""
    return point_fields(lambda *values: dict(zip(arrays, values, strict=True)), tuple(arrays), arrays)


def layout_of(points: Mapping[str, Any], weights: Any = None, shape: tuple[int, ...] | None = None) -> Layout:
    """The points as arrays of real numbers of one shape (n,)."""
    arrays = {
        name: jnp.asarray(np.asarray(a, float) if not isinstance(a, jax.Array) else a) for name, a in points.items()
    }
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"points: expected one array of shape (n,) a coordinate, all of one length, got {shapes}")
    if weights is not None and math.prod(jnp.shape(weights)) != math.prod(next(iter(shapes.values()))):
        raise ValueError(f"weights: expected shape {next(iter(shapes.values()))}, got {jnp.shape(weights)}")
    if shape is not None and math.prod(shape) != math.prod(next(iter(shapes.values()))):
        raise ValueError(f"shape: expected a product of {next(iter(shapes.values()))[0]} points, got {shape}")
    return Layout(arrays, None if weights is None else jnp.asarray(weights), shape)
