"""Relative norms of the difference of two fields on a grid, sample by sample."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.operators.spectral import Nodes


def relative_l2(
    found: Float[Array, "batch fields ..."], truth: Float[Array, "batch fields ..."]
) -> Float[Array, " batch"]:
    """||found - truth|| / ||truth||, all fields of a sample together, every node alike (as the literature has it)."""
    return jnp.sqrt(_squares(found - truth) / _positive(_squares(truth)))


def relative_h1(
    found: Float[Array, "batch fields ..."], truth: Float[Array, "batch fields ..."], nodes: Nodes
) -> Float[Array, " batch"]:
    """The same of the gradients, by differences of neighbours; axes count in the lengths that their nodes have."""
    error = whole = jnp.zeros(found.shape[0], found.dtype)
    for axis, x in enumerate(nodes, 2):
        if x.shape[0] > 1:
            steps = jnp.diff(x).reshape(-1, *(1,) * (found.ndim - axis - 1))
            error = error + _squares(jnp.diff(found - truth, axis=axis) / steps)
            whole = whole + _squares(jnp.diff(truth, axis=axis) / steps)
    return jnp.sqrt(error / _positive(whole))


def _squares(values: Float[Array, "batch ..."]) -> Float[Array, " batch"]:
    return jnp.sum(values**2, tuple(range(1, values.ndim)))


def _positive(values: Array) -> Array:
    return jnp.maximum(values, jnp.finfo(values.dtype).tiny)
