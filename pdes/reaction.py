"""Logistic reaction at every point of a line by itself (Krishnapriyan et al., NeurIPS 2021, section 3.2)."""

import math

from spinn.pdes import PDE, Box, Initial, Periodic, exp


class Reaction(PDE):
    r"""Reaction equation:  u_t = rho u (1 - u)   on t in [0, 1], x in [0, 2 pi], periodic.

    u(0, x) = h(x) = exp(-8 (x - pi)^2 / pi^2), a Gaussian of width pi/4.
    Exact: u = h exp(rho t) / (h exp(rho t) + 1 - h): a front that grows steeper with rho.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 2 * math.pi))
    rho: float = 5.0  # rate; plain networks are known to fail from about 5 on

    def residual(self, u, t, x):
        return u.d("t") - self.rho * u * (1.0 - u)

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x", order=0)]

    def initial(self, t, x):
        """h(x)."""
        return exp(-0.5 * ((x - math.pi) / (math.pi / 4)) ** 2)

    def exact(self, t, x):
        start, h = self.domain["t"][0], self.initial(t, x)
        grown = h * exp(self.rho * (t - start))
        return grown / (grown + 1.0 - h)
