"""Helmholtz equation whose solution oscillates at another rate in each block of a square: scales side by side."""

import math

import jax.numpy as jnp

from spinn.pdes import PDE, Box, Dirichlet, Field, laplacian, sin

WAVES = (1, 3, 2, 1, 2, 3, 1, 2)  # half waves in one block after another


class MultiscaleHelmholtz2D(PDE):
    r"""Helmholtz equation:  u_xx + u_yy + k^2 u = q   on [0, 1]^2,  u = 0 on the faces.

    Manufactured solution u* = sin(pi x) sin(pi y) + b(x) b(y), where b is a wave of its own in each of `blocks` parts
    of [0, 1], of one to three half waves, times the fourth power of a sine that vanishes between them: three times
    continuously differentiable there and analytic inside. q comes from u*.
    """

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    blocks: int = 8  # along each axis
    k: float = 5.0  # wave number

    def validate(self):
        if self.blocks < 1:
            raise ValueError(f"MultiscaleHelmholtz2D: expected at least one block, got {self.blocks}")

    def residual(self, u, x, y):
        return self.operator(u) - self.source(x, y)

    def source(self, x, y):
        """q, from the manufactured solution."""
        return self.operator(self.exact(x, y))

    def operator(self, u):
        """Lap u + k^2 u."""
        return laplacian(u) + self.k**2 * u

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def wave(self, x):
        """b."""
        rate = self.rate(x)
        return sin(x * (self.blocks * math.pi)) ** 4 * sin(x * rate + 1.0)

    def rate(self, x):
        """The angular frequency of the block that x lies in."""

        def chosen(values):
            block = jnp.clip(jnp.floor(values * self.blocks).astype(int), 0, self.blocks - 1)
            return jnp.asarray(WAVES, values.dtype)[block % len(WAVES)] * (self.blocks * math.pi)

        return x.apply(chosen) if isinstance(x, Field) else chosen(jnp.asarray(x))

    def exact(self, x, y):
        return sin(math.pi * x) * sin(math.pi * y) + self.wave(x) * self.wave(y)
