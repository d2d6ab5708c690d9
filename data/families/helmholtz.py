"""Waves in a random medium: the Helmholtz equation with a wave number large enough to be indefinite."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from spinn.data.definitions.helmholtz import HelmholtzProblem2D
from spinn.data.families.family import Parameters, Sampler, StencilFamily
from spinn.data.random_fields import GaussianField, LogNormal, Matern, RandomField, generator
from spinn.data.stencil import Grid, grid_of
from spinn.pdes import PDE

WAVE_NUMBERS = RandomField(GaussianField(Matern(nu=1.5, length=0.2), "neumann"), LogNormal(median=25.0, sigma=0.15))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Helmholtz2D(StencilFamily):
    """-Lap u - k(x)^2 u = f on the unit square, u = 0 on the boundary; input k, output u.

    By default k is log-normal about 25 (four wave lengths across): some fifty eigenvalues of the Laplacian lie below
    k^2, so the matrix is symmetric and indefinite. Resonances make some samples much larger than others.
    """

    name: ClassVar[str] = "helmholtz_2d"
    grid: tuple[int, ...] = (128, 128)
    wave_number: Sampler = WAVE_NUMBERS
    source: float = 1.0

    def parameters(self, seed: int, index: int) -> Parameters:
        return {"k": self.wave_number.sample(generator(seed, index, "k"), self.layout.intervals, self.layout.nodes)}

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        return HelmholtzProblem2D(k=parameters["k"], f=self.source)

    @property
    def layout(self) -> Grid:
        return grid_of(HelmholtzProblem2D(), self.grid, self.order)
