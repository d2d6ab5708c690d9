"""Random polynomials: truncated Chebyshev sums with independent normal coefficients."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from spinn.data.random_fields.gaussian import Interval


@dataclasses.dataclass(frozen=True)
class ChebyshevSum:
    """sum of c_ij.. T_i(X) T_j(Y) .. with i, j < `terms` and normal c, where X, Y run over [-1, 1] in the domain.

    The data of the Poisson family of Wang et al. (ICLR 2024), who take five coefficients.
    """

    terms: int = 5  # an axis
    scale: float = 1.0  # standard deviation of the coefficients

    def sample(
        self, random: np.random.Generator, intervals: Sequence[Interval], axes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """One draw on the tensor grid of `axes`: an array of shape (len(axes[0]), ...)."""
        values = self.scale * random.standard_normal((self.terms,) * len(intervals))
        for (low, high), points in zip(intervals, axes, strict=True):
            scaled = (2 * np.asarray(points, dtype=float) - low - high) / (high - low)
            values = np.tensordot(values, np.polynomial.chebyshev.chebvander(scaled, self.terms - 1), axes=(0, 1))
        return values
