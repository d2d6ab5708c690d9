"""Diagonal scaling."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from spinn.solvers.preconditioners.matrices import entries, nonzero_diagonal


@dataclasses.dataclass(frozen=True)
class Jacobi:
    """M = diag(A) (Saad 2003, section 10.2)."""

    name: ClassVar[str] = "jacobi"

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> r / diag(A). LinAlgError where the diagonal has a zero."""
        inverse = 1.0 / nonzero_diagonal(entries(matrix, self.name), self.name)
        return lambda r: inverse * r
