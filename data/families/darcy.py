"""Darcy flow through a random medium (Li et al., ICLR 2021, arXiv 2010.08895, section 5.2 and appendix A.3.2)."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from spinn.data.definitions.darcy import DarcyFlow2D, DarcyFlow3D
from spinn.data.families.family import Parameters, Sampler, StencilFamily
from spinn.data.random_fields import GaussianField, PowerLaw, RandomField, Threshold, generator
from spinn.data.stencil import Grid, grid_of
from spinn.pdes import PDE

TWO_MEDIA = RandomField(GaussianField(PowerLaw(alpha=2.0, tau=3.0), "neumann", zero_mean=True), Threshold(3.0, 12.0))
TWO_MEDIA_3D = RandomField(
    GaussianField(PowerLaw(alpha=2.0, tau=3.0), "neumann", modes=24, zero_mean=True), Threshold(3.0, 12.0)
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Darcy2D(StencilFamily):
    """-div(a grad u) = f on the unit square, u = 0 on the boundary; input a, output u.

    By default a is 12 or 3 by the sign of a Gaussian field with covariance (-Laplacian + 9)^-2 (Neumann), f = 1.
    """

    name: ClassVar[str] = "darcy_2d"
    grid: tuple[int, ...] = (128, 128)
    permeability: Sampler = TWO_MEDIA
    source: float = 1.0

    def parameters(self, seed: int, index: int) -> Parameters:
        return {"a": self.permeability.sample(generator(seed, index, "a"), self.layout.intervals, self.layout.nodes)}

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        return DarcyFlow2D(a=parameters["a"], f=self.source)

    @property
    def layout(self) -> Grid:
        return grid_of(DarcyFlow2D(), self.grid, self.order)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Darcy3D(StencilFamily):
    """-div(a grad u) = f on the unit cube, u = 0 on the boundary; input a, output u. As `Darcy2D` otherwise."""

    name: ClassVar[str] = "darcy_3d"
    grid: tuple[int, ...] = (32, 32, 32)
    permeability: Sampler = TWO_MEDIA_3D
    source: float = 1.0

    def parameters(self, seed: int, index: int) -> Parameters:
        return {"a": self.permeability.sample(generator(seed, index, "a"), self.layout.intervals, self.layout.nodes)}

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        return DarcyFlow3D(a=parameters["a"], f=self.source)

    @property
    def layout(self) -> Grid:
        return grid_of(DarcyFlow3D(), self.grid, self.order)
