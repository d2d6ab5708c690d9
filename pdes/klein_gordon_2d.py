"""Klein-Gordon equation with a quadratic term in two space dimensions (SPINN, NeurIPS 2023, section 4.3)."""

from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, laplacian, sin


class KleinGordon2D(PDE):
    r"""Klein-Gordon equation:  u_tt - u_xx - u_yy + u^2 = f   on t in [0, 10], (x, y) in [-1, 1]^2.

    Manufactured solution u* = (x + y) cos kt + x y sin kt, with f from it. Value and slope are given at the start
    (the equation is of second order in time: without the slope it would not be well posed), the value on the faces.
    """

    coordinates = ("t", "x", "y")
    unknowns = ("u",)
    domain = Box(t=(0, 10), x=(-1, 1), y=(-1, 1))
    k: float = 2.0  # temporal frequency of the manufactured solution

    def residual(self, u, t, x, y):
        return u.d("tt") - laplacian(u) + u**2 - self.source(t, x, y)

    def source(self, t, x, y):
        """f, from the manufactured solution, which is harmonic in space."""
        exact = self.exact(t, x, y)
        return exact**2 - self.k**2 * exact

    def conditions(self):
        return [
            Initial("u", value=self.exact),
            Initial("u", value=self.slope, order=1),
            Dirichlet("u", value=self.exact),
        ]

    def exact(self, t, x, y):
        return (x + y) * cos(self.k * t) + x * y * sin(self.k * t)

    def slope(self, t, x, y):
        """u*_t."""
        return self.k * (x * y * cos(self.k * t) - (x + y) * sin(self.k * t))
