"""The inverse of a Laplacian with constant coefficients on a box, by sine transforms."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from spinn.solvers.preconditioners.matrices import entries
from spinn.solvers.preconditioners.sines import sine_transform

# An eigenvalue below this, relative to the weights, is zero up to rounding.
ZERO = 1e-14


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
        inverse = inverse.astype(dtype)

        def apply(r: np.ndarray) -> np.ndarray:
            # A vector as small or large as float32 cannot hold is scaled to size one and back.
            size = float(np.max(np.abs(r), initial=0.0)) if self.single else 1.0
            if self.single and not (size > 0.0 and np.isfinite(size)):
                return np.array(r, dtype=np.float64)
            given = r if scale is None else r * scale
            grid = (given / size if self.single else given).astype(dtype, copy=False).reshape(self.shape)
            solved = sine_transform(inverse * sine_transform(grid)).reshape(-1).astype(np.float64, copy=False)
            solved = solved * size if self.single else solved
            return solved if scale is None else solved * scale

        return apply

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
            angles = np.pi * np.arange(1, number + 1) / (2 * (number + 1))
            along = [1] * len(self.shape)
            along[axis] = number
            eigenvalues = eigenvalues + (4.0 * weight * np.sin(angles) ** 2).reshape(along)
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


def _mean_couplings(csr: Any, shape: tuple[int, ...]) -> tuple[float, ...]:
    """Minus the mean entry between neighbours along each axis; half the mean diagonal along an axis of one node."""
    mean_diagonal = float(np.mean(csr.diagonal()))
    found: list[float] = []
    for axis, number in enumerate(shape):
        stride = math.prod(shape[axis + 1 :])
        couplings = csr.diagonal(stride) if stride < csr.shape[0] else np.empty(0)
        pairs = math.prod(shape) // number * (number - 1)
        found.append(-float(np.sum(couplings)) / pairs if pairs else math.nan)
    lone = [axis for axis, weight in enumerate(found) if math.isnan(weight)]
    if lone:
        rest = max(mean_diagonal / 2.0 - sum(weight for weight in found if not math.isnan(weight)), 0.0)
        found = [rest / len(lone) if math.isnan(weight) else weight for weight in found]
    if not all(weight >= 0.0 for weight in found) or sum(found) <= 0.0:
        raise np.linalg.LinAlgError(
            f"expected negative couplings between neighbours on a grid of shape {shape}, got means of {found} with the "
            "sign turned: give weights, or use another preconditioner"
        )
    return tuple(found)
