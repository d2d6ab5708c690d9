"""Nonlinear diffusion of three bumps in a square (SPINN, NeurIPS 2023, section 4.2)."""

from spinn.pdes import PDE, Box, Dirichlet, Initial, exp
from spinn.pdes._cache import cached, reference_key
from spinn.pdes._convergence import converged
from spinn.pdes._spectral_diffusion import porous_medium

RESOLUTIONS = (97, 129, 161)  # of the reference


class Diffusion2D(PDE):
    r"""Nonlinear diffusion:  u_t = a (u_x^2 + u u_xx + u_y^2 + u u_yy)   on t in [0, 1], [-1, 1]^2.

    u = 0 on the faces. The right side is a div(u grad u): the porous-medium equation. u(0, x, y) is a sum of three
    Gaussian bumps. They do not quite vanish on the faces (0.0094 at most), where the solution falls to zero like the
    square root of the distance within a layer of width sqrt(a u t).
    """

    coordinates = ("t", "x", "y")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(-1, 1), y=(-1, 1))
    a: float = 0.05  # diffusivity per unit of u

    def validate(self):
        if not self.a > 0:
            raise ValueError(f"Diffusion2D: expected a diffusivity a > 0, got {self.a:g}")

    def residual(self, u, t, x, y):
        return u.d("t") - self.a * (u.d("x") ** 2 + u * u.d("xx") + u.d("y") ** 2 + u * u.d("yy"))

    def conditions(self):
        return [Initial("u", value=self.initial), Dirichlet("u")]

    def initial(self, t, x, y):
        """Three Gaussian bumps."""
        return (
            0.25 * exp(-10 * (x - 0.3) ** 2) * exp(-10 * (y - 0.2) ** 2)
            + 0.4 * exp(-15 * (x + 0.5) ** 2) * exp(-15 * (y + 0.1) ** 2)
            + 0.3 * exp(-20 * x**2) * exp(-20 * (y + 0.5) ** 2)
        )

    def reference(self):
        """Chebyshev collocation, refined until two agree; the default takes 97 and 129 points an axis, 7 s.

        The errors that a resolution study finds (relative L2 on 101^3 against 193 points, over all times and at t = 1):
        65 points 1.3e-5, 3e-5; 97 points 1.6e-6, 1.6e-6; 129 points 7e-7, 1.2e-7. At t = 0, where the data do not
        vanish on the faces and the series does, it is 6e-6.
        """
        key = reference_key(self, version=1, resolutions=RESOLUTIONS)
        return cached(key, lambda: converged(self.solved, RESOLUTIONS, digits=4.5))

    def solved(self, points):
        """The Chebyshev solution with this many points an axis."""
        return porous_medium(
            a=self.a,
            initial=lambda x, y: self.initial(self.domain["t"][0], x, y),
            domain=dict(self.domain.intervals),
            points=points,
            times=49,
            tolerance=1e-7,
        )
