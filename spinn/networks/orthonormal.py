"""Orthonormal combinations of frozen axis features.

Raw features (random sines, polynomials under an envelope) are nearly dependent, which ruins least squares. The
combinations here are orthonormal in the mean square of values and orthogonal in that of the highest derivative used, so
that a linear operator acts on them almost diagonally: column scaling alone then preconditions it.
"""

import numpy as np
from jaxtyping import Bool, Float

from spinn.networks.factorisations import pinv, svd

Matrix = Float[np.ndarray, "_ _"]


def orthonormal_combinations(values: Matrix, slopes: Matrix, weights: np.ndarray, cutoff: float = 1e-12) -> Matrix:
    """Columns V such that V^T M V = 1 and V^T K V is diagonal, ascending.

    **Arguments:** `values`, `slopes` (points, features): features and their derivative of the highest order used, on a
    quadrature rule of `weights` (points,) that is exact for their products. Directions whose share of the features'
    singular values is below `cutoff` are dropped, so V is (features, rank) with rank <= features.
    """
    root = np.sqrt(weights)[:, None]
    # Singular vectors of the features themselves, not of their Gram matrix: keeps all digits.
    _, singular, right = svd(root * values)
    kept = singular > cutoff * singular[0]
    combined = right[kept].T / singular[kept]
    bent = root * slopes @ combined
    _, _, rotation = svd(bent)
    return combined @ rotation[::-1].T


def traced_combinations(
    values: Matrix, slopes: Matrix, weights: np.ndarray, traces: Matrix, jumps: Matrix, positions: np.ndarray
) -> Matrix:
    """Columns [free, dual]: orthonormal combinations whose traces vanish, then one for each trace that has it alone.

    **Arguments:** `traces` (traces, features): linear functionals of the features, such as values at the ends; `jumps`
    (conditions, features): functionals that vanish for all columns; `positions` (points,): the points in [-1, 1]; the
    others as in `orthonormal_combinations`. Dual columns are polynomials of low degree, where the features hold them.
    """
    smooth = _null_space(jumps)
    values, slopes, traces = values @ smooth, slopes @ smooth, traces @ smooth
    within = _null_space(traces)
    free = within @ orthonormal_combinations(values @ within, slopes @ within, weights)
    return smooth @ np.concatenate([free, _duals(values, weights, traces, positions)], 1)


def free_spaces(
    values: Matrix, slopes: Matrix, weights: np.ndarray, held: Bool[np.ndarray, "unknowns traces"]
) -> Float[np.ndarray, "unknowns features free"]:
    """Combinations of features [free, dual] (see `traced_combinations`) without the traces that an unknown holds.

    They are orthonormal like the free ones; unknowns that hold more traces than others have zeros at the end.
    """
    count = values.shape[1] - held.shape[1]
    found = np.zeros((len(held), values.shape[1], count + int(np.max(np.sum(~held, 1)))))
    for space, without in zip(found, held, strict=True):
        kept = np.concatenate([np.arange(count), count + np.nonzero(~without)[0]])
        free = np.eye(count) if all(without) else orthonormal_combinations(values[:, kept], slopes[:, kept], weights)
        space[kept, : free.shape[1]] = free
    return found


def _null_space(rows: Matrix) -> Matrix:
    """An orthonormal basis of the vectors that all rows (scaled to unit length) map to zero."""
    count, width = rows.shape
    if not count:
        return np.eye(width)
    scale = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.linalg.qr((rows / scale).T, mode="complete")[0][:, count:]


def _duals(values: Matrix, weights: np.ndarray, traces: Matrix, positions: np.ndarray) -> Matrix:
    """Combinations with one trace each: of the lowest polynomials that will do (constants have no slope, say)."""
    count, root = len(traces), np.sqrt(weights)[:, None]
    for degree in (count - 1, count):
        polynomials = root * np.polynomial.legendre.legvander(positions, max(degree, 0))
        held = np.linalg.lstsq(root * values, polynomials, rcond=None)[0]
        dual = held @ pinv(traces @ held, 1e-10)
        if np.allclose(root * values @ held, polynomials, atol=1e-8) and np.allclose(
            traces @ dual, np.eye(count), atol=1e-8
        ):
            return dual
    return pinv(traces)
