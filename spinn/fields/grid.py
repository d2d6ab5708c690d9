"""Tensor grids: points and quadrature weights an axis."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """A tensor grid of `axes` in order. `weights[axis]` sum to one, so that weighted sums are averages.

    An axis may have a single point: a face of the box, or an axis that was averaged over.
    """

    axes: tuple[str, ...]
    points: Mapping[str, Float[Array, " _"]]
    weights: Mapping[str, Float[Array, " _"]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each axis, in order."""
        return tuple(self.points[axis].shape[0] for axis in self.axes)

    @property
    def size(self) -> int:
        """Number of points in all."""
        total = 1
        for length in self.shape:
            total *= length
        return total

    def broadcast(self, axis: str, values: Array) -> Array:
        """A vector along one axis, shaped to broadcast against arrays on the grid."""
        shape = [1] * len(self.axes)
        shape[self.axes.index(axis)] = -1
        return values.reshape(shape)

    def weight_root(self, axis: str) -> Array:
        """Square roots of the quadrature weights along one axis, shaped to broadcast."""
        return self.broadcast(axis, jnp.sqrt(self.weights[axis]))

    def restrict(self, axis: str, points: Array, weights: Array) -> "Grid":
        """The same grid with other points on one axis."""
        return Grid(self.axes, {**self.points, axis: points}, {**self.weights, axis: weights})

    def averaged(self, axes: tuple[str, ...]) -> "Grid":
        """The grid that is left after averaging over some axes: one point, the mean, on each of those."""
        grid = self
        for axis in axes:
            centre = jnp.sum(self.points[axis] * self.weights[axis], keepdims=True)
            grid = grid.restrict(axis, centre, jnp.ones_like(centre))
        return grid
