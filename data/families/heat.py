"""Heat conduction through a random medium, from a random temperature."""

import dataclasses
from typing import ClassVar

from spinn.data.definitions.heat import HeatConduction2D
from spinn.data.families.evolving import Integrator, MethodOfLinesFamily
from spinn.data.families.family import Parameters, Sampler
from spinn.data.random_fields import GaussianField, LogNormal, Matern, PowerLaw, RandomField, generator
from spinn.data.stencil.grid import Order
from spinn.pdes import PDE

CONDUCTIVITY = RandomField(
    GaussianField(Matern(nu=1.5, length=0.2), "neumann", modes=32), LogNormal(median=0.02, sigma=0.5)
)
TEMPERATURE = GaussianField(PowerLaw(alpha=3.0, tau=5.0), "dirichlet", modes=32, scale=100.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heat2D(MethodOfLinesFamily):
    """u_t = div(a grad u) on the unit square, zero on the boundary; inputs a and u0, output u over time.

    Fluxes of second order with harmonic means in space; steps of order 8 in time, as small as stability asks for.
    """

    name: ClassVar[str] = "heat_2d"
    grid: tuple[int, ...] = (64, 64)
    order: Order = 2
    integrator: Integrator = "explicit"
    conductivity: Sampler = CONDUCTIVITY
    temperature: Sampler = TEMPERATURE

    @property
    def definition(self) -> PDE:
        return HeatConduction2D()

    def parameters(self, seed: int, index: int) -> Parameters:
        on = self.evolution.grid.intervals, self.evolution.grid.nodes
        return {
            "a": self.conductivity.sample(generator(seed, index, "a"), *on),
            "u0": self.temperature.sample(generator(seed, index, "u0"), *on),
        }
