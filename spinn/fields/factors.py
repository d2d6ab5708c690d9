"""Per-axis factors: the only place where a separable field is evaluated or differentiated.

A factor is an array (points, rank) along one axis with a key that tells equal factors apart, so that terms which share
one can be summed before anything of the size of the grid is formed.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True, eq=False)
class JetTable:
    """Features of one axis and their derivatives: `values[m]` is the m-th derivative, (points, rank)."""

    values: Float[Array, "orders points rank"]

    def order(self, order: int) -> Float[Array, "points rank"]:
        """The derivative of the given order.

        **Raises:** ValueError if the table stops before it.
        """
        if order >= self.values.shape[0]:
            raise ValueError(
                f"derivative of order {order} asked for, but axis features were prepared up to order "
                f"{self.values.shape[0] - 1}; does the residual take other branches on its second run?"
            )
        return self.values[order]


@dataclasses.dataclass(frozen=True, eq=False)
class JetFactor:
    """A derivative of network features along one axis."""

    table: JetTable
    order: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        return ("jet", id(self.table), self.order)

    @property
    def values(self) -> Float[Array, "points rank"]:
        return self.table.order(self.order)

    def derivative(self) -> "JetFactor":
        return JetFactor(self.table, self.order + 1)


@dataclasses.dataclass(frozen=True, eq=False)
class KnownFactor:
    """A known function of one coordinate."""

    points: Float[Array, " points"]
    function: Callable[[Any], Any]

    @property
    def key(self) -> tuple[Any, ...]:
        return ("known", id(self))

    @functools.cached_property
    def values(self) -> Float[Array, "points 1"]:
        values = jnp.asarray(self.function(self.points), self.points.dtype)
        return jnp.broadcast_to(values, self.points.shape)[:, None]

    def derivative(self) -> "KnownFactor":
        return self._derivative

    @functools.cached_property
    def _derivative(self) -> "KnownFactor":
        def slope(points: Any) -> Any:
            # Functions such as `x > 0` have no tangent of their own: they are constant between jumps.
            value, tangent = jax.jvp(lambda x: jnp.asarray(self.function(x)), (points,), (jnp.ones_like(points),))
            return tangent if tangent.dtype == value.dtype else jnp.zeros_like(points)

        return KnownFactor(self.points, slope)


@dataclasses.dataclass(frozen=True, eq=False)
class MeanFactor:
    """The average of a product of factors over their axis: one row, constant along the axis."""

    factors: tuple[Any, ...]
    weights: Float[Array, " points"]

    @property
    def key(self) -> tuple[Any, ...]:
        return ("mean", *(factor.key for factor in self.factors))

    @property
    def values(self) -> Float[Array, "1 rank"]:
        return self.weights[None, :] @ product(self.factors)


@dataclasses.dataclass(frozen=True, eq=False)
class TabulatedFactor:
    """Values alone, told apart by their place in a list; no derivative."""

    values: Float[Array, "points rank"]
    place: int

    @property
    def key(self) -> tuple[Any, ...]:
        return ("tabulated", self.place)

    def derivative(self) -> "TabulatedFactor":
        raise ValueError("a tabulated factor has no derivative: differentiate the field before tabulating it")


Factor = JetFactor | KnownFactor | MeanFactor | TabulatedFactor


def product(factors: tuple[Factor, ...]) -> Float[Array, "points rank"]:
    """Element-wise product of the factors of one axis.

    **Raises:** ValueError for no factors.
    """
    if not factors:
        raise ValueError("a product needs at least one factor")
    return functools.reduce(jnp.multiply, (factor.values for factor in factors))
