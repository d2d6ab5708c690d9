"""Levenberg-Marquardt without matrices: each step solves a damped linear least-squares problem by CGLS.

Products with the Jacobian and its transpose come from forward and reverse mode through the residual blocks, so any
parametrisation and any mixture of conditions is minimised alike. Columns are scaled by their norms, and unknowns that
share a mode are decoupled (both estimated from random probes): all the preconditioning that orthogonal features need.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

# Weight of the diagonal in the estimated blocks.
SHRINKAGE = 0.1
# Bounds of the relative accuracy of the linear solves.
FORCING = (1e-8, 1e-3)

Vector = Float[Array, " n"]


class GaussNewtonState(NamedTuple):
    """Damping (relative to the scaled columns), the last loss, whether the last step was taken, and CG iterations."""

    damping: Float[Array, ""]
    loss: Float[Array, ""]
    accepted: Array
    iterations: Array
    forcing: Float[Array, ""]  # relative accuracy asked of the next linear solve


class _Cgls(NamedTuple):
    solution: Vector
    residual: Any
    direction: Vector
    gamma: Array
    steps: Array


class Preconditioner(NamedTuple):
    """A change of variables, one (unknowns, unknowns) block a mode, that makes the columns of J nearly orthonormal."""

    inverse_root: Float[Array, "modes unknowns unknowns"]

    def apply(self, x: Vector) -> Vector:
        """From scaled variables to parameters."""
        return self._times(x, "mji,jm->im")

    def transpose(self, gradient: Vector) -> Vector:
        """From the gradient in parameters to that in scaled variables."""
        return self._times(gradient, "mij,jm->im")

    def _times(self, x: Vector, subscripts: str) -> Vector:
        unknowns = self.inverse_root.shape[1]
        return jnp.einsum(subscripts, self.inverse_root, x.reshape(unknowns, -1)).reshape(-1)


def preconditioner(
    transpose: Callable[[Any], Vector], residual: Any, unknowns: int, probes: int, *, key: PRNGKeyArray
) -> Preconditioner:
    """Block-diagonal part of J^T J, estimated as the mean of (J^T z)(J^T z)^T over random signs z (Bekas et al. 2007).

    Parameters are (unknowns, modes) in this order. Off-diagonal entries are shrunk, since few probes make them noisy.
    """

    def probe(total: Array, one: PRNGKeyArray) -> tuple[Array, None]:
        leaves, tree = jax.tree.flatten(residual)
        keys = jax.random.split(one, len(leaves))
        signs = [jax.random.rademacher(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
        image = transpose(jax.tree.unflatten(tree, signs)).reshape(unknowns, -1)
        return total + jnp.einsum("im,jm->mij", image, image), None

    keys = jax.random.split(key, probes)
    size = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(transpose, residual)))
    dtype = jax.tree.leaves(residual)[0].dtype
    total = jax.lax.scan(probe, jnp.zeros((size // unknowns, unknowns, unknowns), dtype), keys)[0] / probes
    diagonal = jnp.eye(unknowns, dtype=dtype) * total
    floor = (1e-16 * jnp.max(total) + jnp.finfo(dtype).tiny) * jnp.eye(unknowns, dtype=dtype)
    root = jnp.linalg.cholesky((1.0 - SHRINKAGE) * total + SHRINKAGE * diagonal + floor)
    eye = jnp.broadcast_to(jnp.eye(unknowns, dtype=dtype), root.shape)
    return Preconditioner(jax.scipy.linalg.solve_triangular(root, eye, lower=True))


def cgls(
    forward: Callable[[Vector], Any],
    transpose: Callable[[Any], Vector],
    residual: Any,
    damping: Float[Array, ""],
    tolerance: float | Float[Array, ""],
    max_iterations: int,
) -> tuple[Vector, Array]:
    """Minimise |J x + residual|^2 + damping |x|^2 from zero (Bjorck 1996, algorithm 7.4.1); (x, iterations)."""

    def square(tree: Any) -> Array:
        return functools.reduce(jnp.add, [jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(tree)])

    negative = jax.tree.map(jnp.negative, residual)
    start = transpose(negative)
    gamma0 = jnp.vdot(start, start)

    def going(state: _Cgls) -> Array:
        return (state.steps < max_iterations) & (state.gamma > tolerance**2 * gamma0)

    def advance(state: _Cgls) -> _Cgls:
        image = forward(state.direction)
        curvature = square(image) + damping * jnp.vdot(state.direction, state.direction)
        alpha = state.gamma / curvature
        solution = state.solution + alpha * state.direction
        rest = jax.tree.map(lambda r, q: r - alpha * q, state.residual, image)
        slope = transpose(rest) - damping * solution
        gamma = jnp.vdot(slope, slope)
        return _Cgls(solution, rest, slope + (gamma / state.gamma) * state.direction, gamma, state.steps + 1)

    first = _Cgls(jnp.zeros_like(start), negative, start, gamma0, jnp.zeros((), jnp.int32))
    last = jax.lax.while_loop(going, advance, first)
    return last.solution, last.steps


def gauss_newton_init(loss: Float[Array, ""], damping: float = 1e-6) -> GaussNewtonState:
    """The state before the first step."""
    forcing = jnp.asarray(FORCING[1], loss.dtype)
    return GaussNewtonState(
        jnp.asarray(damping, loss.dtype), loss, jnp.asarray(True), jnp.zeros((), jnp.int32), forcing
    )


def gauss_newton_step(
    blocks: Callable[[Any], Any],
    params: Any,
    state: GaussNewtonState,
    *,
    key: PRNGKeyArray,
    max_iterations: int = 500,
    probes: int = 32,
) -> tuple[Any, GaussNewtonState, Any]:
    """One trust step: taken if the loss falls (then the damping shrinks), refused otherwise (then it grows).

    Returns the parameters, the state, and half the squared norm of each block (a tree like that of `blocks`).
    """
    flat, unravel = ravel_pytree(params)
    residual, push = jax.linearize(lambda x: blocks(unravel(x)), flat)
    pull = jax.linear_transpose(push, flat)
    scaling = preconditioner(lambda z: pull(z)[0], residual, _unknowns(params), probes, key=key)

    def forward(x: Vector) -> Any:
        return push(scaling.apply(x))

    def transpose(z: Any) -> Vector:
        return scaling.transpose(pull(z)[0])

    step, count = cgls(forward, transpose, residual, state.damping, state.forcing, max_iterations)
    candidate = flat + scaling.apply(step)
    new_parts, old_parts = _half_squares(blocks(unravel(candidate))), _half_squares(residual)
    loss, before = _total(new_parts), _total(old_parts)
    better = loss < before
    predicted = before - _total(_half_squares(jax.tree.map(jnp.add, residual, forward(step))))
    ratio = (before - loss) / jnp.maximum(predicted, jnp.finfo(loss.dtype).tiny)
    factor = jnp.where(ratio > 0.75, 0.1, jnp.where(ratio > 0.25, 1.0, 4.0))
    damping = jnp.clip(state.damping * jnp.where(better, factor, 10.0), 1e-16, 1e6)
    # Eisenstat and Walker (1996), choice 2: solve as exactly as the last step shows the linear model to be worth.
    forcing = jnp.clip(loss / jnp.maximum(before, jnp.finfo(loss.dtype).tiny), *FORCING)
    taken = unravel(jnp.where(better, candidate, flat))
    parts = jax.tree.map(lambda new, old: jnp.where(better, new, old), new_parts, old_parts)
    return taken, GaussNewtonState(damping, jnp.where(better, loss, before), better, count, forcing), parts


def _unknowns(params: Any) -> int:
    """How many unknowns share a mode: the first axis of a lone core tensor; one for any other parametrisation."""
    leaves = jax.tree.leaves(params)
    return leaves[0].shape[0] if len(leaves) == 1 and leaves[0].ndim > 1 else 1


def _total(tree: Any) -> Array:
    return functools.reduce(jnp.add, jax.tree.leaves(tree))


def _half_squares(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: 0.5 * jnp.vdot(leaf, leaf), tree)
