"""Poisson's equation with polynomial data (Wang et al., ICLR 2024, "Accelerating data generation ...", appendix)."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from spinn.data.definitions.poisson import PoissonProblem2D
from spinn.data.families.family import Parameters, Sampler, StencilFamily
from spinn.data.random_fields import ChebyshevSum, generator
from spinn.data.stencil import Grid, grid_of
from spinn.pdes import PDE

FIVE_TERMS = ChebyshevSum(terms=5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Poisson2D(StencilFamily):
    """-Lap u = f on [-1, 1]^2, u = g on the boundary; inputs f and g, output u.

    f and g are tensor sums of Chebyshev polynomials with five normal coefficients an axis; g, continuous along the
    boundary, is the trace of a polynomial and is stored as that polynomial on the grid. The matrix never changes.
    """

    name: ClassVar[str] = "poisson_2d"
    grid: tuple[int, ...] = (128, 128)
    source: Sampler = FIVE_TERMS
    boundary: Sampler = FIVE_TERMS

    def parameters(self, seed: int, index: int) -> Parameters:
        on = self.layout.intervals, self.layout.nodes
        return {
            "f": self.source.sample(generator(seed, index, "f"), *on),
            "g": self.boundary.sample(generator(seed, index, "g"), *on),
        }

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        return PoissonProblem2D(f=parameters["f"], g=parameters["g"])

    @property
    def layout(self) -> Grid:
        return grid_of(PoissonProblem2D(), self.grid, self.order)
