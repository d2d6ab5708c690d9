"""The inverse of a Laplacian with constant coefficients on a box, by sine transforms."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from scipy.linalg.blas import ddot

from spinn.solvers.preconditioners.folded import diagonal_in_sines, folds
from spinn.solvers.preconditioners.matrices import entries
from spinn.solvers.preconditioners.sines import sine_transform

# An eigenvalue below this, relative to the weights, is zero up to rounding.
ZERO = 1e-14
# Vectors and inverses between this and its reciprocal go into float32 as they are.
TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class FastPoisson:
    """M = S (T_1 + ... + T_d + shift) S on a grid of `shape` with zero Dirichlet values around it, d = 1, 2, 3.

    T_i is weights[i] tridiag(-1, 2, -1) along axis i, diagonal in sines: its eigenvalues are
    weights[i] 4 sin^2(pi k / (2 (n_i + 1))), k = 1..n_i (Buzbee, Golub and Nielson 1970). Unknowns are in C order.
    `weights`: coefficient / spacing^2 by axis; left out, the mean couplings of the matrix. `shift`: with None, what the
    mean of its diagonal has beyond these, as for Helmholtz' equation; M may then be indefinite. `scaled`: S is the
    square root of diag(A) over that of T, which is about the root of the coefficient at each node (Concus and Golub
    1973), so that M follows smooth coefficients (with jumps leave it out); else S is one. `single`: transforms in
    float32, at half the cost; M is then symmetric to 1e-7 only, which conjugate gradients feel below about 1e-10. The
    number of iterations does not grow with the grid.
    """

    shape: tuple[int, ...]
    weights: tuple[float, ...] | None = None
    shift: float | None = 0.0
    scaled: bool = False
    single: bool = False
    name: ClassVar[str] = "fast_poisson"

    def __post_init__(self) -> None:
        if not 1 <= len(self.shape) <= 3 or min(self.shape) < 1:
            raise ValueError(f"expected the shape of a grid in 1 to 3 dimensions, got {self.shape}")
        if self.weights is not None and (len(self.weights) != len(self.shape) or min(self.weights) <= 0.0):
            raise ValueError(f"expected {len(self.shape)} positive weights, one an axis, got {self.weights}")

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> M^-1 r by two sine transforms. ValueError where the grid does not fit the matrix."""
        length = math.prod(self.shape)
        if tuple(matrix.shape) != (length, length):
            raise ValueError(
                f"expected a matrix ({length}, {length}) on a grid of shape {self.shape}, got {tuple(matrix.shape)}: "
                "shape counts the interior nodes along each axis"
            )
        inverse, scale = self.factors(matrix)
        dtype = np.float32 if self.single else np.float64
        # What float32 may not hold is held apart: the size of the inverse here, that of a vector in `apply`.
        largest = 1.0 if not self.single or _moderate(inverse) else float(np.max(np.abs(inverse)))
        solve = self._solve((inverse if largest == 1.0 else inverse / largest).astype(dtype, copy=False))

        def apply(r: np.ndarray) -> np.ndarray:
            given = r if scale is None else r * scale
            size = self._size(given)
            if not np.isfinite(size) or size == 0.0:
                return np.array(r, dtype=np.float64)
            solved = solve(given if size == 1.0 else given / size)
            if size * largest != 1.0:
                solved *= size
                solved *= largest
            return solved if scale is None else solved * scale

        return apply

    def _solve(self, inverse: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> S diag(inverse) S r as float64, S the sine transform, in the precision of `inverse`."""
        if folds(self.shape):
            return diagonal_in_sines(inverse)

        def solve(r: np.ndarray) -> np.ndarray:
            grid = r.astype(inverse.dtype, copy=False).reshape(self.shape)
            return sine_transform(inverse * sine_transform(grid)).reshape(-1).astype(np.float64, copy=False)

        return solve

    def _size(self, r: np.ndarray) -> float:
        """What r is to be divided by so that float32 holds it: mostly one; not finite, or zero, as r is."""
        if not self.single:
            return 1.0
        square = float(ddot(r, r))
        return 1.0 if TINY**2 < square < TINY**-2 else float(np.max(np.abs(r), initial=0.0))

    def factors(self, matrix: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """1 / eigenvalues on the grid, and the diagonal of S^-1 (n,) where it is scaled.

        LinAlgError where the matrix has no such preconditioner.
        """
        weights = self.weights or _mean_couplings(entries(matrix, self.name), self.shape)
        shift = self.shift
        if shift is None:
            shift = float(np.mean(entries(matrix, self.name).diagonal())) - 2.0 * sum(weights)
        scale = self._scale(matrix, weights, shift) if self.scaled else None
        return self._inverse_eigenvalues(weights, shift), scale

    def _inverse_eigenvalues(self, weights: tuple[float, ...], shift: float) -> np.ndarray:
        eigenvalues = np.full(self.shape, shift)
        for axis, (number, weight) in enumerate(zip(self.shape, weights, strict=True)):
            along = [1] * len(self.shape)
            along[axis] = number
            eigenvalues += (weight * _unit_eigenvalues(number)).reshape(along)
        if not np.all(np.isfinite(eigenvalues)) or np.min(np.abs(eigenvalues)) < ZERO * sum(weights):
            raise np.linalg.LinAlgError(f"{self.name} has an eigenvalue of zero with shift {shift}: change the shift")
        return 1.0 / eigenvalues

    def _scale(self, matrix: Any, weights: tuple[float, ...], shift: float) -> np.ndarray:
        ratio = entries(matrix, self.name).diagonal() / (2.0 * sum(weights) + shift)
        if not np.all(ratio > 0.0):
            raise np.linalg.LinAlgError(
                f"{self.name} scales by the root of the diagonal, which is not positive everywhere"
            )
        return 1.0 / np.sqrt(ratio)


@functools.lru_cache(maxsize=16)
def _unit_eigenvalues(number: int) -> np.ndarray:
    """Of tridiag(-1, 2, -1): (number,)."""
    return 4.0 * np.sin(np.pi * np.arange(1, number + 1) / (2 * (number + 1))) ** 2


def _moderate(inverse: np.ndarray) -> bool:
    """Whether float32 holds these numbers with room for products."""
    sizes = np.abs(inverse)
    return bool(np.max(sizes) < 1.0 / TINY and np.min(sizes) > TINY)


def _mean_couplings(csr: Any, shape: tuple[int, ...]) -> tuple[float, ...]:
    """Minus the mean entry between neighbours along each axis; half the mean diagonal along an axis of one node."""
    found: list[float] = []
    for axis, number in enumerate(shape):
        stride = math.prod(shape[axis + 1 :])
        couplings = csr.diagonal(stride) if stride < csr.shape[0] else np.empty(0)
        pairs = math.prod(shape) // number * (number - 1)
        found.append(-float(np.sum(couplings)) / pairs if pairs else math.nan)
    lone = [axis for axis, weight in enumerate(found) if math.isnan(weight)]
    if lone:
        rest = max(
            float(np.mean(csr.diagonal())) / 2.0 - sum(weight for weight in found if not math.isnan(weight)), 0.0
        )
        found = [rest / len(lone) if math.isnan(weight) else weight for weight in found]
    if not all(weight >= 0.0 for weight in found) or sum(found) <= 0.0:
        raise np.linalg.LinAlgError(
            f"expected negative couplings between neighbours on a grid of shape {shape}, got means of {found} with the "
            "sign turned: give weights, or use another preconditioner"
        )
    return tuple(found)
