"""Linear least squares by iterative refinement: float32 does the work, float64 the residual.

A pass solves for the gradient that is left, in float32, by conjugate gradients on the normal equations; the residual
and the gradient of the sum of all passes are then computed anew in float64 (Wilkinson 1963; Carson and Higham 2018,
SIAM J. Sci. Comput. 40(2), for general precisions). A pass gains what float32 resolves of the normal matrix, five
digits after a good change of variables; the result is that of float64. Where passes gain too little, float64 goes on
from what they reached.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.optim.narrowing import narrow

# What a pass lowers the gradient to, at most, relative: beyond, its rounding outweighs its gain.
PASS_TOLERANCE = 1e-6
# Iterations of a pass: where float32 takes more, its gain so far tells whether to go on with it.
PASS_ITERATIONS = 120
# A pass that leaves more of the gradient than this has stalled.
LEAST_GAIN = 0.1
# A gradient of this share of the residual is rounding, in columns of about unit length.
ROUNDING = 1e-14
# A gradient of this many times what is wanted will do: rounding is no reason for a pass more than float64 takes.
ENOUGH = 1.1

Vector = Float[Array, " n"]


class Operator(NamedTuple):
    """A Jacobian in scaled variables, and its transpose."""

    forward: Callable[[Vector], Any]
    transpose: Callable[[Any], Vector]


class Solved(NamedTuple):
    """A solution, iterations, and whether float32 stalled."""

    solution: Vector
    steps: Array
    stalled: Array


class _Refined(NamedTuple):
    solution: Vector
    residual: Any  # of the solution
    slope: Vector  # minus the gradient
    gamma: Array  # its squared norm
    steps: Array
    stalled: Array


class _Pass(NamedTuple):
    solution: Vector
    slope: Vector
    direction: Vector
    gamma: Array
    steps: Array


def refined(
    double: Operator,
    single: Operator,
    rest: Callable[..., tuple[Vector, Array]],
    residual: Any,
    damping: Float[Array, ""],
    tolerance: float | Float[Array, ""],
    max_iterations: int | Array,
    stalled: bool | Array = False,
) -> Solved:
    """Minimise |J x + residual|^2 + damping |x|^2, until the gradient is `tolerance` of what it was.

    **Arguments:** `single`: `double` in float32; `rest`: how float64 goes on (see `cgls`); `stalled`: whether it is
    known that it has to, from the start.
    """
    first = _at(double, residual, jnp.zeros_like(double.transpose(residual)), damping)
    wanted = jnp.maximum(tolerance**2 * first.gamma, ROUNDING**2 * _square(residual))
    begin = first._replace(stalled=jnp.asarray(stalled))

    def going(state: _Refined) -> Array:
        return (state.gamma > ENOUGH**2 * wanted) & (state.steps < max_iterations) & ~state.stalled

    def advance(state: _Refined) -> _Refined:
        norm = jnp.sqrt(state.gamma)
        missing = jnp.maximum(jnp.sqrt(wanted) / norm, PASS_TOLERANCE)
        most = jnp.minimum(max_iterations - state.steps, PASS_ITERATIONS)
        change, steps = normal_cg(single, narrow(state.slope / norm), narrow(damping), narrow(missing), most)
        found = _at(double, residual, state.solution + norm * change.astype(norm.dtype), damping)
        better = found.gamma < state.gamma
        kept = jax.tree.map(lambda new, old: jnp.where(better, new, old), found, state)
        gained = (found.gamma < LEAST_GAIN**2 * state.gamma) | (found.gamma <= ENOUGH**2 * wanted)
        return kept._replace(steps=state.steps + steps, stalled=~gained)

    last = jax.lax.while_loop(going, advance, begin)

    def in_double() -> tuple[Vector, Array]:
        left, most = jnp.sqrt(wanted / last.gamma), max_iterations - last.steps
        return rest(double.forward, double.transpose, residual, damping, left, most, last.solution)

    solution, more = jax.lax.cond(
        last.stalled & (last.gamma > ENOUGH**2 * wanted), in_double, lambda: (last.solution, jnp.zeros_like(last.steps))
    )
    return Solved(solution, last.steps + more, last.stalled)


def _at(operator: Operator, residual: Any, solution: Vector, damping: Array) -> _Refined:
    """Residual and gradient of a solution, computed anew."""
    rest = jax.tree.map(jnp.add, residual, operator.forward(solution))
    slope = -operator.transpose(rest) - damping * solution
    return _Refined(solution, rest, slope, jnp.vdot(slope, slope), jnp.zeros((), jnp.int32), jnp.asarray(False))


def normal_cg(
    operator: Operator, right: Vector, damping: Array, tolerance: Array, max_iterations: int | Array
) -> tuple[Vector, Array]:
    """Solve (J^T J + damping) x = right from zero (Hestenes, Stiefel 1952); (x, iterations).

    What is left of `right` is updated and not computed anew, so that it falls on where rounding lets nothing be gained.
    """
    gamma0 = jnp.vdot(right, right)

    def going(state: _Pass) -> Array:
        return (state.steps < max_iterations) & (state.gamma > tolerance**2 * gamma0)

    def advance(state: _Pass) -> _Pass:
        image = operator.forward(state.direction)
        curvature = _square(image) + damping * jnp.vdot(state.direction, state.direction)
        alpha = state.gamma / curvature
        slope = state.slope - alpha * (operator.transpose(image) + damping * state.direction)
        gamma = jnp.vdot(slope, slope)
        direction = slope + (gamma / state.gamma) * state.direction
        return _Pass(state.solution + alpha * state.direction, slope, direction, gamma, state.steps + 1)

    first = _Pass(jnp.zeros_like(right), right, right, gamma0, jnp.zeros((), jnp.int32))
    last = jax.lax.while_loop(going, advance, first)
    return last.solution, last.steps


def _square(tree: Any) -> Array:
    return functools.reduce(jnp.add, [jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(tree)])
