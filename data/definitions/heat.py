"""Heat conduction with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Dirichlet, Initial, div, grad


class HeatConduction2D(PDE):
    r"""Heat equation:  u_t = div(a grad u)   on t in [0, 1], (x, y) in [0, 1]^2,  u = 0 on the faces, u(0) = u0."""

    coordinates = ("t", "x", "y")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1), y=(0, 1))
    a: Any = 0.02  # diffusivity: a number or an array on the grid
    u0: Any = 0.0  # initial temperature

    def residual(self, u, t, x, y):
        return u.d("t") - div(self.a * grad(u))

    def conditions(self):
        return [Initial("u", value=self.initial), Dirichlet("u")]

    def initial(self, t, x, y):
        """u0."""
        return self.u0
