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
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped

from spinn.pdes._field import Field, is_scalar, split_axes
from spinn.pdes._tower import Layout, Order, Tower, layout_of, raised


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


def point_field(function: Callable[..., Any], points: Mapping[str, Any], weights: Any = None) -> PointField:
    """The field of one function (*coordinates) -> array, element-wise in the points. See `point_fields`."""
    return point_fields(lambda *coordinates: {"": function(*coordinates)}, ("",), points, weights)[""]


def point_coordinates(**arrays: Any) -> dict[str, PointField]:
    """The coordinates as fields: `pde.exact(*point_coordinates(t=t, x=x).values())` has exact derivatives."""
    return point_fields(lambda *values: dict(zip(arrays, values, strict=True)), tuple(arrays), arrays)
