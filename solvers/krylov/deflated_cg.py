"""Deflated conjugate gradients whose space is recycled between symmetric positive definite systems.

Saad, Yeung, Erhel, Guyomarc'h (2000): A deflated version of the conjugate gradient algorithm, SIAM Journal on
Scientific Computing 21(5), 1909-1926: its algorithm of deflation with a preconditioner (numbers in comments count the
steps within one iteration). The kept directions W are made A-orthonormal first, so that W^T A W = I needs no solves.
"""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.linalg.blas import daxpy, dgemv

from spinn.solvers.checks import checked_range
from spinn.solvers.krylov.cg import PATIENCE, positive
from spinn.solvers.krylov.lanczos import Candidates
from spinn.solvers.krylov.recycled import Recycled, checked_space
from spinn.solvers.stopping import Run, two_norm
from spinn.solvers.types import DEFAULT_STOPPING, Info, Preconditioner, Space, Status, Stopping

# Combinations of kept directions whose energy, relative to the largest, is below this are dropped as dependent.
DEPENDENT = 1e-10


class _Deflation(NamedTuple):
    """W and A W (n, k), with W^T A W = I."""

    basis: np.ndarray
    images: np.ndarray


@dataclasses.dataclass(frozen=True)
class DeflatedCG:
    """For symmetric positive definite A and M. With no space it iterates as CG does, and learns one.

    `recycle` directions are kept, approximate eigenvectors of M^-1 A for its smallest eigenvalues; they are improved
    after every `window` iterations. An iteration costs 4 n `recycle` flops above that of CG, a window
    2 n (`recycle` + `window`) `recycle`. ValueError unless recycle >= 1 and window >= 2.
    """

    preconditioner: Preconditioner | None = None
    stopping: Stopping = DEFAULT_STOPPING
    recycle: int = 20
    window: int = 40
    name: ClassVar[str] = "deflated_cg"

    def __post_init__(self) -> None:
        checked_range("recycle", self.recycle, 1)
        checked_range("window", self.window, 2)

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Space | None, Info]:
        """Solution (n,), the space for the next system, and how it went. ValueError where shapes or types are wrong.

        Where the solve ends before it has learnt anything the space is returned as it came.
        """
        with np.errstate(all="ignore"):  # what is not finite is found and reported as a status
            run = Run(self.name, matrix, rhs, self.preconditioner, self.stopping, guess, patience=PATIENCE)
            kept = checked_space(space, run.rhs.size)
            x, r = run.start()
            deflation = _no_deflation(run.rhs.size)
            if kept is not None and run.going:
                run.recycled = kept.dimension
                deflation = a_orthonormal(run, kept.basis)
                if run.pending is not None:
                    r = run.check(x)
            candidates: Candidates | None = None
            while run.going:
                x = x + deflation.basis @ (deflation.basis.T @ r)  # W^T r = 0 from here on
                r = run.check(x) if deflation.basis.shape[1] else r
                if run.going:
                    first = candidates is None
                    candidates = candidates or self._candidates(run, deflation)
                    x = _sweep(run, x.copy(), r.copy(), deflation, candidates if first else None)
                    r = run.check(x)
            learnt = None if candidates is None else candidates.basis(deflation.basis)
            if learnt is None or not np.all(np.isfinite(learnt)):
                return run.best, space, run.info()
            return run.best, Recycled(learnt), run.info()

    def _candidates(self, run: Run, deflation: _Deflation) -> Candidates:
        """The directions W as they are, with W^T A M^-1 A W, which costs k applications of the preconditioner."""
        solved = np.empty_like(deflation.images)
        for column in range(solved.shape[1]):
            solved[:, column] = run.precondition(deflation.images[:, column])
        return Candidates(deflation.images.T @ solved, self.recycle, self.window, run.rhs.size)


def _no_deflation(size: int) -> _Deflation:
    return _Deflation(np.empty((size, 0), order="F"), np.empty((size, 0), order="F"))


def a_orthonormal(run: Run, basis: np.ndarray) -> _Deflation:
    """The same directions recombined so that W^T A W = I; a negative energy ends the solve as indefinite."""
    images = run.block_product(basis)
    energies = np.einsum("nk,nk->k", basis, images)
    if not np.all(np.isfinite(images)):
        run.stop(Status.NOT_FINITE)
    elif np.any(energies <= 0.0):
        run.stop(Status.INDEFINITE)
    if run.pending is not None:
        return _no_deflation(basis.shape[0])
    scale = 1.0 / np.sqrt(energies)
    values, vectors = np.linalg.eigh((basis * scale).T @ (images * scale))  # unit diagonal: small ones are dependence
    good = values > DEPENDENT * values[-1]
    mixed = scale[:, None] * vectors[:, good] / np.sqrt(values[good])
    return _Deflation(np.asfortranarray(basis @ mixed), np.asfortranarray(images @ mixed))


def _sweep(run: Run, x: np.ndarray, r: np.ndarray, deflation: _Deflation, candidates: Candidates | None) -> np.ndarray:
    """Iterate until the recurrence for the residual meets the rule; x and r are changed in place."""
    basis, images = deflation
    deflated = basis.shape[1] > 0
    z = run.precondition(r)
    p = z.copy()
    gamma = float(r @ z)
    mu = dgemv(1.0, images, z, trans=1) if deflated else np.empty(0)
    if deflated:
        dgemv(-1.0, basis, mu, beta=1.0, y=p, overwrite_y=1)
    while positive(run, gamma):
        q = run.product(p)
        curvature = float(p @ q)
        if not positive(run, curvature):
            break
        alpha = gamma / curvature  # 1
        daxpy(p, x, a=alpha)  # 2
        daxpy(q, r, a=-alpha)  # 3
        ends = run.note(two_norm(r))
        z = run.precondition(r)
        gamma, before = float(r @ z), gamma
        mu, mu_before = dgemv(1.0, images, z, trans=1) if deflated else mu, mu  # 5
        if candidates is not None:
            candidates.add(basis, p, alpha, before, gamma, mu_before - mu)
        if ends:
            break
        p *= gamma / before  # 4
        p += z
        if deflated:
            dgemv(-1.0, basis, mu, beta=1.0, y=p, overwrite_y=1)  # 6
    return x
