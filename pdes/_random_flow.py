"""Random band-limited flow on the torus: a finite Fourier sum for the stream function, from a seed."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from spinn.pdes._functions import cos, sin


@dataclasses.dataclass(frozen=True, eq=False)
class FourierSum:
    """sum over a, b of coefficients[a, b] B_a(scale_x x) B_b(scale_y y), with B = 1, cos, sin, cos 2., sin 2., ...

    Evaluated with a few products of functions of one coordinate, so that it stays separable on grids of any kind.
    """

    coefficients: Float[np.ndarray, "modes modes"]
    scales: tuple[float, float]

    def __call__(self, x: Any, y: Any) -> Any:
        """Values at fields, arrays or numbers."""
        in_y = self._basis(self.scales[1] * y)
        total: Any = 0.0
        for factor, row in zip(self._basis(self.scales[0] * x), self.coefficients, strict=True):
            used = [float(c) * b for c, b in zip(row, in_y, strict=True) if c != 0.0]
            if used:
                total = total + factor * sum(used[1:], start=used[0])
        return total

    def _basis(self, angle: Any) -> list[Any]:
        waves = [wave(k * angle) for k in range(1, len(self.coefficients) // 2 + 1) for wave in (cos, sin)]
        return [1.0, *waves]

    def d(self, axis: int) -> "FourierSum":
        """The derivative along x (axis 0) or y (axis 1), exactly."""
        turned = np.zeros_like(self.coefficients)
        source = np.moveaxis(self.coefficients, axis, 0)
        target = np.moveaxis(turned, axis, 0)  # a view
        k = self._wave_numbers()[1::2, None] * self.scales[axis]
        target[2::2] = -k * source[1::2]  # (cos kx)' = -k sin kx
        target[1::2] = k * source[2::2]  # (sin kx)' = k cos kx
        return FourierSum(turned, self.scales)

    def _wave_numbers(self) -> Float[np.ndarray, " modes"]:
        return (np.arange(len(self.coefficients)) + 1) // 2 * 1.0


def random_stream_function(seed: int, band: int, speed: float, scales: tuple[float, float]) -> FourierSum:
    """A statistically isotropic stream function psi of wave numbers 0 < |k| <= band.

    Every mode carries the same vorticity on average; the root mean square of |velocity| is `speed` exactly. The same
    seed gives the same flow everywhere (numpy's PCG64 and normal variates).
    """
    k = (np.arange(2 * band + 1) + 1) // 2
    squared = k[:, None] ** 2 + k[None, :] ** 2
    vorticity = np.random.default_rng(seed).standard_normal(squared.shape)
    inside = (squared > 0) & (squared <= band**2)
    psi = FourierSum(np.where(inside, vorticity / np.maximum(squared, 1), 0.0), scales)
    # mean squares: 1 for the constant, 1/2 for each wave
    share = np.where(k == 0, 1.0, 0.5)
    energy = sum(float((share[:, None] * share * psi.d(axis).coefficients ** 2).sum()) for axis in (0, 1))
    return FourierSum(psi.coefficients * (speed / np.sqrt(energy)), scales)
