"""Coefficient fields that are functions of Gaussian fields."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from spinn.data.random_fields.gaussian import GaussianField, Interval


@dataclasses.dataclass(frozen=True)
class Threshold:
    """`high` where the field is not negative and `low` elsewhere (Li et al., ICLR 2021, arXiv 2010.08895, A.3.2)."""

    low: float = 3.0
    high: float = 12.0

    def __call__(self, field: np.ndarray) -> np.ndarray:
        return np.where(field >= 0, self.high, self.low)


@dataclasses.dataclass(frozen=True)
class LogNormal:
    """median * exp(sigma * field)."""

    median: float = 1.0
    sigma: float = 1.0

    def __call__(self, field: np.ndarray) -> np.ndarray:
        return self.median * np.exp(self.sigma * field)


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """low + (high - low) / (1 + exp(-field)): values strictly between two bounds."""

    low: float = 0.0
    high: float = 1.0

    def __call__(self, field: np.ndarray) -> np.ndarray:
        return self.low + (self.high - self.low) / (1 + np.exp(-field))


@dataclasses.dataclass(frozen=True)
class RandomField:
    """A transform of a Gaussian field, sampled alike."""

    gaussian: GaussianField
    transform: Callable[[np.ndarray], np.ndarray]

    def sample(
        self, random: np.random.Generator, intervals: Sequence[Interval], axes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """One draw on the tensor grid of `axes`: an array of shape (len(axes[0]), ...)."""
        return self.transform(self.gaussian.sample(random, intervals, axes))
