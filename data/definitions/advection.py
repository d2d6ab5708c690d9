"""The advection equation with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Initial, Periodic


class AdvectionOnCircle(PDE):
    r"""Advection equation:  u_t + beta u_x = 0   on t in [0, 1], x in [0, 1], periodic,  u(0) = u0."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    beta: Any = 1.0  # speed
    u0: Any = 0.0  # initial profile: an array on the grid

    def residual(self, u, t, x):
        return u.d("t") + self.beta * u.d("x")

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x")]

    def initial(self, t, x):
        """u0."""
        return self.u0
