"""What a solver may be given, checked at its door: wrong shapes and types are errors that say what to do."""

from typing import Any

import numpy as np


def checked_system(matrix: Any, rhs: Any, guess: Any | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Right side and guess as float64 vectors (n,) for a square real matrix (n, n); ValueError for anything else."""
    shape = tuple(getattr(matrix, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            f"expected a square matrix (n, n), got {type(matrix).__name__} of shape {shape}: pass a scipy.sparse "
            "matrix, an array, or a LinearOperator"
        )
    if np.issubdtype(getattr(matrix, "dtype", np.float64) or np.float64, np.complexfloating):
        raise ValueError(
            "expected a real matrix, got a complex one: write (A + iB)(x + iy) = f + ig as the real system "
            "[[A, -B], [B, A]] [x, y] = [f, g]"
        )
    vector = checked_vector("right side", rhs, int(shape[0]))
    return vector, None if guess is None else checked_vector("guess", guess, int(shape[0]))


def plainly_fits(matrix: Any, rhs: Any, guess: Any | None, size: int) -> bool:
    """Whether these are float64 of `size` unknowns as they stand: `checked_system` for the next of many, in no time."""
    if getattr(matrix, "shape", None) != (size, size) or getattr(matrix, "dtype", None) != np.float64:
        return False
    vectors = (rhs,) if guess is None else (rhs, guess)
    return all(type(v) is np.ndarray and v.dtype == np.float64 and v.shape == (size,) for v in vectors)


def checked_vector(label: str, values: Any, length: int) -> np.ndarray:
    """The values as a float64 vector (length,)."""
    array = np.asarray(values)
    if array.shape != (length,):
        raise ValueError(
            f"expected a {label} of shape ({length},), got {array.shape}: solve several right sides as a sequence"
        )
    if np.issubdtype(array.dtype, np.complexfloating) or array.dtype.kind not in "fiub":
        raise ValueError(f"expected a {label} of real numbers, got {array.dtype}: solve real and imaginary part apart")
    return array.astype(np.float64, copy=False)


def checked_range(label: str, value: int, low: int, high: int | None = None) -> None:
    """ValueError unless low <= value (<= high)."""
    if value < low or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"expected {label} {bounds}, got {value}")
