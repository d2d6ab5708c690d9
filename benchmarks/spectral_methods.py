"""Textbook spectral methods in NumPy and SciPy, the competitors of `classical.py`: short, general, and not tuned."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.polynomial import legendre
from scipy.integrate import solve_ivp
from scipy.linalg import eigh

from spinn.pdes._interpolation import Kind, interpolation_matrix

Array = np.ndarray
Axes = Mapping[str, Array]


def along(matrix: Array, values: Array, axis: int) -> Array:
    """Apply a matrix to one axis of an array."""
    return np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)


def interpolated(values: Array, kinds: Mapping[str, Kind], nodes: Axes, axes: Axes) -> Array:
    """Values at nodes (the last axes of the array, in the order of `nodes`) carried to the tensor grid of `axes`."""
    first = values.ndim - len(nodes)
    for index, (axis, points) in enumerate(nodes.items()):
        values = along(interpolation_matrix(kinds[axis], points, axes[axis]), values, first + index)
    return values


def legendre_galerkin(
    source: Callable[..., Array], shift: float, domain: Mapping[str, tuple[float, float]], size: int, axes: Axes
) -> Array:
    """Lap u + shift u = source in a box, u = 0 on its faces, by fast diagonalisation of a Legendre-Galerkin method.

    Basis L_k - L_(k+2), scaled so that the stiffness matrix is the identity (Shen, SIAM J. Sci. Comput. 15, 1994).
    """
    points, weights = legendre.leggauss(size + 8)
    mass_values, stiffness = shen(size, points), np.eye(size)
    mass = (mass_values * weights[:, None]).T @ mass_values
    eigenvalues, vectors = eigh(stiffness, mass)
    halves = [(high - low) / 2 for low, high in domain.values()]
    nodes = [low + half * (1 + points) for half, (low, _) in zip(halves, domain.values(), strict=True)]
    right = np.broadcast_to(source(*np.ix_(*nodes)), (len(points),) * len(nodes))
    analysis = (mass_values * weights[:, None] @ vectors).T
    for axis in range(len(nodes)):
        right = along(analysis, right, axis)
    divided = right / (shift - sum(np.ix_(*(eigenvalues / half**2 for half in halves)), start=np.zeros(())))
    for axis, ((low, _), half, name) in enumerate(zip(domain.values(), halves, domain, strict=True)):
        divided = along(shen(size, (axes[name] - low) / half - 1) @ vectors, divided, axis)
    return divided


def shen(size: int, points: Array) -> Array:
    """Shen's basis on [-1, 1] at points: an array of shape (points, size)."""
    values = legendre.legvander(points, size + 1)
    return (values[:, :size] - values[:, 2:]) / np.sqrt(4 * np.arange(size) + 6)


def chebyshev_derivative(count: int, low: float, high: float) -> Array:
    """The differentiation matrix of Chebyshev points, ascending (Trefethen, Spectral Methods in MATLAB, ch. 6)."""
    angle = np.pi * np.arange(count) / (count - 1)
    gaps = 2 * np.sin((angle[:, None] + angle) / 2) * np.sin((angle[:, None] - angle) / 2)
    weights = (-1.0) ** np.arange(count)
    weights[[0, -1]] *= 2
    matrix = np.outer(weights, 1 / weights) / (gaps + np.eye(count))
    return (matrix - np.diag(matrix.sum(axis=1))) * 2 / (high - low)


def evolve(slope: Callable[[float, Array], Array], start: Array, times: Array, tolerance: float) -> Array:
    """Method of lines: the states at `times`, by the explicit method of order 8 of Dormand and Prince (DOP853)."""
    shape = start.shape
    solution = solve_ivp(
        lambda t, y: slope(t, y.reshape(shape)).ravel(),
        (times[0], times[-1]),
        start.ravel(),
        method="DOP853",
        t_eval=times,
        rtol=tolerance,
        atol=0.1 * tolerance,
    )
    if not solution.success:
        raise RuntimeError(solution.message)
    return np.moveaxis(solution.y, -1, 0).reshape(len(times), *shape)


def etdrk4(
    linear: Array, nonlinear: Callable[[Array], Array], start: Array, times: Array, steps: int
) -> Sequence[Array]:
    """dv/dt = linear v + nonlinear(v) for a diagonal linear part, `steps` equal steps between equidistant times.

    Exponential time differencing of order 4, its coefficients as means over circles in the complex plane (Kassam and
    Trefethen, SIAM J. Sci. Comput. 26, 2005).
    """
    h = (times[-1] - times[0]) / (len(times) - 1) / steps
    if not np.allclose(np.diff(times), h * steps):
        raise ValueError("expected equidistant times")
    circle = np.exp(2j * np.pi * (np.arange(32) + 0.5) / 32)
    z = h * linear[:, None] + circle
    whole, half = np.exp(h * linear), np.exp(h * linear / 2)
    q = h * np.mean((np.exp(z / 2) - 1) / z, axis=1)
    f1 = h * np.mean((-4 - z + np.exp(z) * (4 - 3 * z + z**2)) / z**3, axis=1)
    f2 = h * np.mean((2 + z + np.exp(z) * (z - 2)) / z**3, axis=1)
    f3 = h * np.mean((-4 - 3 * z - z**2 + np.exp(z) * (4 - z)) / z**3, axis=1)
    v, found = start, [start]
    for _ in times[1:]:
        for _ in range(steps):
            n0 = nonlinear(v)
            a = half * v + q * n0
            na = nonlinear(a)
            b = half * v + q * na
            nb = nonlinear(b)
            nc = nonlinear(half * a + q * (2 * nb - n0))
            v = whole * v + f1 * n0 + 2 * f2 * (na + nb) + f3 * nc
        found.append(v)
    return found


def wave_numbers(points: int, low: float, high: float) -> Array:
    """Of the transform `rfft` over one period."""
    return 2 * np.pi / (high - low) * np.arange(points // 2 + 1)
