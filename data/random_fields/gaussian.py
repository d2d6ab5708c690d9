"""Gaussian random fields: sums of Laplacian eigenfunctions with independent normal coefficients.

A sample is a function, not an array: its coefficients are drawn in an order that no grid has a say in, and the sum is
evaluated at whatever points are asked for. The same sample on a finer grid is the same function; with more modes it is
the same function with details added.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np

from spinn.data.random_fields.basis import Boundary, eigenfunctions, wave_numbers
from spinn.data.random_fields.spectrum import PowerLaw, Spectrum

Interval = tuple[float, float]
DARCY = PowerLaw(alpha=2.0, tau=3.0)


@dataclasses.dataclass(frozen=True)
class GaussianField:
    """A Gaussian field on a box in one to three dimensions, with the eigenfunctions of a boundary condition.

    `neumann` (cosines), `dirichlet` (sines), `periodic` (Fourier), or `free`: a periodic field on a box longer by
    `padding` in every direction, of which the domain is a part, so that the covariance is that of free space but for
    what is correlated over the distance `padding`.

    **Raises:** ValueError for an unknown boundary or no modes.
    """

    spectrum: Spectrum = DARCY
    boundary: Literal["neumann", "dirichlet", "periodic", "free"] = "neumann"
    modes: int = 64  # an axis
    scale: float = 1.0  # the sum is multiplied by it
    mean: float = 0.0
    zero_mean: bool = False  # leave the constant eigenfunction out (Neumann and periodic)
    padding: float = 1.0  # of `free`, in the units of the domain

    def __post_init__(self) -> None:
        if self.boundary not in ("neumann", "dirichlet", "periodic", "free"):
            raise ValueError(f"boundary: expected neumann, dirichlet, periodic or free, got '{self.boundary}'")
        if self.modes < 1:
            raise ValueError(f"modes: expected at least 1 an axis, got {self.modes}")

    def coefficients(self, random: np.random.Generator, intervals: Sequence[Interval]) -> np.ndarray:
        """Coefficients of the eigenfunctions: shape (modes, ...), one axis a dimension.

        Drawn shell by shell of the largest index, so that more modes leave those of fewer as they were.
        """
        drawn = random.standard_normal(self.modes ** len(intervals))
        normal = np.empty_like(drawn)
        normal[shell_order(self.modes, len(intervals))] = drawn
        return self.deviations(intervals) * normal.reshape((self.modes,) * len(intervals))

    def deviations(self, intervals: Sequence[Interval]) -> np.ndarray:
        """Standard deviations of the coefficients: shape (modes, ...)."""
        boxes = [self.box(interval) for interval in intervals]
        squares = [wave_numbers(self.basis, self.modes, high - low) ** 2 for low, high in boxes]
        eigenvalues = functools.reduce(np.add.outer, squares)
        variances = self.spectrum.variance(eigenvalues, len(boxes))
        if self.zero_mean and self.basis != "dirichlet":
            variances[(0,) * len(boxes)] = 0.0
        return self.scale * np.sqrt(variances)

    def evaluate(
        self, coefficients: np.ndarray, intervals: Sequence[Interval], axes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The field on the tensor grid of `axes`: an array of shape (len(axes[0]), ...)."""
        values = coefficients
        for interval, points in zip(intervals, axes, strict=True):
            basis = eigenfunctions(self.basis, self.modes, self.box(interval), points)
            values = np.tensordot(values, basis, axes=(0, 1))  # the axis done goes last: after all, the order is back
        return self.mean + values

    def sample(
        self, random: np.random.Generator, intervals: Sequence[Interval], axes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """One draw on the tensor grid of `axes`: an array of shape (len(axes[0]), ...)."""
        return self.evaluate(self.coefficients(random, intervals), intervals, axes)

    def covariance(self, intervals: Sequence[Interval], one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Exact covariance between points `one` (n, d) and `other` (m, d): shape (n, m)."""
        result = self.deviations(intervals) ** 2
        for d, interval in enumerate(intervals):
            at_one, at_other = (
                eigenfunctions(self.basis, self.modes, self.box(interval), points[:, d]) for points in (one, other)
            )
            pairs = at_one[:, None, :] * at_other
            result = (
                np.tensordot(pairs, result, axes=(2, 0)) if d == 0 else np.einsum("nmk,nmk...->nm...", pairs, result)
            )
        return result

    @property
    def basis(self) -> Boundary:
        """The eigenfunctions that are summed."""
        return "periodic" if self.boundary == "free" else self.boundary

    def box(self, interval: Interval) -> Interval:
        """The interval that the eigenfunctions live on."""
        return (interval[0], interval[1] + self.padding) if self.boundary == "free" else interval


@functools.lru_cache(maxsize=16)
def shell_order(modes: int, dimension: int) -> np.ndarray:
    """Flat positions of the coefficients, ordered by largest index and then lexicographically."""
    indices = np.indices((modes,) * dimension).reshape(dimension, -1)
    return np.lexsort((*indices[::-1], indices.max(axis=0)))
