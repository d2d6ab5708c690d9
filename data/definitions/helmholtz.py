"""The Helmholtz equation with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Dirichlet, laplacian


class HelmholtzProblem2D(PDE):
    r"""Helmholtz equation:  -(u_xx + u_yy) - k^2 u = f   on [0, 1]^2,  u = 0 on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    k: Any = 25.0  # wave number: a number or an array on the grid
    f: Any = 1.0  # source

    def residual(self, u, x, y):
        return -laplacian(u) - self.k**2 * u - self.f

    def conditions(self):
        return [Dirichlet("u")]
