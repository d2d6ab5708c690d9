"""Fisher's equation on a circle from random densities (the setting of Takamoto et al., PDEBench, NeurIPS 2022)."""

import dataclasses
from typing import ClassVar

import numpy as np

from spinn.data.definitions.reaction_diffusion import FisherOnCircle
from spinn.data.families.evolving import MethodOfLinesFamily
from spinn.data.families.family import Parameters, Sampler
from spinn.data.random_fields import GaussianField, Matern, RandomField, Sigmoid, generator
from spinn.pdes import PDE

DENSITY = RandomField(GaussianField(Matern(nu=3.0, length=0.1), "periodic", modes=65), Sigmoid(0.0, 1.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReactionDiffusion1D(MethodOfLinesFamily):
    """u_t = nu u_xx + rho u (1 - u) on the unit circle; inputs rho (uniform in `rates`) and u0 in (0, 1), output u."""

    name: ClassVar[str] = "reaction_diffusion_1d"
    grid: tuple[int, ...] = (256,)
    nu: float = 1e-3
    rates: tuple[float, float] = (1.0, 10.0)
    density: Sampler = DENSITY

    @property
    def definition(self) -> PDE:
        return FisherOnCircle(nu=self.nu)

    def parameters(self, seed: int, index: int) -> Parameters:
        grid = self.evolution.grid
        return {
            "rho": np.asarray(generator(seed, index, "rho").uniform(*self.rates)),
            "u0": self.density.sample(generator(seed, index, "u0"), grid.intervals, grid.nodes),
        }
