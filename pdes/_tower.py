"""Derivatives of point-wise functions by nested forward mode, kept in a table by order."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

Order = tuple[int, ...]
Jets = dict[Order, dict[str, Array]]  # by order, then by name


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

    def over(self, reduction: Callable[..., Array], values: Array, axes: tuple[str, ...]) -> Array:
        """A reduction along the axes named, flat again."""
        if self.shape is None:
            return reduction(values, keepdims=True)
        return reduction(values.reshape(self.shape), tuple(map(self.names.index, axes))).ravel()


@dataclasses.dataclass(frozen=True, eq=False)
class Tower:
    """The derivatives computed so far of a function that returns arrays by name."""

    function: Callable[..., Mapping[str, Any]]
    layout: Layout
    table: Jets = dataclasses.field(default_factory=dict)

    def at(self, order: Order) -> dict[str, Array]:
        """The derivative of this order along each coordinate; every lower one of its tower is kept too."""
        if order not in self.table:
            for lower, values in self.jets(order).items():
                self.table.setdefault(lower, values)
        return self.table[order]

    def jets(self, order: Order) -> Jets:
        """Nested forward mode: each pass along a coordinate doubles what is known."""

        def undifferentiated(*coordinates: Array) -> Jets:
            like = coordinates[0]
            values = self.function(*coordinates)
            return {(0,) * len(order): {k: jnp.broadcast_to(jnp.asarray(v), like.shape) for k, v in values.items()}}

        known = undifferentiated
        for axis, times in enumerate(order):
            for _ in range(times):
                known = differentiated(known, axis)
        return known(*self.layout.points.values())


def differentiated(known: Callable[..., Jets], axis: int) -> Callable[..., Jets]:
    """The derivatives known, and with them those one order higher along `axis` (all points pushed at once)."""

    def both(*coordinates: Array) -> Jets:
        def along(moved: Array) -> Jets:
            return known(*coordinates[:axis], moved, *coordinates[axis + 1 :])

        values, tangents = jax.jvp(along, (coordinates[axis],), (jnp.ones_like(coordinates[axis]),))
        return {raised(order, axis): tangent for order, tangent in tangents.items()} | values

    return both


def raised(order: Order, axis: int) -> Order:
    """The order with one more derivative along the axis of this position."""
    return (*order[:axis], order[axis] + 1, *order[axis + 1 :])


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
