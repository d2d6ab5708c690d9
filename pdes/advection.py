"""Advection of a sine profile on a periodic line (Krishnapriyan et al., NeurIPS 2021, section 3.1; there beta = 30)."""

import math

from spinn.pdes import PDE, Box, Initial, Periodic, sin


class Advection(PDE):
    r"""Advection equation:  u_t + beta u_x = 0   on t in [0, 1], x in [0, 2 pi], periodic.

    Exact: the initial profile sin(2 pi waves x / L) moved by beta times the time since the start.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 2 * math.pi))
    beta: float = 10.0  # speed; plain networks are known to fail from about 10 on
    waves: int = 1  # periods of the profile in the domain

    def residual(self, u, t, x):
        return u.d("t") + self.beta * u.d("x")

    def conditions(self):
        return [Initial("u", value=self.exact), Periodic("u", axis="x", order=0)]

    def exact(self, t, x):
        start, (low, high) = self.domain["t"][0], self.domain["x"]
        k = 2 * math.pi * self.waves / (high - low)
        return sin(k * (x - low - self.beta * (t - start)))

    def validate(self):
        if self.waves != int(self.waves) or self.waves < 1:
            raise ValueError(f"Advection: waves must be a whole number, at least 1, got {self.waves}")
