"""Levenberg-Marquardt without matrices: each step solves a damped linear least-squares problem by CGLS.

Products with the Jacobian and its transpose come from forward and reverse mode through the residual blocks, so any
parametrisation and any mixture of conditions is minimised alike. Columns are scaled by their norms (estimated from random
probes), which is all the preconditioning that orthogonalised axis features need.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

Vector = Float[Array, " n"]


class GaussNewtonState(NamedTuple):
    """Damping (relative to the scaled columns), the last loss, whether the last step was taken, and CG iterations."""

    damping: Float[Array, ""]
    loss: Float[Array, ""]
    accepted: Array
    iterations: Array


class _Cgls(NamedTuple):
    solution: Vector
    residual: Any
    direction: Vector
    gamma: Array
    count: Array


def column_scales(transpose: Callable[[Any], Vector], residual: Any, probes: int, *, key: PRNGKeyArray) -> Vector:
    """Estimated column norms of the Jacobian: root mean square of J^T z over random signs z (Bekas et al. 2007)."""

    def probe(one: PRNGKeyArray) -> Vector:
        leaves, tree = jax.tree.flatten(residual)
        keys = jax.random.split(one, len(leaves))
        signs = [jax.random.rademacher(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
        return transpose(jax.tree.unflatten(tree, signs)) ** 2

    total = jax.lax.map(probe, jax.random.split(key, probes))
    scales = jnp.sqrt(jnp.mean(total, 0))
    return jnp.maximum(scales, 1e-8 * jnp.max(scales) + jnp.finfo(scales.dtype).tiny)


def cgls(
    forward: Callable[[Vector], Any],
    transpose: Callable[[Any], Vector],
    residual: Any,
    damping: Float[Array, ""],
    tolerance: float,
    max_iterations: int,
) -> tuple[Vector, Array]:
    """Minimise |J x + residual|^2 + damping |x|^2 from zero (Bjorck 1996, algorithm 7.4.1); (x, iterations)."""

    def square(tree: Any) -> Array:
        return sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(tree))

    negative = jax.tree.map(jnp.negative, residual)
    start = transpose(negative)
    gamma0 = jnp.vdot(start, start)

    def going(state: _Cgls) -> Array:
        return (state.count < max_iterations) & (state.gamma > tolerance**2 * gamma0)

    def advance(state: _Cgls) -> _Cgls:
        image = forward(state.direction)
        curvature = square(image) + damping * jnp.vdot(state.direction, state.direction)
        alpha = state.gamma / curvature
        solution = state.solution + alpha * state.direction
        rest = jax.tree.map(lambda r, q: r - alpha * q, state.residual, image)
        slope = transpose(rest) - damping * solution
        gamma = jnp.vdot(slope, slope)
        return _Cgls(solution, rest, slope + (gamma / state.gamma) * state.direction, gamma, state.count + 1)

    first = _Cgls(jnp.zeros_like(start), negative, start, gamma0, jnp.zeros((), jnp.int32))
    last = jax.lax.while_loop(going, advance, first)
    return last.solution, last.count


def gauss_newton_init(loss: Float[Array, ""], damping: float = 1e-6) -> GaussNewtonState:
    """The state before the first step."""
    return GaussNewtonState(jnp.asarray(damping, loss.dtype), loss, jnp.asarray(True), jnp.zeros((), jnp.int32))


def gauss_newton_step(
    blocks: Callable[[Any], Any],
    params: Any,
    state: GaussNewtonState,
    *,
    key: PRNGKeyArray,
    tolerance: float = 1e-6,
    max_iterations: int = 400,
    probes: int = 16,
) -> tuple[Any, GaussNewtonState, Any]:
    """One trust step: taken if the loss falls (then the damping shrinks), refused otherwise (then it grows).

    Returns the parameters, the state, and half the squared norm of each block (a tree like that of `blocks`).
    """
    flat, unravel = ravel_pytree(params)
    residual, push = jax.linearize(lambda x: blocks(unravel(x)), flat)
    pull = jax.linear_transpose(push, flat)
    scales = column_scales(lambda z: pull(z)[0], residual, probes, key=key)

    def forward(x: Vector) -> Any:
        return push(x / scales)

    def transpose(z: Any) -> Vector:
        return pull(z)[0] / scales

    step, count = cgls(forward, transpose, residual, state.damping, tolerance, max_iterations)
    candidate = flat + step / scales
    new_parts, old_parts = _half_squares(blocks(unravel(candidate))), _half_squares(residual)
    loss, before = sum(jax.tree.leaves(new_parts)), sum(jax.tree.leaves(old_parts))
    better = loss < before
    predicted = before - sum(jax.tree.leaves(_half_squares(jax.tree.map(jnp.add, residual, forward(step)))))
    ratio = (before - loss) / jnp.maximum(predicted, jnp.finfo(loss.dtype).tiny)
    factor = jnp.where(ratio > 0.75, 0.1, jnp.where(ratio > 0.25, 1.0, 4.0))
    damping = jnp.clip(state.damping * jnp.where(better, factor, 10.0), 1e-16, 1e6)
    taken = unravel(jnp.where(better, candidate, flat))
    parts = jax.tree.map(lambda new, old: jnp.where(better, new, old), new_parts, old_parts)
    return taken, GaussNewtonState(damping, jnp.where(better, loss, before), better, count), parts


def _half_squares(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: 0.5 * jnp.vdot(leaf, leaf), tree)
