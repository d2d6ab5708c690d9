"""GCRO-DR on many chains of systems at once, compiled: a scan along each chain carries the recycled space.

The algorithm is that of `spinn.solvers.krylov.gcrodr` (Parks, de Sturler, Mackey, Johnson, Maiti 2006), whose steps the
comments number. Shapes are fixed: a space always has `recycle` directions, of which those of zero norm are absent, and
every cycle has restart - recycle steps, also the first; a singular matrix ends as stagnated. Two parts differ, because
accelerators have no batched eigenvalues of general matrices and slow batched QR of tall ones. What is kept are the
directions t that A M^-1 shrinks most, ||A M^-1 t|| / ||t|| least over the cycle's space: approximate singular vectors,
a symmetric problem (as in Al Daas, Grigori, Henon, Ricoux 2021; for normal operators they are eigenvectors of smallest
magnitude). And bases are made orthonormal from their Gram matrices, twice (Stathopoulos and Wu 2002).
"""

import dataclasses
import functools
import time
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.solvers.batched.arnoldi import arnoldi, combined, coordinates, least_squares, mixed, twice_orthonormal
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
    doubles,
    norms,
    relative,
    rule_of,
    statuses,
)
from spinn.solvers.batched.poisson import FastPoisson
from spinn.solvers.batched.stencil import Stencil, Values
from spinn.solvers.checks import checked_range
from spinn.solvers.krylov.gcrodr import patience
from spinn.solvers.types import DEFAULT_STOPPING, Stopping

# Added to Gram matrices of unit diagonal, which rounding may leave indefinite.
RIDGE = 1e-12


class Space(NamedTuple):
    """U, C = A U and M U, each (samples, recycle, n): directions are rows here, and absent ones zero."""

    basis: Array
    images: Array
    preconditioned: Array


@dataclasses.dataclass(frozen=True)
class BatchedGCRODR:
    """For any stencils, symmetric or not definite, in float64 on JAX's default device.

    Memory is about 2 `restart` + 2 `recycle` vectors a chain. ValueError unless 1 <= recycle < restart.
    """

    stopping: Stopping = DEFAULT_STOPPING
    restart: int = 40
    recycle: int = 20
    name: ClassVar[str] = "batched_gcrodr"

    def __post_init__(self) -> None:
        checked_range("restart", self.restart, 2)
        checked_range("recycle", self.recycle, 1, self.restart - 1)

    def solve(
        self, operator: Stencil | Diagonals, rhs: Values, preconditioner: FastPoisson | None = None
    ) -> tuple[np.ndarray, BatchedInfo]:
        """Solutions (chains, systems, n_1, ..., n_d) for right sides of this shape, and how each went.

        The arrays of the operator (a `Stencil` or `Diagonals`), and the scale of the preconditioner, have the axes
        (chains, systems) before those of the grid. Compiled once for each shape. ValueError where the right sides do
        not fit the operator.
        """
        checked_batch(operator, rhs, preconditioner, 2)
        begun = time.perf_counter()
        with jax.enable_x64(True):
            rule, steps = rule_of(self.stopping), self.restart - self.recycle
            found = _solve(*doubles((operator, preconditioner, rhs)), rule, self.recycle, steps)
            x, iterations, residuals, codes = jax.device_get(found)
        return x, BatchedInfo(self.name, statuses(codes), iterations, residuals, time.perf_counter() - begun)


@functools.partial(jax.jit, static_argnames=("recycle", "steps"))
def _solve(
    operator: Stencil | Diagonals, preconditioner: FastPoisson | None, rhs: Array, rule: Rule, recycle: int, steps: int
) -> tuple[Array, Array, Array, Array]:
    chains, grid = rhs.shape[0], rhs.shape[2:]
    scale = None if preconditioner is None else preconditioner.scale
    shared = preconditioner is None or preconditioner.inverse.ndim == len(grid)
    inverses = None if preconditioner is None or shared else preconditioner.inverse

    def step(space: Space, system: tuple[Any, Array | None, Array | None, Array]) -> tuple[Space, tuple[Array, ...]]:
        operator, own_scale, own_inverse, right = system

        def product(u: Array) -> Array:
            return operator(u.reshape(chains, *grid)).reshape(chains, -1)

        def inverse(u: Array) -> Array:
            if preconditioner is None:
                return u
            own_values = preconditioner.inverse if own_inverse is None else own_inverse
            own = FastPoisson(preconditioner.sines, own_values, own_scale, preconditioner.single)
            return own(u.reshape(chains, *grid)).reshape(chains, -1)

        b = right.reshape(chains, -1)
        end, space = gcrodr(product, inverse, b, space, rule.goal(b), steps)
        return space, (end.x.reshape(right.shape), end.iterations, relative(end.norm, norms(b)), end.code)

    along = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 0), (operator, scale, inverses, rhs))
    nothing = jnp.zeros((chains, recycle, int(np.prod(grid))), rhs.dtype)
    _, found = jax.lax.scan(step, Space(nothing, nothing, nothing), along)
    x, iterations, residuals, codes = (jnp.moveaxis(leaf, 0, 1) for leaf in found)
    return x, iterations, residuals, codes


