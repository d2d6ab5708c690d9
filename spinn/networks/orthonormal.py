"""Orthonormal combinations of frozen axis features.

Raw features (random sines, polynomials under an envelope) are nearly dependent, which ruins least squares. The
combinations here are orthonormal in the mean square of values and orthogonal in that of the highest derivative used, so
that a linear operator acts on them almost diagonally: column scaling alone then preconditions it.
"""

import numpy as np
import scipy.linalg
from jaxtyping import Float

Matrix = Float[np.ndarray, "_ _"]


def orthonormal_combinations(values: Matrix, slopes: Matrix, weights: np.ndarray, cutoff: float = 1e-12) -> Matrix:
    """Columns V such that V^T M V = 1 and V^T K V is diagonal, ascending.

    **Arguments:** `values`, `slopes` (points, features): features and their derivative of the highest order used, on a
    quadrature rule of `weights` (points,) that is exact for their products. Directions whose share of the features'
    singular values is below `cutoff` are dropped, so V is (features, rank) with rank <= features.
    """
    root = np.sqrt(weights)[:, None]
    # Singular vectors of the features themselves, not of their Gram matrix: keeps all digits.
    _, singular, right = np.linalg.svd(root * values, full_matrices=False)
    kept = singular > cutoff * singular[0]
    combined = right[kept].T / singular[kept]
    bent = root * slopes @ combined
    _, _, rotation = scipy.linalg.svd(bent, full_matrices=False)
    return combined @ rotation[::-1].T
