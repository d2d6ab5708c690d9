"""Levenberg-Marquardt without matrices: each step solves a damped linear least-squares problem by CGLS.

Products with the Jacobian and its transpose come from forward and reverse mode through the residual blocks, so any
parametrisation and any mixture of conditions is minimised alike. The variables are changed by the roots of blocks of
J^T J: those that the objective knows (see `spinn.objective.normal`), else small ones estimated from random probes.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.optim.coupling import Coupling
from spinn.optim.mixed import Operator, refined
from spinn.optim.narrowing import narrow, narrowed

# Weight of the diagonal in the estimated blocks.
SHRINKAGE = 0.1
# Bounds of the relative accuracy of the linear solves.
FORCING = (1e-10, 3e-2)
# A step ends the iteration where the next one would change the parameters by less than this (or by rounding, if more),
# relative. A gradient is taken to mean this many times the change that it would if columns were orthonormal.
ENOUGH_CHANGE, UNEVEN = 1e-11, 10.0
# A refused step of less predicted gain than this, relative, shows a minimum up to rounding.
NO_GAIN = 1e-3
LEAST_DAMPING = 1e-16
# A linear solve need not go further below the loss at which iterating ends than this.
BELOW_FLOOR = 0.1

# Steps of a linear solve; the same where the change of variables is the factor of J^T J itself: what is left after a
# few is rounding.
MAX_ITERATIONS, FEW_ITERATIONS = 500, 10

Vector = Float[Array, " n"]


class GaussNewtonState(NamedTuple):
    """Damping (relative to the scaled columns), the last loss, whether the last step was taken, and CG iterations.

    `slope`: squared norm of the gradient, in scaled columns, before that step; `change`: that of the last step taken,
    relative; `converged`: nothing is left to gain; `stalled`: a linear solve in float32 had to go on in float64.
    """

    damping: Float[Array, ""]
    loss: Float[Array, ""]
    accepted: Array
    iterations: Array
    slope: Float[Array, ""]
    change: Float[Array, ""]
    converged: Array
    stalled: Array


class _Cgls(NamedTuple):
    solution: Vector
    residual: Any
    direction: Vector
    gamma: Array
    steps: Array


class Preconditioner(eqx.Module):
    """A change of variables, one block a group of modes, that makes the columns of J nearly orthonormal.

    Parameters are a core of `shape` (unknowns, n_1, ..., n_d); `kept` says which of them a block holds.
    """

    inverse_root: Float[Array, "blocks rows rows"]
    shape: tuple[int, ...] = eqx.field(static=True)
    kept: Coupling = eqx.field(static=True)

    def apply(self, x: Vector) -> Vector:
        """From scaled variables to parameters."""
        return self._times(x, "mji,mj->mi")

    def transpose(self, gradient: Vector) -> Vector:
        """From the gradient in parameters to that in scaled variables."""
        return self._times(gradient, "mij,mj->mi")

    def _times(self, x: Vector, subscripts: str) -> Vector:
        product = jnp.einsum(subscripts, self.inverse_root, self.kept.blocks(x.reshape(self.shape)))
        return self.kept.core(product, self.shape).reshape(-1)


def preconditioner(normal: Float[Array, "blocks rows rows"], shape: tuple[int, ...], kept: Coupling) -> Preconditioner:
    """From blocks of J^T J. They are scaled to unit diagonals first, which leaves Cholesky's method all digits."""
    diagonal = jnp.diagonal(normal, axis1=1, axis2=2)
    tiny = jnp.finfo(normal.dtype).tiny
    scale = 1.0 / jnp.sqrt(diagonal + 1e-30 * jnp.max(diagonal) + tiny)
    eye = jnp.eye(normal.shape[1], dtype=normal.dtype)
    correlations = normal * scale[:, :, None] * scale[:, None, :]
    floor = 8.0 * normal.shape[1] * jnp.finfo(normal.dtype).eps
    root = jnp.linalg.cholesky(correlations + floor * eye)
    root = jnp.where(jnp.all(jnp.isfinite(root), (1, 2), keepdims=True), root, eye)  # columns alone, where it fails
    inverse = jax.scipy.linalg.solve_triangular(root, jnp.broadcast_to(eye, root.shape), lower=True)
    return Preconditioner(inverse * scale[:, None, :], shape, kept)


