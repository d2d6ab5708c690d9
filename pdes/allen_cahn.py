"""Allen-Cahn equation with thin moving interfaces (Raissi et al., JCP 378, 2019; Wang et al., arXiv 2203.07404)."""

import math

from spinn.pdes import PDE, Box, Initial, Periodic, cos
from spinn.pdes._cache import cached, reference_key
from spinn.pdes._convergence import converged
from spinn.pdes._spectral_reaction import reaction_diffusion

RESOLUTIONS = (1024, 2048, 4096, 8192)  # of the reference


class AllenCahn(PDE):
    r"""Allen-Cahn equation:  u_t = nu u_xx + rate (u - u^3)   on t in [0, 1], x in [-1, 1], periodic.

    u(0, x) = x^2 cos(pi x), which is continuous over the period but has a kink at x = +-1 (its slope jumps from -2
    to 2) that diffusion rounds off for t > 0. Interfaces are about sqrt(2 nu / rate) wide.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(-1, 1))
    nu: float = 1e-4  # diffusivity
    rate: float = 5.0  # strength of the reaction

    def validate(self):
        if not self.nu > 0:
            raise ValueError(f"AllenCahn: expected a diffusivity nu > 0, got {self.nu:g}")

    def residual(self, u, t, x):
        return u.d("t") - self.nu * u.d("xx") - self.reaction(u)

    def reaction(self, u):
        """rate (u - u^3)."""
        return self.rate * (u - u**3)

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x")]

    def initial(self, t, x):
        """x^2 cos(pi x)."""
        return x**2 * cos(math.pi * x)

    def reference(self):
        """Fourier collocation, refined until two resolutions agree; the default takes 1024 and 2048 points, 5 s.

        The errors that a resolution study finds (relative L2 against 8192 points, over t in [0, 1] and at t = 1):
        512 points 1.5e-5, 1e-6; 1024 points 7e-6, 1e-11; 2048 points 3e-6, 1e-12. Over all times it is the kink at
        t = 0 that counts, which no finite series resolves; for t > 0.1 the error at 2048 points is below 1e-8.
        """
        key = reference_key(self, version=1, resolutions=RESOLUTIONS)
        return cached(key, lambda: converged(self.solved, RESOLUTIONS, digits=4.5))

    def solved(self, points):
        """The Fourier solution with this many points."""
        return reaction_diffusion(
            nu=self.nu,
            reaction=self.reaction,
            initial=lambda x: self.initial(self.domain["t"][0], x),
            domain=dict(self.domain.intervals),
            points=points,
            times=65,
            tolerance=1e-10,
        )
