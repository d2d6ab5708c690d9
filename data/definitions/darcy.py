"""Darcy's law with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Dirichlet, div, grad


class DarcyFlow2D(PDE):
    r"""Darcy flow:  -div(a grad u) = f   on [0, 1]^2,  u = 0 on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    a: Any = 1.0  # permeability: a number or an array on the grid
    f: Any = 1.0  # source

    def residual(self, u, x, y):
        return -div(self.a * grad(u)) - self.f

    def conditions(self):
        return [Dirichlet("u")]


class DarcyFlow3D(PDE):
    r"""Darcy flow:  -div(a grad u) = f   on [0, 1]^3,  u = 0 on the boundary."""

    coordinates = ("x", "y", "z")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1), z=(0, 1))
    a: Any = 1.0  # permeability: a number or an array on the grid
    f: Any = 1.0  # source

    def residual(self, u, x, y, z):
        return -div(self.a * grad(u)) - self.f

    def conditions(self):
        return [Dirichlet("u")]
