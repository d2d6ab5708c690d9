"""Forced flow on a torus from random vorticity (Li et al., ICLR 2021, arXiv 2010.08895, section 5.3 and A.3.3)."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np

from spinn.data.families.evolving import EvolvingFamily
from spinn.data.families.family import Parameters, Sampler
from spinn.data.integration import exponential
from spinn.data.random_fields import GaussianField, PowerLaw, generator

START = GaussianField(PowerLaw(alpha=2.5, tau=7.0), "periodic", modes=33, scale=7.0**0.75, zero_mean=True)


class Waves(NamedTuple):
    """Wave numbers on the unit torus in the layout of `rfft2`."""

    x: np.ndarray  # (n, 1)
    y: np.ndarray  # (1, n // 2 + 1)
    squared: np.ndarray
    inverse: np.ndarray  # of the square, 0 for the mean
    kept: np.ndarray  # 1 below two thirds of the highest (Orszag, J. Atmos. Sci. 28, 1971)


@dataclasses.dataclass(frozen=True, eq=False)
class TorusFlow:
    """w_t + v . grad w = nu Lap w + force on the unit torus, v = (psi_y, -psi_x), -Lap psi = w."""

    waves: Waves
    nu: float
    force: np.ndarray

    def slope(self, t: Any, w: Any, parameters: Mapping[str, Any]) -> Any:
        """The change of the vorticity, by dealiased Fourier sums."""
        k = self.waves
        vorticity = jnp.fft.rfft2(w)
        psi = vorticity * k.inverse
        parts = jnp.stack([1j * k.y * psi, -1j * k.x * psi, 1j * k.x * vorticity, 1j * k.y * vorticity])
        u, v, w_x, w_y = jnp.fft.irfft2(parts, w.shape)
        change = k.kept * jnp.fft.rfft2(self.force - u * w_x - v * w_y) - self.nu * k.squared * vorticity
        return jnp.fft.irfft2(change, w.shape)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NavierStokes2D(EvolvingFamily):
    """Vorticity w of a forced incompressible flow on the unit torus; input w0, output w over time.

    w_t + v . grad w = nu Lap w + f with f = amplitude (sin 2 pi (x + y) + cos 2 pi (x + y)); w0 has the covariance
    7^(3/2) (-Laplacian + 49)^(-5/2) and mean zero. Pseudo-spectral, dealiased; the viscous part is integrated exactly.
    The velocity, and with it the inverse of the Laplacian, is no part of the grammar of PDE definitions: this family
    writes its right side down itself.
    """

    name: ClassVar[str] = "navier_stokes_2d"
    grid: tuple[int, ...] = (64, 64)
    tolerance: float = 1e-6
    nu: float = 1e-3
    end: float = 20.0
    amplitude: float = 0.1
    start: Sampler = START

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError(f"{self.name}: expected at least 2 frames (the start and the end), got {self.frames}")
        if len(self.grid) != 2 or self.grid[0] != self.grid[1] or self.grid[0] < 8:
            raise ValueError(f"{self.name}: expected a square grid of at least 8 nodes an axis, got {self.grid}")
        if not self.nu > 0:
            raise ValueError(f"{self.name}: expected a viscosity nu > 0, got {self.nu:g}")

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("w",)

    @property
    def span(self) -> tuple[float, float]:
        return 0.0, self.end

    @property
    def axes(self) -> dict[str, np.ndarray]:
        nodes = np.arange(self.grid[0]) / self.grid[0]
        return {"x": nodes, "y": nodes}

    @functools.cached_property
    def flow(self) -> TorusFlow:
        """The right side; kept, because programs are compiled for it."""
        phase = 2 * np.pi * np.add.outer(*self.axes.values())
        return TorusFlow(unit_torus(self.grid[0]), self.nu, self.amplitude * (np.sin(phase) + np.cos(phase)))

    def parameters(self, seed: int, index: int) -> Parameters:
        random = generator(seed, index, "w0")
        return {"w0": self.start.sample(random, ((0.0, 1.0), (0.0, 1.0)), tuple(self.axes.values()))}

    def initial(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        kept = self.flow.waves.kept * np.fft.rfft2(parameters["w0"])
        kept[0, 0] = 0.0  # the vorticity of a periodic velocity has no mean
        return np.fft.irfft2(kept, self.grid)

    def advance(
        self, parameters: Mapping[str, np.ndarray], state: np.ndarray, times: np.ndarray, tolerance: float
    ) -> np.ndarray:
        symbol = -self.nu * self.flow.waves.squared + 0j
        return exponential(self.flow.slope, symbol, state, times, {}, tolerance)

    def __getstate__(self) -> dict[str, Any]:
        """Without the compiled right side: families travel to worker processes."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def unit_torus(points: int) -> Waves:
    """Wave numbers for `points` nodes an axis."""
    full = np.fft.fftfreq(points, 1 / points)[:, None]
    half = np.arange(points // 2 + 1)[None, :] * 1.0
    x, y = 2 * np.pi * full, 2 * np.pi * half
    squared = x**2 + y**2
    inverse = np.where(squared > 0, 1 / np.where(squared > 0, squared, 1.0), 0.0)
    return Waves(x, y, squared, inverse, ((np.abs(full) < points / 3) & (half < points / 3)) * 1.0)
