"""Two solitons of the Korteweg-de Vries equation, of which the faster one catches up with the other."""

import math

from spinn.pdes import PDE, Box, Initial, Periodic, cosh
from spinn.pdes._cache import cached, reference_key
from spinn.pdes._convergence import converged
from spinn.pdes._spectral_dispersion import dispersive_waves

SOLITONS = ((0.75, 6.6), (0.4, 13.0))  # speed and place at the start
RESOLUTIONS = (96, 128, 192, 256)  # of the reference


class KdVSolitons(PDE):
    r"""Korteweg-de Vries equation:  u_t + lam u u_x + u_xxx = 0   on t in [0, 20], x in [0, 20], periodic.

    u(0, x) = sum over (c, x0) of 3 c / cosh^2(sqrt(c) (x - x0) / 2), with speeds c = 0.75 at 6.6 and c = 0.4 at 13. For
    lam = 1 these are solitons; a stronger advection breaks them into more. The equation is of third order in x: the
    value, the slope and the second derivative are periodic.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 20), x=(0, 20))
    lam: float = 1.0  # strength of the advection

    def residual(self, u, t, x):
        return u.d("t") + self.lam * u * u.d("x") + u.d("xxx")

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x", order=2)]

    def initial(self, t, x):
        """Two solitons, and their images in the neighbouring periods."""
        low, high = self.domain["x"]
        waves = [
            3.0 * speed / cosh(0.5 * math.sqrt(speed) * (x - place - shift)) ** 2
            for speed, place in SOLITONS
            for shift in (low - high, 0.0, high - low)
        ]
        return sum(waves[1:], waves[0])

    def reference(self):
        """Fourier pseudo-spectral, refined until two resolutions agree."""
        key = reference_key(self, version=1, resolutions=RESOLUTIONS)
        return cached(key, lambda: converged(self.solved, RESOLUTIONS, digits=6.0))

    def solved(self, points):
        """The Fourier solution with this many points."""
        return dispersive_waves(
            eta=self.lam,
            mu=1.0,
            initial=lambda x: self.initial(self.domain["t"][0], x),
            domain=dict(self.domain.intervals),
            points=points,
            times=513,
            tolerance=1e-9,
        )
