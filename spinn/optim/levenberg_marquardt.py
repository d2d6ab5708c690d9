"""Levenberg-Marquardt with the normal matrix itself, for networks of up to a few thousand parameters.

Each step decomposes J^T J into eigenvectors once; a whole ladder of damping values then costs a product with a vector
each, and the step that lowers the loss most is taken (Levenberg 1944; the damping is the identity's, not Marquardt's
diagonal, which lets badly determined directions of network parameters run away). Gradients come from the residual
itself, so what J^T J loses in digits does not bound the accuracy of the minimum.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

# Factors of the last damping that are tried.
LADDER = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
# Damping of the first step relative to the largest eigenvalue, and the least of all.
FIRST, LEAST = 1e-4, 1e-15
COLUMNS = 32  # of a Jacobian that are formed at a time

Vector = Float[Array, " n"]


class LevenbergMarquardtState(NamedTuple):
    """Damping (relative to the largest eigenvalue), the last loss, and whether the last step was taken."""

    damping: Float[Array, ""]
    loss: Float[Array, ""]
    accepted: Array


def levenberg_marquardt_init(loss: Float[Array, ""]) -> LevenbergMarquardtState:
    """The state before the first step."""
    return LevenbergMarquardtState(jnp.asarray(FIRST, loss.dtype), loss, jnp.asarray(True))


def levenberg_marquardt_step(
    loss: Callable[[Any], tuple[Float[Array, ""], Any]],
    normal: Callable[[Any], Float[Array, "n n"]],
    params: Any,
    state: LevenbergMarquardtState,
) -> tuple[Any, LevenbergMarquardtState, Any]:
    """The best step of the ladder; none if all of them raise the loss (the ladder then starts higher).

    **Arguments:** `loss(params)`: half the squared norm of the residual, and its parts; `normal(params)`: J^T J in the
    order of `ravel_pytree`.

    Returns the parameters, the state, and the parts of the loss.
    """
    flat, unravel = ravel_pytree(params)
    (before, old_parts), slope = jax.value_and_grad(lambda x: loss(unravel(x)), has_aux=True)(flat)
    values, vectors = jnp.linalg.eigh(normal(params))
    largest = jnp.maximum(values[-1], jnp.finfo(flat.dtype).tiny)
    dampings = jnp.maximum(state.damping * jnp.asarray(LADDER, flat.dtype), LEAST)
    candidates = flat - _damped(values, vectors, slope, dampings * largest)
    losses, parts = jax.lax.map(lambda x: loss(unravel(x)), candidates)
    losses = jnp.where(jnp.isfinite(losses), losses, jnp.inf)
    best = jnp.argmin(losses)
    better = losses[best] < before
    taken = jnp.where(better, candidates[best], flat)
    damping = jnp.where(better, dampings[best], jnp.minimum(state.damping * LADDER[-1], 1.0))
    chosen = jax.tree.map(lambda new, old: jnp.where(better, new[best], old), parts, old_parts)
    state = LevenbergMarquardtState(damping, jnp.where(better, losses[best], before), better)
    return unravel(taken), state, chosen


def dense_normal(blocks: Callable[[Any], Any], params: Any) -> Float[Array, "n n"]:
    """J^T J from the Jacobian itself, column by column by forward mode: for residuals without structure."""
    flat, unravel = ravel_pytree(params)
    _, push = jax.linearize(lambda x: ravel_pytree(blocks(unravel(x)))[0], flat)
    columns = jax.lax.map(push, jnp.eye(flat.size, dtype=flat.dtype), batch_size=COLUMNS)
    return columns @ columns.T


def _damped(
    values: Vector, vectors: Float[Array, "n n"], slope: Vector, dampings: Float[Array, " k"]
) -> Float[Array, "k n"]:
    """Solutions of (J^T J + damping) x = slope for each damping, from the eigenvectors of J^T J."""
    rotated = slope @ vectors
    return (rotated / (jnp.maximum(values, 0.0) + dampings[:, None])) @ vectors.T
