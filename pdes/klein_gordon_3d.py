"""Klein-Gordon equation with a quadratic term in three space dimensions (SPINN, NeurIPS 2023, section 4.3)."""

from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, laplacian, sin


class KleinGordon3D(PDE):
    r"""Klein-Gordon equation:  u_tt - u_xx - u_yy - u_zz + u^2 = f   on t in [0, 10], (x, y, z) in [-1, 1]^3.

    Manufactured solution u* = (x + y + z) cos kt + x y z sin kt, with f from it. Value and slope are given at the
    start (without the slope the problem would not be well posed), the value on the faces.
    """

    coordinates = ("t", "x", "y", "z")
    unknowns = ("u",)
    domain = Box(t=(0, 10), x=(-1, 1), y=(-1, 1), z=(-1, 1))
    k: float = 1.0  # temporal frequency of the manufactured solution

    def residual(self, u, t, x, y, z):
        return u.d("tt") - laplacian(u) + u**2 - self.source(t, x, y, z)

    def source(self, t, x, y, z):
        """f, from the manufactured solution, which is harmonic in space."""
        exact = self.exact(t, x, y, z)
        return exact**2 - self.k**2 * exact

    def conditions(self):
        return [
            Initial("u", value=self.exact),
            Initial("u", value=self.slope, order=1),
            Dirichlet("u", value=self.exact, weight=1 / 6),
        ]

    def exact(self, t, x, y, z):
        return (x + y + z) * cos(self.k * t) + x * y * z * sin(self.k * t)

    def slope(self, t, x, y, z):
        """u*_t."""
        return self.k * (x * y * z * cos(self.k * t) - (x + y + z) * sin(self.k * t))
