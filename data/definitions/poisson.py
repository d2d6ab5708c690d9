"""Poisson's equation with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Dirichlet, laplacian


class PoissonProblem2D(PDE):
    r"""Poisson equation:  -(u_xx + u_yy) = f   on [-1, 1]^2,  u = g on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(-1, 1), y=(-1, 1))
    f: Any = 0.0  # source: a number or an array on the grid
    g: Any = 0.0  # boundary values: a number, or an array on the grid that is read on the faces

    def residual(self, u, x, y):
        return -laplacian(u) - self.f

    def conditions(self):
        return [Dirichlet("u", value=self.boundary)]

    def boundary(self, x, y):
        """g."""
        return self.g
