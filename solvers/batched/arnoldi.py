"""Arnoldi's process and the small dense steps around it, on a batch at once: rows are vectors, absent ones are zero.

As `spinn.solvers.krylov.arnoldi` with masks: a sample that has ended goes on with zeros until the others have.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from spinn.solvers.batched.outcome import RUNNING, Goal, Operator, Progress, code_of, norms
from spinn.solvers.krylov.arnoldi import RANK_CUT, VANISHES
from spinn.solvers.types import Status

# Squared singular values, relative to the largest, below which a combination of directions is absent.
DEPENDENT = 1e-14


class Cycle(NamedTuple):
    """Arnoldi's process so far: W (samples, k + s + 1, n), Z (samples, s, n), G (samples, k + s + 1, k + s)."""

    images: Array
    directions: Array
    projected: Array
    left: Array
    stretch: Array
    step: Array
    iterations: Array
    active: Array
    broken: Array


def arnoldi(
    product: Operator,
    inverse: Operator,
    progress: Progress,
    kept: Array,
    start: Array,
    goal: Goal,
    steps: int,
) -> Cycle:
    """Steps of the samples that run; for others, and after a sample's end, vectors are zero."""
    samples, held, n = kept.shape
    beta = norms(start)
    live = progress.running & (beta > 0.0)
    first = jnp.where(live[:, None], start / jnp.where(live, beta, 1.0)[:, None], 0.0)
    dtype = start.dtype
    initial = Cycle(
        jnp.concatenate([kept, first[:, None], jnp.zeros((samples, steps, n), dtype)], axis=1),
        jnp.zeros((samples, steps, n), dtype),
        jnp.zeros((samples, held + steps + 1, held + steps), dtype),
        jnp.zeros((samples, steps + 1), dtype).at[:, 0].set(1.0),
        jnp.zeros(samples, dtype),
        jnp.zeros((), jnp.int32),
        progress.iterations,
        live,
        jnp.full_like(progress.code, RUNNING),
    )

    def advance_one(c: Cycle) -> Cycle:
        vector = jnp.where(c.active[:, None], jnp.take(c.images, held + c.step, axis=1), 0.0)
        z = inverse(vector)
        w = product(z)
        finite = jnp.isfinite(norms(w)) & jnp.isfinite(norms(z))
        z, w = (jnp.where(finite[:, None], u, 0.0) for u in (z, w))
        stretch = jnp.maximum(c.stretch, norms(w))
        h = coordinates(c.images, w)
        w = w - combined(h, c.images)
        again = coordinates(c.images, w)
        w = w - combined(again, c.images)
        h, rest = h + again, norms(w)
        open_space = c.active & finite & (rest > VANISHES * stretch)
        w = jnp.where(open_space[:, None], w / jnp.where(open_space, rest, 1.0)[:, None], 0.0)
        rest = jnp.where(open_space, rest, 0.0)
        image = jnp.einsum("bj,bj->b", c.left, h[:, held:])
        left = c.left.at[:, c.step + 1].set(jnp.where(open_space, -image / jnp.where(open_space, rest, 1.0), 0.0))
        iterations = c.iterations + c.active
        unmet = beta > goal.target * jnp.linalg.norm(left, axis=1)
        return Cycle(
            c.images.at[:, held + c.step + 1].set(w),
            c.directions.at[:, c.step].set(z),
            c.projected.at[:, :, held + c.step].set(h).at[:, held + c.step + 1, held + c.step].set(rest),
            left,
            stretch,
            c.step + 1,
            iterations,
            open_space & unmet & (iterations < goal.limit),
            jnp.where(c.active & ~finite, code_of(Status.NOT_FINITE), c.broken),
        )

    return jax.lax.while_loop(lambda c: jnp.any(c.active) & (c.step < steps), advance_one, initial)


def least_squares(projected: Array, rhs: Array) -> Array:
    """y (samples, columns) that minimises ||rhs - G y||, zero where a column of G is absent.

    By QR of G with a diagonal below it: 1 for an absent column, else small enough to show only where G is deficient.
    """
    lengths = jnp.linalg.norm(projected, axis=1)
    floor = jnp.where(lengths > 0.0, RANK_CUT * jnp.max(lengths, axis=1, keepdims=True), 1.0)
    stacked = jnp.concatenate([projected, floor[:, :, None] * jnp.eye(floor.shape[1], dtype=floor.dtype)], axis=1)
    orthonormal, triangle = jnp.linalg.qr(stacked)
    along = jnp.einsum("bij,bi->bj", orthonormal[:, : rhs.shape[1]], rhs)
    return jax.scipy.linalg.solve_triangular(triangle, along[:, :, None])[:, :, 0]


def combined(coefficients: Array, rows: Array) -> Array:
    """One vector (samples, n) of rows (samples, j, n) by coefficients (samples, j)."""
    return jnp.einsum("bj,bjn->bn", coefficients, rows)


def coordinates(rows: Array, vector: Array) -> Array:
    """Inner products (samples, j) of rows (samples, j, n) with a vector (samples, n)."""
    return jnp.einsum("bjn,bn->bj", rows, vector)


def mixed(mixing: Array, rows: Array) -> Array:
    """New rows (samples, k, n): combinations of rows (samples, j, n) by the columns of a mixing (samples, j, k)."""
    return jnp.einsum("bjk,bjn->bkn", mixing, rows)


def _orthonormal(gram: Array) -> Array:
    """The mixing (samples, k, k) after which rows of this Gram matrix are orthonormal, and dependent ones zero."""
    diagonal = jnp.diagonal(gram, axis1=1, axis2=2)
    scale = jnp.where(diagonal > 0.0, 1.0 / jnp.sqrt(jnp.where(diagonal > 0.0, diagonal, 1.0)), 0.0)
    values, vectors = jnp.linalg.eigh(gram * scale[:, :, None] * scale[:, None, :])
    present = values > DEPENDENT * jnp.maximum(values[:, -1:], jnp.finfo(gram.dtype).tiny)
    roots = jnp.where(present, 1.0 / jnp.sqrt(jnp.where(present, values, 1.0)), 0.0)
    return scale[:, :, None] * vectors * roots[:, None, :]


def twice_orthonormal(rows: Array) -> Array:
    """The mixing that makes rows (samples, k, n) orthonormal to rounding."""
    first = _orthonormal(jnp.einsum("bjn,bkn->bjk", rows, rows))
    better = mixed(first, rows)
    return first @ _orthonormal(jnp.einsum("bjn,bkn->bjk", better, better))
