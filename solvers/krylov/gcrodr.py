"""GCRO-DR(m, k): GMRES with deflated restarting whose space is recycled between systems.

Parks, de Sturler, Mackey, Johnson, Maiti (2006): Recycling Krylov subspaces for sequences of linear systems, SIAM
Journal on Scientific Computing 28(5), 1651-1674, the algorithm in its appendix. Numbers in comments are its steps.
Three things differ. Preconditioning is from the right, and directions are kept in the space of x (A U = C), so that
they stay meaningful when the preconditioner changes. The residual of step 28 is recomputed from x. A column that QR
finds to depend on others is dropped, so the space may hold fewer than k directions.
"""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.linalg.blas import dgemm, dtrsm

from spinn.solvers.checks import checked_range
from spinn.solvers.krylov.arnoldi import Basis, arnoldi, empty_basis, least_squares
from spinn.solvers.krylov.recycled import Recycled, checked_space
from spinn.solvers.krylov.ritz import smallest_harmonic_ritz
from spinn.solvers.stopping import Run
from spinn.solvers.types import DEFAULT_STOPPING, Info, Preconditioner, Space, Status, Stopping

# Iterations that may gain nothing, in no fewer cycles than this, before the solve counts as stagnated: on an indefinite
# matrix the residual rests while the space is learnt.
PATIENT_ITERATIONS, PATIENT_CYCLES = 400, 10
# Columns whose diagonal entry in a pivoted QR is below this fraction of the first are dropped.
DEPENDENT = 1e-10


class Kept(NamedTuple):
    """U and C = A U (n, k), C orthonormal; and M U (n, k), as far as it is known, else U."""

    basis: np.ndarray
    images: np.ndarray
    preconditioned: np.ndarray


@dataclasses.dataclass(frozen=True)
class GCRODR:
    """For any square matrix, and sequences of them. A cycle spans `restart` vectors, of which `recycle` are kept.

    Memory is two blocks (n, restart) and, with a preconditioner, one (n, recycle).
    ValueError unless 1 <= recycle < restart.
    """

    preconditioner: Preconditioner | None = None
    stopping: Stopping = DEFAULT_STOPPING
    restart: int = 40
    recycle: int = 20
    name: ClassVar[str] = "gcrodr"

    def __post_init__(self) -> None:
        checked_range("restart", self.restart, 2)
        checked_range("recycle", self.recycle, 1, self.restart - 1)

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Space | None, Info]:
        """Solution (n,), the space for the next system, and how it went. ValueError where shapes or types are wrong.

        Where the solve ends before the first step the space is returned as it came.
        """
        with np.errstate(all="ignore"):  # what is not finite is found and reported as a status
            run = Run(
                self.name,
                matrix,
                rhs,
                self.preconditioner,
                self.stopping,
                guess,
                patience=patience(self.restart - self.recycle),
            )
            recycled = checked_space(space, run.rhs.size)
            x, r = run.start()
            kept: Kept | None = None
            if recycled is not None and run.going:
                run.recycled = recycled.dimension
                kept = refitted(run, recycled)  # 3-5
                x = x if kept is None else x + kept.basis @ (kept.images.T @ r)  # 6
                r = run.check(x)  # 7
            basis = empty_basis(run.rhs.size, self.restart) if run.going else None
            while run.going and basis is not None:  # 19
                x, kept = self._cycle(run, basis, x, r, kept)
                r = run.check(x)
            return run.best, space if kept is None else _handed_over(run, kept), run.info()  # 35

    def _cycle(
        self, run: Run, basis: Basis, x: np.ndarray, r: np.ndarray, kept: Kept | None
    ) -> tuple[np.ndarray, Kept | None]:
        """Steps 9-17 where nothing is kept yet, else 20-33: the same formulas, with no kept columns in the former."""
        number = 0 if kept is None else kept.basis.shape[1]
        scale = np.empty(0)
        rhs = np.empty(0)
        if kept is not None:
            basis.images[:, :number] = kept.images
            scale = 1.0 / np.linalg.norm(kept.basis, axis=0)  # 22
            basis.directions[:, :number] = kept.basis * scale  # 23
            rhs = kept.images.T @ r  # zero up to rounding
            r = r - kept.images @ rhs
        steps = max(1, min(self.restart, run.rhs.size) - number)
        projected = arnoldi(run, basis, number, r, steps)  # 10, 21
        columns = projected.shape[1]
        if columns == number:
            return x, kept
        projected[np.arange(number), np.arange(number)] = scale  # 25
        rhs = np.concatenate([rhs, [np.linalg.norm(r)], np.zeros(columns - number)])
        x = x + basis.directions[:, :columns] @ least_squares(projected, rhs)  # 11, 26, 27
        return x, renewed(basis, projected, kept, scale, self.recycle, run.apply is not None) or kept


