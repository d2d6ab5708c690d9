"""Helmholtz equation in a cube with a manufactured oscillating solution (SPINN, NeurIPS 2023, section 4.2)."""

import math

from spinn.pdes import PDE, Box, Dirichlet, laplacian, sin


class Helmholtz3D(PDE):
    r"""Helmholtz equation:  u_xx + u_yy + u_zz + k^2 u = q   on [-1, 1]^3,  u = 0 on the faces.

    Manufactured solution u* = sin(a1 pi x) sin(a2 pi y) sin(a3 pi z), with q from it. It is the only one unless k^2 is
    an eigenvalue of the cube, (pi/2)^2 (l^2 + m^2 + n^2) with l, m, n = 1, 2, ...
    """

    coordinates = ("x", "y", "z")
    unknowns = ("u",)
    domain = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))
    a1: float = 4.0  # waves along x in [-1, 1]
    a2: float = 4.0  # waves along y
    a3: float = 3.0  # waves along z
    k: float = 1.0  # wave number

    def residual(self, u, x, y, z):
        return laplacian(u) + self.k**2 * u - self.source(x, y, z)

    def source(self, x, y, z):
        """q, from the manufactured solution."""
        return (self.k**2 - math.pi**2 * (self.a1**2 + self.a2**2 + self.a3**2)) * self.exact(x, y, z)

    def conditions(self):
        return [Dirichlet("u", value=self.exact if self.boundary_is_nonzero else 0.0)]

    @property
    def boundary_is_nonzero(self):
        """Whether u* fails to vanish on the faces: a wave number is no integer, or the domain is another one."""
        waves = zip((self.a1, self.a2, self.a3), self.domain.intervals.values(), strict=True)
        return any(abs(math.sin(a * math.pi * end)) > 1e-9 for a, ends in waves for end in ends)

    def exact(self, x, y, z):
        return sin(self.a1 * math.pi * x) * sin(self.a2 * math.pi * y) * sin(self.a3 * math.pi * z)
