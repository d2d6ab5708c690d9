"""The sparsity pattern of a sequence of matrices, and the entries of one of them in its order."""

import dataclasses
from typing import Any

import numpy as np
import scipy.sparse


@dataclasses.dataclass(frozen=True, eq=False)
class Pattern:
    """CSR positions of a square matrix (n, n), sorted and without duplicates."""

    indptr: np.ndarray
    indices: np.ndarray

    @property
    def size(self) -> int:
        """The number n of rows."""
        return len(self.indptr) - 1

    def rows(self) -> np.ndarray:
        """The row of every position (nonzeros,)."""
        return np.repeat(np.arange(self.size), np.diff(self.indptr))

    def transposition(self) -> np.ndarray | None:
        """Where the transposed matrix holds each entry (nonzeros,); None where the pattern is unsymmetric."""
        rows, columns = self.rows(), self.indices
        order = np.lexsort((rows, columns))
        return order if np.array_equal(rows[order], columns) and np.array_equal(columns[order], rows) else None

    def same(self, other: "Pattern") -> bool:
        """Whether both have the same positions."""
        return np.array_equal(self.indptr, other.indptr) and np.array_equal(self.indices, other.indices)

    def matrix(self, values: np.ndarray) -> scipy.sparse.csr_array:
        """The matrix with these entries (nonzeros,)."""
        return scipy.sparse.csr_array((values, self.indices, self.indptr), shape=(self.size, self.size))


def split(matrix: Any) -> tuple[Pattern, np.ndarray]:
    """Pattern and entries (nonzeros,) of a matrix (n, n), copied, since its owner may change them. Stored zeros stay.

    ValueError where there are no entries to read.
    """
    if not (scipy.sparse.issparse(matrix) or isinstance(matrix, np.ndarray)):
        raise ValueError(
            f"expected a sparse matrix or an array, because direct solvers read entries, got {type(matrix).__name__}: "
            "use a Krylov method for an operator"
        )
    csr = scipy.sparse.csr_array(matrix, dtype=np.float64, copy=True)
    csr.sum_duplicates()
    return Pattern(csr.indptr, csr.indices), csr.data
