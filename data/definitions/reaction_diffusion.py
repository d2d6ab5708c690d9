"""Fisher's equation with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Initial, Periodic


class FisherOnCircle(PDE):
    r"""Fisher's equation:  u_t = nu u_xx + rho u (1 - u)   on t in [0, 1], x in [0, 1], periodic,  u(0) = u0."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    nu: Any = 1e-3  # diffusivity
    rho: Any = 5.0  # growth rate
    u0: Any = 0.5  # initial density: an array on the grid

    def residual(self, u, t, x):
        return u.d("t") - self.nu * u.d("xx") - self.rho * u * (1 - u)

    def conditions(self):
        return [Initial("u", value=self.initial), Periodic("u", axis="x")]

    def initial(self, t, x):
        """u0."""
        return self.u0
