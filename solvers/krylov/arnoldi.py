"""Arnoldi's process with right preconditioning, orthogonal to a block that is kept: the loop in GMRES and GCRO-DR.

Blocks are Fortran-ordered and allocated once, so that each projection is one matrix-vector product of BLAS on a leading
part of them, without a copy. Classical Gram-Schmidt is run twice, which is enough (Giraud, Langou, Rozloznik, van den
Eshof 2005); a step against j vectors costs 8 n j flops and reads the block four times.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import lstsq
from scipy.linalg.blas import dgemv, dnrm2

from spinn.solvers.stopping import Run
from spinn.solvers.types import Status

# What is left of a vector after orthogonalisation counts as zero below this fraction of the largest one before it.
VANISHES = 1e-14
# Singular directions of the projected matrix below this fraction are not used.
RANK_CUT = 1e-14


class Basis(NamedTuple):
    """A Z = W G, where W is orthonormal: the kept block and its directions come first.

    `images`: W (n, columns + 1); `directions`: Z (n, columns), in the space of x.
    """

    images: np.ndarray
    directions: np.ndarray


def empty_basis(size: int, columns: int) -> Basis:
    """Room for a cycle of as many columns."""
    return Basis(np.empty((size, columns + 1), order="F"), np.empty((size, columns), order="F"))


def orthogonalise(block: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients (j,) in `block` (n, j) and the norm of what is left of `vector` (n,), which is changed in place."""
    first = dgemv(1.0, block, vector, trans=1)
    dgemv(-1.0, block, first, beta=1.0, y=vector, overwrite_y=1)
    second = dgemv(1.0, block, vector, trans=1)
    dgemv(-1.0, block, second, beta=1.0, y=vector, overwrite_y=1)
    return first + second, float(dnrm2(vector))


def arnoldi(run: Run, basis: Basis, kept: int, start: np.ndarray, steps: int) -> np.ndarray:
    """G (kept + j + 1, kept + j) after j <= steps steps from `start` (n,), which is orthogonal to the kept images.

    Only the columns of the steps are filled. The process ends early where the least-squares residual meets the rule,
    where the space closes (the last row is then zero), or at a number that is not finite (that step is left out).

    The row g with g H = 0 spans what the range of H leaves out, so that min ||beta e_1 - H y|| is beta g_0 / ||g||
    (Ayachour 2003): one inner product a step in place of Givens rotations.
    """
    images, directions = basis
    projected = np.zeros((kept + steps + 1, kept + steps), order="F")
    beta = float(dnrm2(start))
    images[:, kept] = start / beta
    left = np.zeros(steps + 1)
    left[0] = 1.0
    done = 0
    for column in range(kept, kept + steps):
        directions[:, column] = run.precondition(images[:, column])
        vector = run.product(directions[:, column])
        whole = float(dnrm2(vector))
        if not np.isfinite(whole):
            run.stop(Status.NOT_FINITE)
            break
        coefficients, rest = orthogonalise(images[:, : column + 1], vector)
        projected[: column + 1, column] = coefficients
        done += 1
        run.stretch = max(run.stretch, whole)
        if rest <= VANISHES * run.stretch:
            images[:, column + 1] = 0.0
            gone, size = left[:done], float(np.linalg.norm(left[:done]))
            singular = abs(gone @ coefficients[kept:]) <= VANISHES * size * run.stretch
            run.note(beta / size if singular else 0.0)
            if singular:
                run.space_exhausted()
            break
        projected[column + 1, column] = rest
        images[:, column + 1] = vector / rest
        left[done] = -(left[:done] @ coefficients[kept:]) / rest
        if run.note(beta / float(np.linalg.norm(left[: done + 1]))):
            break
    return projected[: kept + done + 1, : kept + done]


def least_squares(projected: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """The y (columns,) or (columns, k) that minimises ||rhs - G y||, of least norm where G is rank-deficient."""
    return lstsq(projected, rhs, cond=RANK_CUT, lapack_driver="gelsy", check_finite=False)[0]
