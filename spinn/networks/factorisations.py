"""Singular values that are always found.

LAPACK's divide and conquer (gesdd) now and then fails on matrices whose singular values are all alike, which columns
orthonormalised before are; QR iteration (gesvd) is slower and does not.
"""

import numpy as np
import scipy.linalg
from jaxtyping import Float

Matrix = Float[np.ndarray, "_ _"]


def svd(matrix: Matrix) -> tuple[Matrix, Float[np.ndarray, " _"], Matrix]:
    """(U, singular values descending, V^T), as many as the shorter side is long."""
    try:
        return np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        return scipy.linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")


def pinv(matrix: Matrix, cutoff: float = 1e-15) -> Matrix:
    """The pseudo-inverse without singular values below `cutoff` times the largest."""
    left, singular, right = svd(matrix)
    large = singular > cutoff * singular[:1]
    inverse = np.where(large, 1.0, 0.0) / np.where(large, singular, 1.0)
    return (right.T * inverse) @ left.T
