"""What batched solvers share: norms of each sample, codes for how each ended, and the result as the caller gets it."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.solvers.stopping import LEAST_GAIN
from spinn.solvers.types import Status, Stopping

# A map of vectors (samples, n) to vectors (samples, n).
Operator: TypeAlias = Callable[[Array], Array]
# Codes of what ended a sample: positions in this list.
ENDINGS = list(Status)
RUNNING = -1


@dataclasses.dataclass(frozen=True, eq=False)
class BatchedInfo:
    """How each sample went; all arrays have the shape of the batch.

    `statuses`: values of `Status`; `iterations`: as in `Info`; `residuals`: true relative residuals, recomputed;
    `seconds`: wall time of the whole batch, compilation included where there was one.
    """

    method: str
    statuses: np.ndarray
    iterations: np.ndarray
    residuals: np.ndarray
    seconds: float

    @property
    def converged(self) -> np.ndarray:
        """Which samples met the stopping rule."""
        return self.statuses == Status.CONVERGED


class Rule(NamedTuple):
    """The numbers of `Stopping` as arrays, so that another tolerance compiles nothing anew."""

    relative: Array
    absolute: Array
    limit: Array

    def goal(self, b: Array) -> "Goal":
        """For right sides b (samples, n)."""
        return Goal(jnp.maximum(self.relative * norms(b), self.absolute), self.limit)


class Goal(NamedTuple):
    """The norms (samples,) that residuals must not exceed, and the largest number of iterations."""

    target: Array
    limit: Array


class Progress(NamedTuple):
    """The state of a batch between sweeps: the best x (samples, n), its true residual and norm, and the books.

    `reference`: the smallest norm that counted as a gain, as in `spinn.solvers.stopping`; `stale`: sweeps since.
    """

    x: Array
    residual: Array
    norm: Array
    reference: Array
    stale: Array
    iterations: Array
    code: Array

    @property
    def running(self) -> Array:
        """Which samples (samples,) nothing has ended yet."""
        return self.code == RUNNING


def dot(u: Array, v: Array) -> Array:
    """Inner products (samples,) of vectors (samples, n)."""
    return jnp.einsum("bn,bn->b", u, v)


def norms(u: Array) -> Array:
    """Norms (samples,) of vectors (samples, n)."""
    return jnp.sqrt(dot(u, u))


def code_of(status: Status) -> int:
    """Its position in `ENDINGS`."""
    return ENDINGS.index(status)


def rule_of(stopping: Stopping) -> Rule:
    """To be called where JAX has 64 bits enabled."""
    return Rule(jnp.asarray(stopping.relative), jnp.asarray(stopping.absolute), jnp.asarray(stopping.max_iterations))


def begin(rhs: Array, goal: Goal) -> Progress:
    """From x = 0, where the residual is the right side (samples, n)."""
    norm = norms(rhs)
    code = jnp.where(norm <= goal.target, code_of(Status.CONVERGED), RUNNING)
    code = jnp.where(jnp.isfinite(norm), code, code_of(Status.NOT_FINITE))
    zeros = jnp.zeros(norm.shape, jnp.int32)
    return Progress(jnp.zeros_like(rhs), rhs, norm, norm, zeros, zeros, code)


def advance(
    before: Progress,
    x: Array,
    residual: Array,
    iterations: Array,
    broken: Array,
    goal: Goal,
    patience: int,
) -> Progress:
    """After a sweep: take x (samples, n) where its true residual is smaller, and end what has ended.

    `broken`: the code of what broke in the sweep, RUNNING for nothing.
    """
    norm = norms(residual)
    better = before.running & (norm < before.norm)
    gained = norm < (1.0 - LEAST_GAIN) * before.reference
    stale = jnp.where(gained, 0, before.stale + 1)
    code = jnp.where(stale >= patience, code_of(Status.STAGNATED), RUNNING)
    code = jnp.where(iterations >= goal.limit, code_of(Status.LIMIT), code)
    code = jnp.where(broken != RUNNING, broken, code)
    code = jnp.where(jnp.isfinite(norm), code, code_of(Status.NOT_FINITE))
    code = jnp.where(norm <= goal.target, code_of(Status.CONVERGED), code)
    return Progress(
        jnp.where(better[:, None], x, before.x),
        jnp.where(better[:, None], residual, before.residual),
        jnp.where(better, norm, before.norm),
        jnp.where(before.running & gained, norm, before.reference),
        jnp.where(before.running, stale, before.stale),
        jnp.where(before.running, iterations, before.iterations),
        jnp.where(before.running, code, before.code),
    )


def relative(norm: Array, size: Array) -> Array:
    """Relative residuals; 0 where the right side is zero."""
    return jnp.where(size == 0.0, 0.0, norm / jnp.where(size == 0.0, 1.0, size))


def doubles(tree: Any) -> Any:
    """All arrays of a tree in float64 on the default device; to be called where JAX has 64 bits enabled."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64) if eqx.is_array_like(leaf) else leaf, tree)


def checked_batch(operator: Any, rhs: Any, preconditioner: Any | None, axes: int) -> None:
    """ValueError unless right sides, operator and preconditioner have one grid, and as many samples on `axes` axes."""
    grid, samples = operator.grid, tuple(rhs.shape[:axes])
    if rhs.ndim != axes + len(grid) or tuple(rhs.shape[axes:]) != grid:
        raise ValueError(
            f"expected right sides with {axes} axes of samples before the grid {grid}, got shape {rhs.shape}: "
            "add an axis for a single sample"
        )
    inverse = None if preconditioner is None else preconditioner.inverse
    if inverse is not None and tuple(inverse.shape[-len(grid) :]) != grid:
        raise ValueError(
            f"expected a preconditioner for the grid {grid}, got one for {inverse.shape}: "
            "build it on the interior nodes"
        )
    scale = None if preconditioner is None else preconditioner.scale
    own = inverse if inverse is not None and inverse.ndim > len(grid) else None
    for leaf in jax.tree.leaves((operator, scale, own)):
        if tuple(leaf.shape[:axes]) != samples:
            raise ValueError(
                f"expected coefficients for samples {samples}, got shape {leaf.shape}: one operator a right side"
            )


def statuses(codes: Array | np.ndarray) -> np.ndarray:
    """Values of `Status` in an array of the same shape."""
    return np.array([str(status) for status in ENDINGS])[np.asarray(codes)]
