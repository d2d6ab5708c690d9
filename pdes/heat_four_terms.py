"""Heat equation with four amplitudes as parameters: what an interface in time sees depends on each of them."""

import math

from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, exp, sin


class HeatFourTerms(PDE):
    r"""Heat equation:  u_t = u_xx   on t in [0, 1], x in [-1, 1],  u = u* on the faces and at the start.

    Exact: u* = a cos(pi x / 2) exp(-pi^2 t / 4) + b sin(pi x) exp(-pi^2 t) + c (x^2 + 2 t) + d x, where t is the time
    since the start.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(-1, 1))
    a: float = 1.0  # of the slow mode
    b: float = 1.0  # of the fast mode
    c: float = 0.5  # of the part that grows
    d: float = 0.5  # of the steady part

    def residual(self, u, t, x):
        return u.d("t") - u.d("xx")

    def conditions(self):
        return [Initial("u", value=self.exact), Dirichlet("u", value=self.exact)]

    def exact(self, t, x):
        s = t - self.domain["t"][0]
        slow = cos(math.pi / 2 * x) * exp(-(math.pi**2) / 4 * s)
        fast = sin(math.pi * x) * exp(-(math.pi**2) * s)
        return self.a * slow + self.b * fast + self.c * (x**2 + 2.0 * s) + self.d * x
