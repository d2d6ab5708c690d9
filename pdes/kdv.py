"""Korteweg-de Vries equation: a cosine breaks into solitons (Zabusky and Kruskal, Phys. Rev. Lett. 15, 1965)."""

import math

from spinn.pdes import PDE, Box, Initial, Periodic, cos
from spinn.pdes._cache import cached, reference_key
from spinn.pdes._convergence import converged
from spinn.pdes._spectral_dispersion import dispersive_waves

RESOLUTIONS = (384, 512, 768)  # of the reference


class KdV(PDE):
    r"""Korteweg-de Vries equation:  u_t + eta u u_x + mu^2 u_xxx = 0   on t in [0, 1], x in [-1, 1], periodic.

    u(0, x) = cos(pi x). It steepens until about t = 1 / (pi eta), where dispersion takes over and a train of solitons
    forms, each some mu / sqrt(eta) wide. The equation is of third order in x: the value, the slope and the second
    derivative are periodic. The mean of u, of u^2 and the energy do not change.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(-1, 1))
    eta: float = 1.0  # strength of the advection
    mu: float = 0.022  # square root of the dispersion: delta of Zabusky and Kruskal

    def validate(self):
        if self.mu == 0:
            raise ValueError("KdV: expected a dispersion mu other than 0; without it the solution breaks")

    def residual(self, u, t, x):
        return u.d("t") + self.eta * u * u.d("x") + self.mu**2 * u.d("xxx")

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x", order=2)]

    def initial(self, t, x):
        """cos(pi x), or one wave over the domain."""
        low, high = self.domain["x"]
        return cos(2 * math.pi / (high - low) * x)

    def reference(self):
        """Fourier pseudo-spectral, refined until two resolutions agree; the default takes 384 and 512 points, 6 s.

        The errors that a resolution study finds (relative L2 over all times against 768 points): 192 points 2e-5,
        256 points 4e-7, 384 points 1e-10, 512 points 6e-13. Fewer or more time nodes (129, 385) change nothing.
        """
        key = reference_key(self, version=1, resolutions=RESOLUTIONS)
        return cached(key, lambda: converged(self.solved, RESOLUTIONS, digits=9.0))

    def solved(self, points):
        """The Fourier solution with this many points."""
        return dispersive_waves(
            eta=self.eta,
            mu=self.mu,
            initial=lambda x: self.initial(self.domain["t"][0], x),
            domain=dict(self.domain.intervals),
            points=points,
            times=257,
            tolerance=1e-12,
        )
