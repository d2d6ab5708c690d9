"""A scalar carried by a random incompressible flow, and diffusing: systems that are not symmetric."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from spinn.data.definitions.convection_diffusion import ConvectionDiffusionProblem2D
from spinn.data.families.family import Parameters, StencilFamily
from spinn.data.random_fields import GaussianField, PowerLaw, generator
from spinn.data.stencil import Grid, grid_of
from spinn.data.stencil.operators import differentiate
from spinn.pdes import PDE

STREAM_FUNCTION = GaussianField(PowerLaw(alpha=3.0, tau=5.0), "dirichlet", modes=16)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvectionDiffusion2D(StencilFamily):
    """-eps Lap u + v . grad u = f on the unit square, u = 0 on the boundary; inputs vx and vy, output u.

    v = (psi_y, -psi_x) by differences of a Gaussian stream function that vanishes on the boundary, scaled to `speed`
    (root mean square). Central differences need |v| h < 2 eps to be free of oscillations: refine the grid for less eps.
    """

    name: ClassVar[str] = "convection_diffusion_2d"
    grid: tuple[int, ...] = (128, 128)
    eps: float = 0.02
    speed: float = 1.0
    stream_function: GaussianField = STREAM_FUNCTION
    source: float = 1.0

    def parameters(self, seed: int, index: int) -> Parameters:
        grid = self.layout
        psi = self.stream_function.sample(generator(seed, index, "psi"), grid.intervals, grid.nodes).ravel()
        vx, vy = differentiate(grid, psi, 1).reshape(grid.shape), -differentiate(grid, psi, 0).reshape(grid.shape)
        scale = self.speed / np.sqrt(np.mean(vx**2 + vy**2))
        return {"vx": scale * vx, "vy": scale * vy}

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        return ConvectionDiffusionProblem2D(eps=self.eps, vx=parameters["vx"], vy=parameters["vy"], f=self.source)

    @property
    def layout(self) -> Grid:
        return grid_of(ConvectionDiffusionProblem2D(), self.grid, self.order)
