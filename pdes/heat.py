"""Heat equation on a rod whose ends are kept at zero: two modes that decay at different rates."""

import math

from spinn.pdes import PDE, Box, Dirichlet, Initial, exp, sin


class Heat(PDE):
    r"""Heat equation:  u_t = kappa u_xx   on t in [0, 1], x in [0, 1],  u = 0 at both ends.

    Exact: u* = sin(pi X) exp(-kappa (pi/L)^2 s) + amplitude sin(mode pi X) exp(-kappa (mode pi/L)^2 s), where X runs
    from 0 to 1 over the length L of the domain and s is the time since the start.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    kappa: float = 0.1  # diffusivity
    amplitude: float = 0.5  # of the faster mode
    mode: int = 3  # half-waves of the faster mode

    def residual(self, u, t, x):
        return u.d("t") - self.kappa * u.d("xx")

    def conditions(self):
        return [Initial("u", value=self.exact), Dirichlet("u", value=0.0)]

    def exact(self, t, x):
        return self.decaying(1, t, x) + self.amplitude * self.decaying(self.mode, t, x)

    def decaying(self, mode, t, x):
        """One eigenfunction of the rod, of unit amplitude at the start."""
        start, (low, high) = self.domain["t"][0], self.domain["x"]
        k = mode * math.pi / (high - low)
        return sin(k * (x - low)) * exp(-self.kappa * k**2 * (t - start))

    def validate(self):
        if not self.kappa > 0:
            raise ValueError(f"Heat: kappa must be positive (otherwise ill-posed forward in time), got {self.kappa}")
        if self.mode != int(self.mode) or self.mode < 1:
            raise ValueError(f"Heat: mode must be a whole number of half-waves, at least 1, got {self.mode}")
