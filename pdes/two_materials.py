"""Diffusion through two materials, whose conductivity jumps where they meet: the solution has a kink there."""

import math

from spinn.pdes import PDE, Box, Dirichlet, sin, where


class TwoMaterials(PDE):
    r"""Steady diffusion:  k (u_xx + u_yy) = q   on [0, 1]^2,  u = u* on the faces;  k = 1 for x < joint, else `ratio`.

    u and the flux k u_x go through the joint, so that u_x jumps by the factor `ratio`. Manufactured solution u* =
    sin(5 (x - joint)) sin(pi y) / k, with q from it. Cut the domain at the joint: `domains: {x: [0.3]}`; one smooth
    network cannot have the kink, and the equation inside does not say what happens on the joint.
    """

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    joint: float = 0.3  # where the materials meet
    ratio: float = 100.0  # of the conductivities

    def validate(self):
        if not self.ratio > 0:
            raise ValueError(f"TwoMaterials: expected a ratio > 0, got {self.ratio:g}")

    def conductivity(self, x):
        """k."""
        return where(x < self.joint, 1.0, self.ratio)

    def residual(self, u, x, y):
        return self.conductivity(x) * (u.d("xx") + u.d("yy")) - self.source(x, y)

    def source(self, x, y):
        """q, from the manufactured solution."""
        return sin((x - self.joint) * 5.0) * sin(math.pi * y) * (-(25.0 + math.pi**2))

    def flux(self, axis, u, x, y):
        return self.conductivity(x) * u.d(axis)

    def conditions(self):
        return [Dirichlet("u", value=self.exact)]

    def exact(self, x, y):
        return sin((x - self.joint) * 5.0) * sin(math.pi * y) / self.conductivity(x)
