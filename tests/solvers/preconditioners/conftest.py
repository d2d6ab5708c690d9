"""Matrices on grids, and a Krylov method that is not ours."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import LinearOperator, cg

from spinn.solvers import Info, Preconditioner, Status


def tridiagonal(number: int) -> scipy.sparse.csr_array:
    return scipy.sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(number, number), dtype=float).tocsr()


@pytest.fixture
def laplacian() -> Callable:
    """The sum over axes of weight tridiag(-1, 2, -1) on a grid of this shape."""

    def build(shape: tuple[int, ...], weights: tuple[float, ...] | None = None) -> scipy.sparse.csr_array:
        total = scipy.sparse.csr_array((1, 1))
        for number, weight in zip(shape, weights or (1.0,) * len(shape), strict=True):
            total = scipy.sparse.kronsum(weight * tridiagonal(number), total, format="csr")
        return scipy.sparse.csr_array(total)

    return build


@dataclasses.dataclass(frozen=True)
class ScipyCG:
    preconditioner: Preconditioner | None = None
    name: str = "scipy_cg"
    limit: int = 1000

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: np.ndarray | None = None):
        count = [0]

        def counted(_: np.ndarray) -> None:
            count[0] += 1

        apply = self.preconditioner.build(matrix)
        operator = LinearOperator(matrix.shape, apply, dtype=float)
        x, failed = cg(matrix, rhs, guess, rtol=1e-8, M=operator, callback=counted, maxiter=self.limit)
        status = Status.LIMIT if failed else Status.CONVERGED
        residual = float(np.linalg.norm(rhs - matrix @ x) / np.linalg.norm(rhs))
        return x, (space or 0) + 1, Info(self.name, status, count[0], count[0], residual, 0.0)


@pytest.fixture
def scipy_cg() -> type[ScipyCG]:
    return ScipyCG
