"""What preconditioners ask of a matrix: entries in CSR, and a diagonal that can be divided by."""

from typing import Any

import numpy as np
import scipy.sparse


def entries(matrix: Any, who: str) -> scipy.sparse.csr_array | scipy.sparse.csr_matrix:
    """The matrix (n, n) as sorted CSR of float64, itself where it is that already; ValueError without entries."""
    if not (scipy.sparse.issparse(matrix) or isinstance(matrix, np.ndarray)):
        raise ValueError(
            f"expected a sparse matrix or an array, because {who} reads entries, got {type(matrix).__name__}: pass "
            "scipy.sparse CSR, or use a preconditioner that is matrix-free (FastPoisson with weights)"
        )
    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"expected a square matrix (n, n), got shape {matrix.shape}: {who} preconditions square systems"
        )
    csr = matrix if scipy.sparse.issparse(matrix) and matrix.format == "csr" else scipy.sparse.csr_array(matrix)
    if csr.dtype != np.float64:
        csr = csr.astype(np.float64)
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    return csr


def nonzero_diagonal(csr: Any, who: str) -> np.ndarray:
    """The diagonal (n,); LinAlgError where an entry is zero or not finite."""
    diagonal = csr.diagonal()
    bad = np.flatnonzero(~np.isfinite(diagonal) | (diagonal == 0.0))
    if bad.size:
        raise np.linalg.LinAlgError(
            f"{who} divides by the diagonal, whose entry {bad[0]} is {diagonal[bad[0]]}: use another preconditioner"
        )
    return diagonal
