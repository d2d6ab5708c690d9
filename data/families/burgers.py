"""Viscous Burgers equation on a circle from random initial data (Li et al., ICLR 2021, arXiv 2010.08895, sec. 5.1)."""

import dataclasses
from typing import Any, ClassVar

from spinn.data.families.evolving import MethodOfLinesFamily
from spinn.data.families.family import Parameters, Sampler
from spinn.data.random_fields import GaussianField, PowerLaw, generator
from spinn.pdes import PDE, Box, Initial, Periodic

START = GaussianField(PowerLaw(alpha=2.0, tau=5.0), "periodic", modes=65, scale=25.0)


class BurgersOnCircle(PDE):
    r"""Burgers equation:  u_t + (u^2 / 2)_x = nu u_xx   on t in [0, 1], x in [0, 1], periodic,  u(0) = u0."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    nu: Any = 0.1  # viscosity
    u0: Any = 0.0  # initial velocity: an array on the grid

    def residual(self, u, t, x):
        return u.d("t") + (u * u / 2).d("x") - self.nu * u.d("xx")

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x")]

    def initial(self, t, x):
        """u0."""
        return self.u0


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
