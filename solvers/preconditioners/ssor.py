"""Symmetric successive over-relaxation as a preconditioner."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import splu

from spinn.solvers.preconditioners.matrices import entries, nonzero_diagonal


@dataclasses.dataclass(frozen=True)
class SSOR:
    """M = omega / (2 - omega) (D / omega + L) D^-1 (D / omega + U) for A = L + D + U (Saad 2003, section 10.2).

    Symmetric positive definite with A, for every 0 < omega < 2; omega = 1 is symmetric Gauss-Seidel.
    """

    omega: float = 1.0
    name: ClassVar[str] = "ssor"

    def __post_init__(self) -> None:
        if not 0.0 < self.omega < 2.0:
            raise ValueError(f"expected 0 < omega < 2, got {self.omega}: outside of it the sweeps diverge")

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> a forward and a backward sweep. LinAlgError where the diagonal has a zero."""
        csr = entries(matrix, self.name)
        diagonal = nonzero_diagonal(csr, self.name)
        forward = _triangular(csr, diagonal / self.omega, lower=True)
        backward = _triangular(csr, diagonal / self.omega, lower=False)
        scale = diagonal * ((2.0 - self.omega) / self.omega)
        return lambda r: backward(scale * forward(r))


def _triangular(csr: Any, diagonal: np.ndarray, *, lower: bool) -> Callable[[np.ndarray], np.ndarray]:
    """r (n,) -> the solution with the strict triangle of A and this diagonal.

    A triangle is its own factor, so SuperLU has nothing to eliminate and brings its compiled substitution.
    """
    strict = scipy.sparse.tril(csr, -1) if lower else scipy.sparse.triu(csr, 1)
    triangle = (strict + scipy.sparse.diags_array(diagonal)).tocsc()
    # Natural order and a threshold of zero keep pivots on the diagonal, which is what leaves the triangle as it is.
    factor = splu(triangle, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return factor.solve
