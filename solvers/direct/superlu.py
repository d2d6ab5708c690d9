"""Sparse LU with partial pivoting, by SuperLU as SciPy has it."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import splu

from spinn.solvers.direct.pattern import Pattern
from spinn.solvers.direct.refinement import Analysis, solve_directly
from spinn.solvers.types import DEFAULT_STOPPING, Info, Space, Stopping

# A diagonal entry is taken as the pivot where it is at least this fraction of the largest entry in its column.
PREFER_DIAGONAL, LARGEST = 0.01, 1.0


@dataclasses.dataclass(frozen=True)
class SuperLU:
    """For any square matrix (Demmel, Eisenstat, Gilbert, Li and Liu 1999).

    The order of columns is found once for a pattern: minimum degree on A + A^T where the pattern is symmetric, and then
    pivots stay on the diagonal if they can; else COLAMD (Davis, Gilbert, Larimore and Ng 2004).
    """

    stopping: Stopping = DEFAULT_STOPPING
    name: ClassVar[str] = "superlu"

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Analysis | None, Info]:
        """Solution (n,), the analysis for the next system, and how it went."""
        return solve_directly(self.name, _Factor, self.stopping, matrix, rhs, space, guess)


class _Factor:
    """Entries go into a matrix by columns whose columns (and rows, if symmetric) are in the order found first."""

    def __init__(self, pattern: Pattern):
        rows, columns, self.size = pattern.rows(), pattern.indices, pattern.size
        self.symmetric = pattern.transposition() is not None
        self.rows, self.columns = rows, columns
        self.order: np.ndarray | None = None
        self.arranged = self.careful = False
        self._arrange(np.arange(self.size), np.arange(self.size))

    def update(self, values: np.ndarray) -> None:
        if self.order is None:
            ordering = "MMD_AT_PLUS_A" if self.symmetric else "COLAMD"
            self.factor = self._factorised(values, ordering)
            self.order = np.argsort(self.factor.perm_c)
            return
        if not self.arranged:
            self.arranged = True
            self._arrange(self.order if self.symmetric else np.arange(self.size), self.order)
        self.factor = self._factorised(values, "NATURAL")

    def repair(self, values: np.ndarray) -> bool:
        if self.careful or not self.symmetric:
            return False
        self.careful = True
        self.update(values)
        return True

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        x = np.empty_like(rhs)
        x[self.column_order] = self.factor.solve(rhs[self.row_order])
        return x

    def _arrange(self, row_order: np.ndarray, column_order: np.ndarray) -> None:
        self.row_order, self.column_order = row_order, column_order
        row, column = np.argsort(row_order)[self.rows], np.argsort(column_order)[self.columns]
        self.source = np.lexsort((row, column))
        self.indices = row[self.source].astype(np.int32)
        counts = np.bincount(column, minlength=self.size)
        self.indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    def _factorised(self, values: np.ndarray, ordering: str) -> Any:
        """RuntimeError where a pivot is exactly zero."""
        on_diagonal = self.symmetric and not self.careful
        arrays = (values[self.source], self.indices, self.indptr)
        return splu(
            scipy.sparse.csc_matrix(arrays, shape=(self.size, self.size)),
            permc_spec=ordering,
            diag_pivot_thresh=PREFER_DIAGONAL if on_diagonal else LARGEST,
            options={"SymmetricMode": on_diagonal},
        )