def patience(steps: int) -> int:
    """How many cycles of so many steps may gain nothing."""
    return max(PATIENT_CYCLES, -(-PATIENT_ITERATIONS // steps))


def refitted(run: Run, space: Recycled) -> Kept | None:
    """The same directions recombined so that their images under the new matrix are orthonormal (steps 3-5).

    None where no image is left: the matrix maps all of them to zero, or to what is not finite.
    """
    images = run.block_product(space.basis)
    if not np.all(np.isfinite(images)):
        run.stop(Status.NOT_FINITE)
        return None
    images, triangle, order = qr(images, mode="economic", pivoting=True, check_finite=False)
    rank = _rank(triangle)
    if rank == 0:
        return None
    triangle, order = triangle[:rank, :rank], order[:rank]

    def recombined(block: np.ndarray) -> np.ndarray:
        return dtrsm(1.0, triangle, np.asfortranarray(block[:, order]), side=1)

    basis = recombined(space.basis)
    source = basis if run.apply is None or space.preconditioned is None else recombined(space.preconditioned)
    return Kept(basis, np.asfortranarray(images[:, :rank]), source)


def renewed(
    basis: Basis,
    projected: np.ndarray,
    kept: Kept | None,
    scale: np.ndarray,
    number: int,
    preconditioned: bool,
) -> Kept | None:
    """The harmonic Ritz vectors of the cycle that just ended (steps 13-17 and 29-33); None where there are none.

    They are those of A M^-1 over [M U D, V], for which M U is carried along: M itself cannot be applied.
    """
    rows, columns = projected.shape
    held = 0 if kept is None else kept.basis.shape[1]
    images, directions = basis.images[:, :rows], basis.directions[:, :columns]
    krylov = images[:, held : rows - 1]
    if kept is not None and preconditioned:
        sources = np.asfortranarray(kept.preconditioned * scale)
    else:
        sources = directions[:, :held]
    overlap = np.zeros((rows, columns))
    overlap[:, :held] = dgemm(1.0, images, sources, trans_a=1) if held else 0.0
    overlap[np.arange(held, columns), np.arange(held, columns)] = 1.0
    if not (np.all(np.isfinite(projected)) and np.all(np.isfinite(overlap))):
        return None
    chosen = smallest_harmonic_ritz(projected, overlap, number)
    if chosen.shape[1] == 0:
        return None
    small, triangle, order = qr(projected @ chosen, mode="economic", pivoting=True)  # 15, 31
    rank = _rank(triangle)
    if rank == 0:
        return None
    chosen = solve_triangular(triangle[:rank, :rank], chosen[:, order[:rank]].T, trans="T").T
    combined = dgemm(1.0, directions, chosen)  # 14, 17, 30, 33
    source = combined
    if preconditioned:
        source = dgemm(1.0, krylov, chosen[held:])
        source = dgemm(1.0, sources, chosen[:held], beta=1.0, c=source, overwrite_c=1) if held else source
    return Kept(combined, dgemm(1.0, images, small[:, :rank]), source)  # 16, 32


def _handed_over(run: Run, kept: Kept) -> Recycled:
    return Recycled(kept.basis, None if run.apply is None else kept.preconditioned)


def _rank(triangle: np.ndarray) -> int:
    """How many columns of a pivoted QR are independent."""
    diagonal = np.abs(np.diagonal(triangle))
    return int(np.sum(diagonal > DEPENDENT * diagonal[0])) if diagonal.size else 0
