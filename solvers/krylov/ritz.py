"""What GCRO-DR keeps: harmonic Ritz vectors of smallest magnitude, in real arithmetic."""

import numpy as np

from spinn.solvers.krylov.arnoldi import least_squares


def smallest_harmonic_ritz(projected: np.ndarray, overlap: np.ndarray, number: int) -> np.ndarray:
    """Coefficients (columns, at most `number`), orthonormal, of the harmonic Ritz vectors nearest to zero.

    With B V = W G, W orthonormal and S = W^T V (the overlap), the harmonic Ritz pairs of B over V solve
    G^T G y = theta G^T S y (Parks et al. 2006, step 29; step 13 is the case S = [I; 0]). The inverse pencil is the
    least-squares solution G^+ S with eigenvalues 1 / theta, which squares no condition number and takes a
    rank-deficient G. Both vectors of a complex pair are kept, as real and imaginary part, or neither.
    """
    inverse, vectors = np.linalg.eig(least_squares(projected, overlap))
    chosen: list[np.ndarray] = []
    for index in np.argsort(-np.abs(inverse), kind="stable"):
        value, vector = inverse[index], vectors[:, index]
        if value.imag < 0.0:
            continue  # its conjugate stands for both
        parts = [vector.real] if value.imag == 0.0 else [vector.real, vector.imag]
        if len(chosen) + len(parts) <= number:
            chosen.extend(parts)
    if not chosen:
        return np.empty((projected.shape[1], 0))
    return np.linalg.qr(np.stack(chosen, axis=1))[0]
