"""Poisson's equation with a source on a square, whose edges are as sharp as a parameter says."""

import numpy as np

from spinn.pdes import PDE, Box, Dirichlet, Reference, erf, laplacian

EDGES = (0.25, 0.75)
MODES, PANELS, NODES = 400, 80, 32  # of the series, and of the composite Gauss rule for its coefficients


class SquareSource2D(PDE):
    r"""Poisson equation:  u_xx + u_yy = f   on [0, 1]^2,  u = 0 on the boundary.

    f = g(x) g(y), g(x) = (erf(s (x - 1/4)) - erf(s (x - 3/4))) / (2 erf(s / 4)): one in the middle, about zero outside
    of the square [1/4, 3/4]^2, with edges some 1/s wide. The reference is the double sine series of 400 x 400 modes,
    which has six digits for every s.
    """

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    sharpness: float = 10.0  # s

    def validate(self):
        if not self.sharpness > 0:
            raise ValueError(f"SquareSource2D: expected a sharpness > 0, got {self.sharpness:g}")

    def residual(self, u, x, y):
        return laplacian(u) - self.profile(x) * self.profile(y)

    def flux(self, axis, u, x, y):
        return u.d(axis)

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def profile(self, x):
        """g."""
        low, high = EDGES
        middle = erf(self.sharpness * (high - low) / 2)
        return (erf(self.sharpness * (x - low)) - erf(self.sharpness * (x - high))) * (0.5 / middle)

    def reference(self):
        """The double sine series; None on another domain than the unit square."""
        if any(self.domain[axis] != (0.0, 1.0) for axis in self.coordinates):
            return None
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        points = ((np.arange(PANELS)[:, None] + 0.5 * (nodes + 1.0)) / PANELS).ravel()
        weights = np.tile(weights / PANELS, PANELS)
        waves = np.pi * np.arange(1, MODES + 1)
        of_profile = np.sin(np.outer(waves, points)) @ (weights * self.profile(points))
        modes = -np.outer(of_profile, of_profile) / (waves[:, None] ** 2 + waves[None, :] ** 2)

        def function(axes):
            along_x, along_y = (np.sin(np.outer(axes[axis], waves)) for axis in ("x", "y"))
            return {"u": along_x @ modes @ along_y.T}

        return Reference.from_function(self.coordinates, function, digits=6.0)
