"""Spectral interpolation along one axis, as matrices from nodal values to values at any points."""

from typing import Literal

import numpy as np
from jaxtyping import Float

Kind = Literal["fourier", "chebyshev", "chebyshev_sqrt", "sine"]


def fourier_nodes(count: int, low: float, high: float) -> Float[np.ndarray, " count"]:
    """Uniform nodes of a periodic axis; the upper end, which repeats the lower one, is left out."""
    return low + (high - low) * np.arange(count) / count


def chebyshev_nodes(count: int, low: float, high: float) -> Float[np.ndarray, " count"]:
    """Chebyshev points of the second kind, ascending, both ends included exactly."""
    nodes = low + (high - low) * np.sin(0.5 * np.pi * np.arange(count) / (count - 1)) ** 2
    nodes[-1] = high
    return nodes


def chebyshev_sqrt_nodes(count: int, low: float, high: float) -> Float[np.ndarray, " count"]:
    """Points whose square roots (measured from `low`) are Chebyshev points: for solutions that start like sqrt(t)."""
    nodes = low + chebyshev_nodes(count, 0.0, np.sqrt(high - low)) ** 2
    nodes[-1] = high
    return nodes


def interpolation_matrix(
    kind: Kind, nodes: Float[np.ndarray, " nodes"], points: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "points nodes"]:
    """The matrix that takes values at the nodes to values at the points.

    - `fourier`: trigonometric interpolation; nodes uniform over one period without its end; any points.
    - `chebyshev`: barycentric formula, second kind (Berrut and Trefethen, SIAM Review 46, 2004, eq. 5.4).
    - `chebyshev_sqrt`: the same in the variable sqrt(t - first node).
    - `sine`: nodes as for `chebyshev`; sines of arccos, for functions that vanish at both ends like a square root.

    **Raises:** ValueError for an unknown kind, or for points outside the nodes of an axis that is not periodic.
    """
    if kind == "fourier":
        return _trigonometric(nodes, points)
    low, high = nodes[0], nodes[-1]
    slack = 1e-6 * (high - low)  # coordinates may come from float32
    if points.size and (points.min() < low - slack or points.max() > high + slack):
        raise ValueError(
            f"expected points in [{low:g}, {high:g}], got [{points.min():g}, {points.max():g}]; "
            "a reference covers the PDE's domain only: change `domain` to compute it on a larger one"
        )
    inside = np.clip(points, low, high)
    if kind == "chebyshev":
        return _barycentric(nodes, inside)
    if kind == "chebyshev_sqrt":
        return _barycentric(np.sqrt(nodes - low), np.sqrt(inside - low))
    if kind == "sine":
        return _sine(len(nodes), (inside - low) / (high - low))
    raise ValueError(f"expected an interpolation of kind fourier, chebyshev, chebyshev_sqrt or sine, got {kind!r}")


def _cardinal(angle: np.ndarray, count: int) -> np.ndarray:
    """The periodic function that is 1 at 0 and 0 at the other multiples of 2 pi / count (Dirichlet kernel)."""
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    at_node = np.abs(angle) < 1e-14
    safe = np.where(at_node, 1.0, angle)
    denominator = np.tan(safe / 2) if count % 2 == 0 else np.sin(safe / 2)
    return np.where(at_node, 1.0, np.sin(count * safe / 2) / (count * denominator))


def _trigonometric(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    period = len(nodes) * (nodes[1] - nodes[0])
    return _cardinal(2 * np.pi / period * (points[:, None] - nodes[None, :]), len(nodes))


def _barycentric(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] *= 0.5
    difference = points[:, None] - nodes[None, :]
    hit = difference == 0
    terms = weights / np.where(hit, 1.0, difference)
    matrix = terms / terms.sum(axis=1, keepdims=True)
    on_node = hit.any(axis=1)
    matrix[on_node] = hit[on_node]
    return matrix


def _sine(count: int, fraction: np.ndarray) -> np.ndarray:
    # in the angle the odd extension has period 2 pi: subtract from each cardinal function its mirror image
    angle = 2 * np.arcsin(np.sqrt(fraction))[:, None]
    nodes = np.pi * np.arange(count)[None, :] / (count - 1)
    matrix = _cardinal(angle - nodes, 2 * (count - 1)) - _cardinal(angle + nodes, 2 * (count - 1))
    matrix[:, [0, -1]] = 0.0
    return matrix
