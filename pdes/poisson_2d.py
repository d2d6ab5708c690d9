"""Poisson equation on a rectangle with a manufactured solution of two scales."""

import math

from spinn.pdes import PDE, Box, Dirichlet, laplacian, sin


class Poisson2D(PDE):
    r"""Poisson equation:  -(u_xx + u_yy) = f   on [0, 1]^2,  u = 0 on the boundary.

    Manufactured solution u* = sin(l pi X) sin(m pi Y) + detail sin(4 l pi X) sin(3 m pi Y), with f from it and
    l = waves_x, m = waves_y; X and Y run from 0 to 1 over the domain, whatever its size.
    """

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    waves_x: int = 1  # half-waves along x
    waves_y: int = 1  # half-waves along y
    detail: float = 0.2  # amplitude of the finer part

    def residual(self, u, x, y):
        return -laplacian(u) - self.source(x, y)

    def source(self, x, y):
        """f, from the manufactured solution: each mode times the sum of its squared wave numbers."""
        coarse, fine = self.modes(x, y)
        return self.eigenvalue(1, 1) * coarse + self.eigenvalue(4, 3) * fine

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x, y):
        coarse, fine = self.modes(x, y)
        return coarse + fine

    def modes(self, x, y):
        """The two parts of the solution."""
        kx, ky = self.wave_numbers
        x0, y0 = self.domain["x"][0], self.domain["y"][0]
        coarse = sin(kx * (x - x0)) * sin(ky * (y - y0))
        fine = self.detail * sin(4 * kx * (x - x0)) * sin(3 * ky * (y - y0))
        return coarse, fine

    def eigenvalue(self, along_x, along_y):
        """Of minus the Laplacian, for multiples of the wave numbers."""
        kx, ky = self.wave_numbers
        return (along_x * kx) ** 2 + (along_y * ky) ** 2

    @property
    def wave_numbers(self):
        """Of the coarse part."""
        (x0, x1), (y0, y1) = self.domain["x"], self.domain["y"]
        return self.waves_x * math.pi / (x1 - x0), self.waves_y * math.pi / (y1 - y0)

    def validate(self):
        for name in ("waves_x", "waves_y"):
            count = getattr(self, name)
            if count != int(count) or count < 1:
                raise ValueError(f"Poisson2D: {name} must be a whole number of half-waves, at least 1, got {count}")
