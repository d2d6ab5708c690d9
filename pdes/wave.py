"""Wave equation on a string with fixed ends (Wang, Yu, Perdikaris, J. Comput. Phys. 449, 2022, section 7.3)."""

import math

from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, sin


class Wave(PDE):
    r"""Wave equation:  u_tt = c^2 u_xx   on t in [0, 1], x in [0, 1],  u = 0 at both ends, u_t = 0 at the start.

    Exact: u* = sin(pi X) cos(c pi s / L) + amplitude sin(mode pi X) cos(mode c pi s / L), where X runs from 0 to 1
    over the length L of the domain and s is the time since the start.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    c: float = 2.0  # wave speed
    amplitude: float = 0.5  # of the overtone
    mode: int = 4  # half-waves of the overtone

    def residual(self, u, t, x):
        return u.d("tt") - self.c**2 * u.d("xx")

    def conditions(self):
        return [Initial("u", value=self.exact), Initial("u", value=0.0, order=1), Dirichlet("u", value=0.0)]

    def exact(self, t, x):
        return self.standing(1, t, x) + self.amplitude * self.standing(self.mode, t, x)

    def standing(self, mode, t, x):
        """One standing wave, at rest at the start."""
        start, (low, high) = self.domain["t"][0], self.domain["x"]
        k = mode * math.pi / (high - low)
        return sin(k * (x - low)) * cos(self.c * k * (t - start))

    def validate(self):
        if self.c == 0:
            raise ValueError("Wave: the wave speed c must not be zero")
        if self.mode != int(self.mode) or self.mode < 1:
            raise ValueError(f"Wave: mode must be a whole number of half-waves, at least 1, got {self.mode}")
