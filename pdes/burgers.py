"""Viscous Burgers equation from a sine, which steepens into a thin layer at x = 0 (Raissi et al., JCP 378, 2019)."""

import math

from spinn.pdes import PDE, Box, Dirichlet, Initial, Reference, sin
from spinn.pdes._cole_hopf import sine_wave


class Burgers(PDE):
    r"""Viscous Burgers equation:  u_t + u u_x = nu u_xx   on t in [0, 1], x in [-1, 1],  u = 0 on the faces.

    u(0, x) = -sin(pi x). The layer at x = 0 is thinnest about t = 1/2, some 4 nu wide. The reference is the Cole-Hopf
    integral, accurate to 12 digits; it needs faces at whole numbers, where the periodic solution vanishes.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(-1, 1))
    nu: float = 0.01 / math.pi  # viscosity

    def validate(self):
        if not self.nu > 0:
            raise ValueError(f"Burgers: expected a viscosity nu > 0, got {self.nu:g}; without it the solution breaks")

    def residual(self, u, t, x):
        return u.d("t") + u * u.d("x") - self.nu * u.d("xx")

    def flux(self, axis, u, t, x):
        return u if axis == "t" else u * u / 2 - self.nu * u.d("x")

    def conditions(self):
        return [Initial("u", value=self.initial), Dirichlet("u")]

    def initial(self, t, x):
        """-sin(pi x)."""
        return -sin(math.pi * x)

    def reference(self):
        """Closed form (Cole-Hopf); None when a face is no whole number."""
        if any(end != round(end) for end in self.domain["x"]):
            return None
        begin = self.domain["t"][0]

        def function(axes):
            return {"u": sine_wave(self.nu, axes["t"] - begin, axes["x"])}

        return Reference.from_function(self.coordinates, function, digits=12.0)
