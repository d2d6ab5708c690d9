"""Conjugate gradients on a batch of systems at once, compiled: as in `spinn.solvers.krylov.cg`, each sample on its own.

The loop runs until the last sample has ended; one that has is left alone by masks.
"""

import dataclasses
import time
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.solvers.batched.diagonals import Diagonals
from spinn.solvers.batched.outcome import (
    RUNNING,
    BatchedInfo,
    Goal,
    Operator,
    Progress,
    Rule,
    advance,
    begin,
    checked_batch,
    code_of,
    dot,
    doubles,
    norms,
    relative,
    rule_of,
    statuses,
)
from spinn.solvers.batched.poisson import FastPoisson
from spinn.solvers.batched.stencil import Stencil, Values
from spinn.solvers.krylov.cg import PATIENCE
from spinn.solvers.types import DEFAULT_STOPPING, Status, Stopping


class _Sweep(NamedTuple):
    x: Array
    r: Array
    p: Array
    gamma: Array
    iterations: Array
    active: Array
    broken: Array


@dataclasses.dataclass(frozen=True)
class BatchedCG:
    """For symmetric positive definite operators, with a preconditioner or none, in float64 on JAX's default device."""

    stopping: Stopping = DEFAULT_STOPPING
    name: ClassVar[str] = "batched_cg"

    def solve(
        self, operator: Stencil | Diagonals, rhs: Values, preconditioner: FastPoisson | None = None
    ) -> tuple[np.ndarray, BatchedInfo]:
        """Solutions (samples, n_1, ..., n_d) for right sides of this shape, and how each went.

        Compiled once for each shape. ValueError where the right sides do not fit the operator.
        """
        checked_batch(operator, rhs, preconditioner, 1)
        begun = time.perf_counter()
        with jax.enable_x64(True):
            found = _solve(*doubles((operator, preconditioner, rhs)), rule_of(self.stopping))
            x, iterations, residuals, codes = jax.device_get(found)
        return x, BatchedInfo(self.name, statuses(codes), iterations, residuals, time.perf_counter() - begun)


@jax.jit
def _solve(
    operator: Stencil | Diagonals, preconditioner: FastPoisson | None, rhs: Array, rule: Rule
) -> tuple[Array, Array, Array, Array]:
    samples, grid = rhs.shape[0], rhs.shape[1:]

    def flat(apply: Stencil | Diagonals | FastPoisson | None) -> Operator:
        return lambda u: u if apply is None else apply(u.reshape(-1, *grid)).reshape(samples, -1)

    b = rhs.reshape(samples, -1)
    size = norms(b)
    end = cg(flat(operator), flat(preconditioner), b, rule.goal(b))
    return end.x.reshape(rhs.shape), end.iterations, relative(end.norm, size), end.code


def cg(product: Operator, inverse: Operator, b: Array, goal: Goal) -> Progress:
    """The traceable part, on vectors b (samples, n)."""

    def sweep(state: Progress) -> Progress:
        z = inverse(state.residual)
        first = _Sweep(
            state.x,
            state.residual,
            z,
            dot(state.residual, z),
            state.iterations,
            state.running,
            state.code * 0 + RUNNING,
        )
        last = jax.lax.while_loop(lambda s: jnp.any(s.active), lambda s: _iterate(s, product, inverse, goal), first)
        return advance(state, last.x, b - product(last.x), last.iterations, last.broken, goal, PATIENCE)

    return jax.lax.while_loop(lambda state: jnp.any(state.running), sweep, begin(b, goal))


def _iterate(s: _Sweep, product: Operator, inverse: Operator, goal: Goal) -> _Sweep:
    q = product(s.p)
    curvature = dot(s.p, q)
    positive = (s.gamma > 0.0) & (curvature > 0.0) & jnp.isfinite(curvature) & jnp.isfinite(s.gamma)
    finite = jnp.isfinite(curvature) & jnp.isfinite(s.gamma)
    broken = jnp.where(finite, code_of(Status.INDEFINITE), code_of(Status.NOT_FINITE))
    moved = s.active & positive
    alpha = jnp.where(moved, s.gamma / jnp.where(positive, curvature, 1.0), 0.0)[:, None]
    x = jnp.where(moved[:, None], s.x + alpha * s.p, s.x)
    r = jnp.where(moved[:, None], s.r - alpha * q, s.r)
    iterations = s.iterations + moved
    z = inverse(r)
    gamma = dot(r, z)
    p = z + (gamma / jnp.where(positive, s.gamma, 1.0))[:, None] * s.p
    active = moved & (norms(r) > goal.target) & (iterations < goal.limit)
    return _Sweep(x, r, p, gamma, iterations, active, jnp.where(s.active & ~positive, broken, s.broken))
