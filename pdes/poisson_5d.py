"""Poisson equation in five space dimensions with a manufactured solution of tensor-train rank three."""

from spinn.pdes import PDE, Box, Dirichlet, laplacian
from spinn.pdes._skewed_waves import minus_laplacian, skewed_waves


class Poisson5D(PDE):
    r"""Poisson equation:  -(u_x1x1 + ... + u_x5x5) = f   on [0, 1]^5,  u = 0 on the boundary.

    Manufactured solution u* = prod_i sin(m pi X_i) (1 + mix sum_j 2 cos(m pi X_j)) + skew prod_i sin(m pi X_i) g(X_i)
    with g(X) = exp(X - 1/2) and m = waves, and f from it; X_i runs from 0 to 1 over the domain, whatever its size.
    """

    coordinates = ("x1", "x2", "x3", "x4", "x5")
    unknowns = ("u",)
    domain = Box(x1=(0, 1), x2=(0, 1), x3=(0, 1), x4=(0, 1), x5=(0, 1))
    waves: int = 1  # half-waves along every axis
    mix: float = 0.5  # amplitude of the waves doubled along one axis
    skew: float = 0.5  # amplitude of the part that no eigenfunctions of the Laplacian make up

    def residual(self, u, *x):
        return -laplacian(u) - self.source(*x)

    def source(self, *x):
        """f, from the manufactured solution."""
        return minus_laplacian(x, self.domain, self.waves, self.mix, self.skew)

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, *x):
        return skewed_waves(x, self.domain, self.waves, self.mix, self.skew)

    def validate(self):
        if self.waves != int(self.waves) or self.waves < 1:
            raise ValueError(f"Poisson5D: waves must be a whole number of half-waves, at least 1, got {self.waves}")
