"""Burgers equation with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Initial, Periodic


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
