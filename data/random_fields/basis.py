"""L2-normalised eigenfunctions of the Laplacian on an interval, evaluated at any points."""

import functools
from typing import Literal

import numpy as np

Boundary = Literal["neumann", "dirichlet", "periodic"]


def wave_numbers(boundary: Boundary, modes: int, length: float) -> np.ndarray:
    """Wave numbers k of the first eigenfunctions, in ascending order: shape (modes,); the eigenvalues are k^2."""
    index = np.arange(modes)
    if boundary == "neumann":
        return np.pi * index / length
    if boundary == "dirichlet":
        return np.pi * (index + 1) / length
    return 2 * np.pi * ((index + 1) // 2) / length  # 1, cos, sin, cos 2, sin 2, ...


def eigenfunctions(boundary: Boundary, modes: int, interval: tuple[float, float], points: np.ndarray) -> np.ndarray:
    """Values at the points: shape (points, modes). Rows for the same points are computed once."""
    return _cached(boundary, modes, interval, np.ascontiguousarray(points, dtype=float).tobytes())


@functools.lru_cache(maxsize=64)
def _cached(boundary: Boundary, modes: int, interval: tuple[float, float], points: bytes) -> np.ndarray:
    low, high = interval
    k = wave_numbers(boundary, modes, high - low)
    phase = (np.frombuffer(points) - low)[:, None] * k
    norm = np.sqrt(2 / (high - low))
    if boundary == "dirichlet":
        values = norm * np.sin(phase)
    elif boundary == "neumann":
        values = norm * np.cos(phase)
    else:
        values = norm * np.where(np.arange(modes) % 2 == 1, np.cos(phase), np.sin(phase))
    if boundary != "dirichlet":
        values[:, 0] = np.sqrt(1 / (high - low))
    values.flags.writeable = False
    return values
