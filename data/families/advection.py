"""Advection on a circle with random speed and profile (the setting of Takamoto et al., PDEBench, NeurIPS 2022)."""

import dataclasses
from typing import ClassVar

import numpy as np

from spinn.data.definitions.advection import AdvectionOnCircle
from spinn.data.families.evolving import MethodOfLinesFamily
from spinn.data.families.family import Parameters, Sampler
from spinn.data.random_fields import GaussianField, PowerLaw, generator
from spinn.pdes import PDE

PROFILE = GaussianField(PowerLaw(alpha=2.0, tau=5.0), "periodic", modes=65, scale=25.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advection1D(MethodOfLinesFamily):
    """u_t + beta u_x = 0 on the unit circle; inputs beta (uniform in `speeds`) and u0, output u over time.

    The exponential integrator is exact here.
    """

    name: ClassVar[str] = "advection_1d"
    grid: tuple[int, ...] = (256,)
    speeds: tuple[float, float] = (0.1, 2.0)
    profile: Sampler = PROFILE

    @property
    def definition(self) -> PDE:
        return AdvectionOnCircle()

    def parameters(self, seed: int, index: int) -> Parameters:
        grid = self.evolution.grid
        return {
            "beta": np.asarray(generator(seed, index, "beta").uniform(*self.speeds)),
            "u0": self.profile.sample(generator(seed, index, "u0"), grid.intervals, grid.nodes),
        }
