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


def traced_combinations(values: Matrix, slopes: Matrix, weights: np.ndarray, traces: Matrix) -> Matrix:
    """Columns [free, dual]: orthonormal combinations whose traces vanish, then one for each trace that has it alone.

    **Arguments:** `traces` (traces, features): linear functionals of the features, such as values at the ends; the
    others as in `orthonormal_combinations`. Dual columns use the first features (polynomials of low degree) if these
    suffice.
    """
    count, width = traces.shape
    scale = np.linalg.norm(traces, axis=1, keepdims=True)
    null = np.linalg.qr((traces / scale).T, mode="complete")[0][:, count:]
    free = null @ orthonormal_combinations(values @ null, slopes @ null, weights)
    few = min(count + 1, width)
    dual = np.zeros((width, count))
    dual[:few] = np.linalg.pinv(traces[:, :few])
    if not np.allclose(traces @ dual, np.eye(count), atol=1e-10):
        dual = np.linalg.pinv(traces)
    return np.concatenate([free, dual], 1)
