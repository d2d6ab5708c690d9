"""Convection and diffusion with coefficients and data that may be arrays on a grid: physics only."""

from typing import Any

from spinn.pdes import PDE, Box, Dirichlet, laplacian


class ConvectionDiffusionProblem2D(PDE):
    r"""Convection and diffusion:  -eps Lap u + vx u_x + vy u_y = f   on [0, 1]^2,  u = 0 on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    eps: float = 0.02  # diffusivity
    vx: Any = 1.0  # velocity along x: a number or an array on the grid
    vy: Any = 0.0  # velocity along y
    f: Any = 1.0  # source

    def residual(self, u, x, y):
        return -self.eps * laplacian(u) + self.vx * u.d("x") + self.vy * u.d("y") - self.f

    def conditions(self):
        return [Dirichlet("u")]

    def validate(self):
        if not self.eps > 0:
            raise ValueError(f"ConvectionDiffusionProblem2D: expected a diffusivity eps > 0, got {self.eps:g}")
