"""A linear system of equations on a grid or mesh, with what is known of its matrix."""

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp


@dataclasses.dataclass(frozen=True, eq=False)
class System:
    """matrix @ x = rhs, with `shape` the array shape of x where it lies on a tensor grid, (n,) on a mesh."""

    matrix: sp.csr_matrix  # float64, columns sorted
    rhs: np.ndarray  # (n,)
    symmetric: bool  # known to be symmetric
    definite: bool  # known to be symmetric positive definite
    shape: tuple[int, ...]
    insert: Callable[[np.ndarray], np.ndarray]  # unknowns (n,) -> the field on all nodes, given values filled in
    extract: Callable[[np.ndarray], np.ndarray]  # and back

    def residual(self, x: np.ndarray) -> float:
        """True relative residual ||rhs - matrix x|| / ||rhs|| (absolute where rhs is zero)."""
        scale = float(np.linalg.norm(self.rhs))
        norm = float(np.linalg.norm(self.rhs - self.matrix @ x.ravel()))
        return norm / scale if scale > 0 else norm
