"""Algebraic multigrid, by PyAMG."""

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import scipy.sparse

from spinn.errors import SpinnError
from spinn.solvers.preconditioners.matrices import entries

# Systems of this many unknowns or fewer are solved directly, on the coarsest level.
COARSEST = 100


@dataclasses.dataclass(frozen=True)
class SmoothedAggregation:
    """One V-cycle of smoothed aggregation, symmetric positive definite with A (Vanek, Mandel and Brezina 1996).

    `strength`: couplings weaker than this, relative to the diagonals, do not aggregate.
    """

    strength: float = 0.0
    name: ClassVar[str] = "smoothed_aggregation"

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> one V-cycle from zero. LinAlgError where no hierarchy comes out."""
        strength = ("symmetric", {"theta": self.strength})
        # Bounds of eigenvalues by rows do without the random start of PyAMG's estimates.
        smooth = ("jacobi", {"omega": 4.0 / 3.0, "weighting": "local"})
        return _cycle("smoothed_aggregation_solver", matrix, self.name, strength=strength, smooth=smooth)


@dataclasses.dataclass(frozen=True)
class RugeStuben:
    """One V-cycle of classical multigrid, symmetric positive definite with A (Ruge and Stueben 1987).

    `strength`: a neighbour is strong from this fraction of the strongest one on.
    """

    strength: float = 0.25
    name: ClassVar[str] = "ruge_stuben"

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> one V-cycle from zero. LinAlgError where no hierarchy comes out."""
        return _cycle("ruge_stuben_solver", matrix, self.name, strength=("classical", {"theta": self.strength}))


def available() -> bool:
    """Whether PyAMG can be imported."""
    return importlib.util.find_spec("pyamg") is not None


def _cycle(builder: str, matrix: Any, who: str, **options: Any) -> Callable[[np.ndarray], np.ndarray]:
    try:
        pyamg = importlib.import_module("pyamg")
    except ImportError as error:
        raise SpinnError(
            f'{who} needs PyAMG, which is not installed; install it with: pip install "spinn-pde[amg]"'
        ) from error
    csr = entries(matrix, who)
    if not np.all(np.isfinite(csr.data)):
        raise np.linalg.LinAlgError(f"{who} was given a matrix with entries that are not finite")
    # PyAMG knows matrices with 32-bit indices, and not yet sparse arrays.
    plain = scipy.sparse.csr_matrix((csr.data, csr.indices.astype(np.int32), csr.indptr.astype(np.int32)), csr.shape)
    # A pseudo-inverse on the coarsest level is symmetric, and does without the random start of others.
    hierarchy = getattr(pyamg, builder)(plain, max_coarse=COARSEST, coarse_solver="pinv", **options)
    return lambda r: hierarchy.solve(r, maxiter=1, tol=1e-300, cycle="V")
