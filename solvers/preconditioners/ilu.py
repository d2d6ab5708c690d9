"""Incomplete LU factorisations, by SuperLU."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from scipy.sparse.linalg import spilu

from spinn.solvers.preconditioners.matrices import entries


@dataclasses.dataclass(frozen=True)
class ILU:
    """M = L U with small entries dropped (Li and Shao 2011: A supernodal approach to incomplete LU factorization).

    `drop`: entries below this size relative to their column are dropped; `fill`: nonzeros of L + U allowed, as a
    multiple of A's; `ordering`: SuperLU's name of the column ordering. A `fill` that binds costs far more iterations
    than a larger `drop` does. M is not symmetric, even where A is: use it with GMRES and GCRO-DR, not with CG.
    """

    drop: float = 1e-2
    fill: float = 10.0
    ordering: str = "MMD_AT_PLUS_A"
    name: ClassVar[str] = "ilu"

    def __post_init__(self) -> None:
        if self.drop < 0.0 or self.fill < 1.0:
            raise ValueError(f"expected drop >= 0 and fill >= 1, got {self.drop} and {self.fill}")

    @classmethod
    def without_fill(cls) -> "ILU":
        """About as many nonzeros as A, as ILU(0) has; but which ones is chosen by their size, not by A's pattern."""
        return cls(drop=1e-2, fill=1.0)

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> (L U)^-1 r. LinAlgError where a pivot is zero, or nothing finite comes out."""
        csc = entries(matrix, self.name).tocsc()
        if not np.all(np.isfinite(csc.data)):
            raise np.linalg.LinAlgError(f"{self.name} was given a matrix with entries that are not finite")
        try:
            factor = spilu(csc, drop_tol=self.drop, fill_factor=self.fill, permc_spec=self.ordering)
        except RuntimeError as error:
            raise np.linalg.LinAlgError(f"{self.name} met a zero pivot ({error}): lower drop, or raise fill") from error
        return factor.solve
