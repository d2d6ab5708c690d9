"""One smooth instance of every shipped family, readable by stencils and by the neural solver.

Families give their PDEs coefficients as arrays on a grid, which only stencils read. Here the same definitions get
theirs as functions of the coordinates, through the grammar of PDEs; residual and conditions stay the shipped ones.
"""

import math
from typing import Any

from spinn.data.definitions import (
    AdvectionOnCircle,
    BurgersOnCircle,
    ConvectionDiffusionProblem2D,
    DarcyFlow2D,
    DarcyFlow3D,
    FisherOnCircle,
    HeatConduction2D,
    HelmholtzProblem2D,
    PoissonProblem2D,
)
from spinn.data.stencil.evolution import with_parameters
from spinn.pdes import cos, exp, sin

PI = math.pi


def permeability(*x: Any) -> Any:
    """Between 0.6 and 1.6."""
    return exp(0.5 * sin(PI * x[0] + 0.3) * cos(PI * x[1]))


def wave_number(x: Any, y: Any) -> Any:
    """Between 7 and 9: waves a little longer than the square, and an indefinite operator."""
    return 8 + sin(PI * x) * cos(PI * y)


def polynomial(x: Any, y: Any) -> Any:
    """A source."""
    return 1 + x - 2 * x * y + y * y


def trace(x: Any, y: Any) -> Any:
    """Harmonic, and read on the boundary."""
    return x * x - y * y + 0.5 * x


def velocity_x(x: Any, y: Any) -> Any:
    """Of the stream function sin(pi x) sin(pi y) / pi."""
    return sin(PI * x) * cos(PI * y)


def velocity_y(x: Any, y: Any) -> Any:
    """Of the same."""
    return -cos(PI * x) * sin(PI * y)


def conductivity(x: Any, y: Any) -> Any:
    """Between 0.012 and 0.033."""
    return 0.02 * permeability(x, y)


def temperature(x: Any, y: Any) -> Any:
    """Zero on the faces."""
    return sin(PI * x) * sin(2 * PI * y)


def profile(x: Any) -> Any:
    """Periodic on the unit interval."""
    return sin(2 * PI * x) + 0.3 * cos(4 * PI * x)


def density(x: Any) -> Any:
    """Periodic, between 0 and 1."""
    return 0.5 + 0.3 * sin(2 * PI * x)


def given(pde: Any, **fields: Any) -> Any:
    """The PDE with fields in place of its parameters."""
    return with_parameters(pde, fields)


class SmoothDarcy2D(DarcyFlow2D):
    """Darcy flow with a smooth permeability."""

    def residual(self, u, x, y):
        return DarcyFlow2D.residual(given(self, a=permeability(x, y)), u, x, y)


class SmoothDarcy3D(DarcyFlow3D):
    """The same in three dimensions."""

    def residual(self, u, x, y, z):
        return DarcyFlow3D.residual(given(self, a=permeability(x, y, z)), u, x, y, z)


class SmoothHelmholtz2D(HelmholtzProblem2D):
    """A smooth wave number."""

    def residual(self, u, x, y):
        return HelmholtzProblem2D.residual(given(self, k=wave_number(x, y)), u, x, y)


class SmoothPoisson2D(PoissonProblem2D):
    """A polynomial source and polynomial boundary values."""

    def residual(self, u, x, y):
        return PoissonProblem2D.residual(given(self, f=polynomial(x, y)), u, x, y)

    def boundary(self, x, y):
        return trace(x, y)


class SmoothConvectionDiffusion2D(ConvectionDiffusionProblem2D):
    """One vortex."""

    def residual(self, u, x, y):
        moving = given(self, vx=velocity_x(x, y), vy=velocity_y(x, y))
        return ConvectionDiffusionProblem2D.residual(moving, u, x, y)


class SmoothHeat2D(HeatConduction2D):
    """A smooth conductivity and a smooth start."""

    def residual(self, u, t, x, y):
        return HeatConduction2D.residual(given(self, a=conductivity(x, y)), u, t, x, y)

    def initial(self, t, x, y):
        return temperature(x, y)


class SmoothAdvection1D(AdvectionOnCircle):
    """A smooth profile."""

    def initial(self, t, x):
        return profile(x)


class SmoothBurgers1D(BurgersOnCircle):
    """A smooth start."""

    def initial(self, t, x):
        return profile(x)


class SmoothReactionDiffusion1D(FisherOnCircle):
    """A smooth start."""

    def initial(self, t, x):
        return density(x)