def gcrodr(
    product: Operator, inverse: Operator, b: Array, space: Space, goal: Goal, steps: int
) -> tuple[Progress, Space]:
    """The traceable part for one system of each chain, on vectors b (samples, n)."""
    start = begin(b, goal)
    space = _refitted(product, space)  # 3-5
    x = start.x + combined(coordinates(space.images, b), space.basis)  # 6
    none = jnp.full_like(start.code, RUNNING)
    start = advance(start, x, b - product(x), start.iterations, none, goal, patience(steps))  # 7

    def cycle(state: tuple[Progress, Space]) -> tuple[Progress, Space]:  # 19-34
        progress, before = state
        x, after, iterations, broken = _cycle(product, inverse, progress, before, goal, steps)
        progress_after = advance(progress, x, b - product(x), iterations, broken, goal, patience(steps))
        usable = progress.running & (broken == RUNNING) & jnp.all(jnp.isfinite(after.basis), axis=(1, 2))
        chosen = jax.tree.map(lambda new, old: jnp.where(usable[:, None, None], new, old), after, before)
        return progress_after, chosen

    return jax.lax.while_loop(lambda state: jnp.any(state[0].running), cycle, (start, space))


def _refitted(product: Operator, space: Space) -> Space:
    images = jax.vmap(product, in_axes=1, out_axes=1)(space.basis)
    finite = jnp.all(jnp.isfinite(images), axis=(1, 2))[:, None, None]
    images = jnp.where(finite, images, 0.0)
    mixing = twice_orthonormal(images)
    return Space(*(mixed(mixing, rows) for rows in (space.basis, images, space.preconditioned)))


def _cycle(
    product: Operator, inverse: Operator, progress: Progress, space: Space, goal: Goal, steps: int
) -> tuple[Array, Space, Array, Array]:
    kept = space.basis.shape[1]
    scale = jnp.linalg.norm(space.basis, axis=2)
    present = scale > 0.0
    scale = jnp.where(present, 1.0 / jnp.where(present, scale, 1.0), 0.0)  # 22
    along = coordinates(space.images, progress.residual)  # zero up to rounding
    start = progress.residual - combined(along, space.images)
    end = arnoldi(product, inverse, progress, space.images, start, goal, steps)  # 21
    projected = end.projected.at[:, jnp.arange(kept), jnp.arange(kept)].set(scale)  # 25
    basis = jnp.concatenate([space.basis * scale[:, :, None], end.directions], axis=1)  # 23
    sources = jnp.concatenate([space.preconditioned * scale[:, :, None], end.images[:, kept:-1]], axis=1)
    rhs = jnp.concatenate([along, norms(start)[:, None], jnp.zeros((start.shape[0], steps), start.dtype)], axis=1)
    x = progress.x + combined(least_squares(projected, rhs), basis)  # 26, 27
    mixing = _smallest_singular(projected, sources, kept)  # 29
    small = jnp.swapaxes(projected @ mixing, 1, 2)
    mixing, small = mixing @ (inner := twice_orthonormal(small)), mixed(inner, small)  # 31
    renewed = Space(mixed(mixing, basis), jnp.einsum("bkj,bjn->bkn", small, end.images), mixed(mixing, sources))
    return x, renewed, end.iterations, end.broken  # 30, 32, 33


def _smallest_singular(projected: Array, sources: Array, number: int) -> Array:
    """Coefficients (samples, columns, number) of the directions t = y [M U D, V] of least ||G y|| / ||t||."""
    energy = jnp.einsum("bij,bik->bjk", projected, projected)
    gram = jnp.einsum("bjn,bkn->bjk", sources, sources)
    diagonal = jnp.diagonal(gram, axis1=1, axis2=2)
    absent = ~((diagonal > 0.0) & (jnp.diagonal(energy, axis1=1, axis2=2) > 0.0))
    eye = jnp.eye(gram.shape[1], dtype=gram.dtype)
    scale = jnp.where(absent, 0.0, 1.0 / jnp.sqrt(jnp.where(absent, 1.0, diagonal)))
    outer = scale[:, :, None] * scale[:, None, :]
    large = jnp.trace(energy * outer, axis1=1, axis2=2) + 1.0
    root = jnp.linalg.cholesky(gram * outer + eye * (RIDGE + absent[:, :, None]))
    energy = energy * outer + eye * (absent * large[:, None])[:, :, None]
    half = jax.scipy.linalg.solve_triangular(root, energy, lower=True)
    reduced = jax.scipy.linalg.solve_triangular(root, jnp.swapaxes(half, 1, 2), lower=True)
    _, vectors = jnp.linalg.eigh((reduced + jnp.swapaxes(reduced, 1, 2)) / 2)
    chosen = jax.scipy.linalg.solve_triangular(root, vectors[:, :, :number], lower=True, trans="T")
    return scale[:, :, None] * jnp.where(jnp.isfinite(chosen), chosen, 0.0)
