"""Viscous Burgers equation on a circle from random initial data (Li et al., ICLR 2021, arXiv 2010.08895, sec. 5.1)."""

import dataclasses
from typing import ClassVar

from spinn.data.definitions.burgers import BurgersOnCircle
from spinn.data.families.evolving import MethodOfLinesFamily
from spinn.data.families.family import Parameters, Sampler
from spinn.data.random_fields import GaussianField, PowerLaw, generator
from spinn.pdes import PDE

START = GaussianField(PowerLaw(alpha=2.0, tau=5.0), "periodic", modes=65, scale=25.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Burgers1D(MethodOfLinesFamily):
    """u_t + u u_x = nu u_xx on the unit circle; input u0, output u over time.

    u0 has the covariance 625 (-Laplacian + 25)^-2, with waves up to 32 about the circle. The layers of thickness
    about 4 nu / |u| must be resolved: take a finer grid for less viscosity.
    """

    name: ClassVar[str] = "burgers_1d"
    grid: tuple[int, ...] = (256,)
    nu: float = 0.1
    start: Sampler = START

    @property
    def definition(self) -> PDE:
        return BurgersOnCircle(nu=self.nu)

    def parameters(self, seed: int, index: int) -> Parameters:
        grid = self.evolution.grid
        return {"u0": self.start.sample(generator(seed, index, "u0"), grid.intervals, grid.nodes)}
