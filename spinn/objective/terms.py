"""The terms of a linearised residual block as arrays: what matrices J^T J are put together from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.fields import Grid
from spinn.fields.factors import product
from spinn.fields.linearisation import Linear
from spinn.fields.terms import Term
from spinn.networks.separable import Spaces


class Terms(NamedTuple):
    """The terms of a linearised block: distinct factors of every axis, and which of them each term has."""

    factors: list[Float[Array, "distinct points features"]]
    weights: list[Float[Array, " points"]]
    places: np.ndarray  # (terms, axes)
    unknown: np.ndarray  # (terms,)
    coefficients: list[Any]  # numbers, or arrays that broadcast to the grid

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(weights) for weights in self.weights)


def read_terms(linear: Linear, grid: Grid, free: Sequence[int], dtype: Any, spaces: Spaces | None = None) -> Terms:
    """The terms on a grid, with the first `free` features of every axis, or in the `spaces` of a network."""
    factors, places = [], []
    for axis, length in enumerate(grid.shape):
        space = spaces[axis] if spaces else None
        known: dict[Any, int] = {}
        arrays = []
        for _, term in linear:
            key = _key(term, axis, space)
            if key not in known:
                known[key] = len(known)
                values = product(term.factors[axis]).astype(dtype)
                values = values[:, : free[axis]] if space is None else values @ space[term.head.unknown]
                arrays.append(jnp.broadcast_to(values, (length, values.shape[1])))
        factors.append(jnp.stack(arrays))
        places.append([known[_key(term, axis, space)] for _, term in linear])
    weights = [grid.weights[axis].astype(dtype) for axis in grid.axes]
    unknown = np.array([term.head.unknown for _, term in linear])
    return Terms(factors, weights, np.array(places).T, unknown, [coefficient for coefficient, _ in linear])


def _key(term: Term, axis: int, space: Array | None) -> Any:
    """Tells factors of an axis apart: unknowns share them, but for those that have spaces of their own."""
    return term.key(axis) if space is None else (term.key(axis), term.head.unknown)