def probed_normal(
    transpose: Callable[[Any], Vector], residual: Any, unknowns: int, probes: int, *, key: PRNGKeyArray
) -> Float[Array, "modes unknowns unknowns"]:
    """Blocks of J^T J that couple `unknowns`, as means of (J^T z)(J^T z)^T over random signs z (Bekas et al. 2007).

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
    return jnp.where(jnp.eye(unknowns, dtype=bool), total, (1.0 - SHRINKAGE) * total)


def cgls(
    forward: Callable[[Vector], Any],
    transpose: Callable[[Any], Vector],
    residual: Any,
    damping: Float[Array, ""],
    tolerance: float | Float[Array, ""],
    max_iterations: int | Array,
    begin: Vector | None = None,
) -> tuple[Vector, Array]:
    """Minimise |J x + residual|^2 + damping |x|^2 from zero, or from where to `begin` (Bjorck 1996, algorithm 7.4.1);
    (x, iterations).
    """
    negative = jax.tree.map(jnp.negative, residual)
    if begin is not None:
        negative = jax.tree.map(jnp.subtract, negative, forward(begin))
    start = transpose(negative)
    begin = jnp.zeros_like(start) if begin is None else begin
    start = start - damping * begin
    gamma0 = jnp.vdot(start, start)

    def going(state: _Cgls) -> Array:
        return (state.steps < max_iterations) & (state.gamma > tolerance**2 * gamma0)

    def advance(state: _Cgls) -> _Cgls:
        image = forward(state.direction)
        curvature = _square(image) + damping * jnp.vdot(state.direction, state.direction)
        alpha = state.gamma / curvature
        solution = state.solution + alpha * state.direction
        rest = jax.tree.map(lambda r, q: r - alpha * q, state.residual, image)
        slope = transpose(rest) - damping * solution
        gamma = jnp.vdot(slope, slope)
        return _Cgls(solution, rest, slope + (gamma / state.gamma) * state.direction, gamma, state.steps + 1)

    first = _Cgls(begin, negative, start, gamma0, jnp.zeros((), jnp.int32))
    last = jax.lax.while_loop(going, advance, first)
    return last.solution, last.steps


def gauss_newton_init(loss: Float[Array, ""], damping: float = 1e-6) -> GaussNewtonState:
    """The state before the first step."""
    return GaussNewtonState(
        damping=jnp.asarray(damping, loss.dtype),
        loss=loss,
        accepted=jnp.asarray(True),
        iterations=jnp.zeros((), jnp.int32),
        slope=jnp.zeros_like(loss),
        change=jnp.full_like(loss, jnp.inf),
        converged=jnp.asarray(False),
        stalled=jnp.asarray(False),
    )


def gauss_newton_step(
    blocks: Callable[[Any], Any],
    params: Any,
    state: GaussNewtonState,
    *,
    key: PRNGKeyArray,
    normal: Callable[[Any], Float[Array, "modes rows rows"]] | None = None,
    kept: Coupling | None = None,
    root: Callable[[Any], Any] | None = None,
    floor: float | Array = 0.0,
    change: float | Array = ENOUGH_CHANGE,
    max_iterations: int | Array = MAX_ITERATIONS,
    linear: bool = False,
    mixed: bool = False,
    probes: int = 32,
) -> tuple[Any, GaussNewtonState, Any]:
    """One trust step: taken if the loss falls (then the damping shrinks), refused otherwise (then it grows).

    **Arguments:** `normal(params)`: the blocks of J^T J that are `kept`, for parameters that are a lone core; or
    `root(params)`: a change of variables like `Preconditioner`, which says whether it is `exact`. Without either,
    blocks between the unknowns are estimated. `floor`: the loss that is good enough; `change`: the relative change of
    parameters that is; `linear`: whether the residual is, so that one step should do; `mixed`: whether the linear solve
    works in float32, and float64 refines it (see `spinn.optim.mixed`).

    Returns the parameters, the state, and half the squared norm of each block (a tree like that of `blocks`).
    """
    flat, unravel = ravel_pytree(params)
    residual, push = jax.linearize(lambda x: blocks(unravel(x)), flat)
    pull = jax.linear_transpose(push, flat)
    scaling: Any
    if root is not None:
        scaling = root(params)
        max_iterations = jnp.minimum(max_iterations, FEW_ITERATIONS) if scaling.exact else max_iterations
    elif normal is not None and kept is not None:
        scaling = preconditioner(normal(params), jax.tree.leaves(params)[0].shape, kept)
    else:
        unknowns = _unknowns(params)
        estimate = probed_normal(lambda z: pull(z)[0], residual, unknowns, probes, key=key)
        scaling = preconditioner(estimate, (unknowns, flat.size // unknowns), Coupling((), (1,)))

    def forward(x: Vector) -> Any:
        return push(scaling.apply(x))

    def transpose(z: Any) -> Vector:
        return scaling.transpose(pull(z)[0])

    change = jnp.maximum(change, 10.0 * jnp.finfo(flat.dtype).eps)
    old_parts = _half_squares(residual)
    before = _total(old_parts)
    slope = _square(transpose(residual))
    tolerance = _tolerance(state, slope, before, floor, change, linear)
    damping = jnp.full_like(state.damping, LEAST_DAMPING) if root is not None and linear else state.damping
    if mixed:
        double, single = Operator(forward, transpose), _in_single(push, scaling, flat)
        found = refined(double, single, cgls, residual, damping, tolerance, max_iterations, state.stalled)
        step, count, stalled = found.solution, found.steps, found.stalled
    else:
        step, count = cgls(forward, transpose, residual, damping, tolerance, max_iterations)
        stalled = state.stalled
    moved = ahead = scaling.apply(step)
    if root is not None and linear:
        # A factor of J^T J leaves directions to rounding of which gradients say nothing: solving again refines them,
        # for the price of a few products, and shows how much a third time would change.
        rest = jax.tree.map(jnp.add, residual, push(moved))
        again, more = cgls(forward, transpose, rest, damping, tolerance, max_iterations)
        refined_by = scaling.apply(again)
        ahead = refined_by * (_norm(refined_by) / jnp.maximum(_norm(moved), jnp.finfo(flat.dtype).tiny))
        step, count, moved = step + again, count + more, moved + refined_by
    candidate = flat + moved
    there, pull_there = jax.vjp(lambda x: blocks(unravel(x)), candidate)
    left = _square(scaling.transpose(pull_there(there)[0]))
    new_parts = _half_squares(there)
    loss = _total(new_parts)
    better = loss < before
    predicted = before - _total(_half_squares(jax.tree.map(jnp.add, residual, forward(step))))
    ratio = (before - loss) / jnp.maximum(predicted, jnp.finfo(loss.dtype).tiny)
    factor = jnp.where(ratio > 0.75, 0.1, jnp.where(ratio > 0.25, 1.0, 4.0))
    next_damping = jnp.clip(state.damping * jnp.where(better, factor, 10.0), LEAST_DAMPING, 1e6)
    taken = unravel(jnp.where(better, candidate, flat))
    parts = jax.tree.map(lambda new, old: jnp.where(better, new, old), new_parts, old_parts)
    size = jnp.maximum(_norm(candidate), jnp.finfo(loss.dtype).tiny)
    changed = _norm(moved) / size
    by_slope = UNEVEN * changed * jnp.sqrt(left / jnp.maximum(slope, jnp.finfo(slope.dtype).tiny))
    # With a factor of J^T J gradients vanish before rounding is refined: what another solve would change counts.
    settled = (by_slope if root is None else _norm(ahead) / size) < change
    after = GaussNewtonState(
        next_damping,
        jnp.where(better, loss, before),
        better,
        count,
        jnp.where(better, slope, state.slope),
        jnp.where(better, changed, state.change),
        jnp.where(better, settled, predicted < NO_GAIN * before),
        stalled,
    )
    return taken, after, parts


def _in_single(push: Callable[[Vector], Any], scaling: Preconditioner, flat: Vector) -> Operator:
    """The derivative of the residual in scaled variables, in float32."""
    small, small_scaling = narrowed(push, flat), narrow(scaling)
    pull = jax.linear_transpose(small, narrow(flat))
    return Operator(lambda x: small(small_scaling.apply(x)), lambda z: small_scaling.transpose(pull(z)[0]))


def descent(
    blocks: Callable[[Any], Any],
    params: Any,
    normal: Float[Array, "modes rows rows"],
    kept: Coupling,
    iterations: int,
    damping: float = 1e-14,
) -> Any:
    """A few iterations of the linear least-squares problem at parameters that are a lone core: what to add to them."""
    flat, unravel = ravel_pytree(params)
    residual, push = jax.linearize(lambda x: blocks(unravel(x)), flat)
    pull = jax.linear_transpose(push, flat)
    scaling = preconditioner(normal, jax.tree.leaves(params)[0].shape, kept)
    step, _ = cgls(
        lambda x: push(scaling.apply(x)), lambda z: scaling.transpose(pull(z)[0]), residual,
        jnp.asarray(damping, flat.dtype), FORCING[0], iterations,
    )  # fmt: skip
    return unravel(scaling.apply(step))


def _tolerance(
    state: GaussNewtonState, slope: Array, loss: Array, floor: float | Array, change: Array, linear: bool
) -> Array:
    """How exactly to solve: as the last step shows the linear model to be worth (Eisenstat and Walker 1996, choice 2,
    with gradients, which vanish also where the residual does not), and no more exactly than the end needs.
    """
    worth = slope / jnp.maximum(state.slope, jnp.finfo(slope.dtype).tiny)
    to_floor = BELOW_FLOOR * jnp.sqrt(floor / jnp.maximum(loss, jnp.finfo(loss.dtype).tiny))
    if linear:
        return jnp.clip(jnp.maximum(change / UNEVEN, to_floor), *FORCING)
    # The step to come is about as much smaller than the last one as its gradient is.
    to_change = change / (UNEVEN * UNEVEN * state.change * jnp.sqrt(worth))
    return jnp.clip(jnp.maximum(worth, jnp.maximum(to_floor, to_change)), *FORCING)


def _unknowns(params: Any) -> int:
    """How many unknowns share a mode: the first axis of a lone core tensor; one for any other parametrisation."""
    leaves = jax.tree.leaves(params)
    return leaves[0].shape[0] if len(leaves) == 1 and leaves[0].ndim > 1 else 1


def _norm(x: Vector) -> Array:
    return jnp.linalg.norm(x)


def _square(tree: Any) -> Array:
    return functools.reduce(jnp.add, [jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(tree)])


def _total(tree: Any) -> Array:
    return functools.reduce(jnp.add, jax.tree.leaves(tree))


def _half_squares(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: 0.5 * jnp.vdot(leaf, leaf), tree)
