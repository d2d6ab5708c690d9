"""Decaying turbulence on a torus in vorticity form (SPINN, NeurIPS 2023, sec. 4.3; Wang et al., arXiv 2203.07404)."""

import math

from spinn.pdes import PDE, Box, Gauge, Initial, Periodic, laplacian
from spinn.pdes._cache import cached, reference_key
from spinn.pdes._convergence import converged
from spinn.pdes._random_flow import FourierSum, random_stream_function
from spinn.pdes._spectral_flow import torus_flow

RESOLUTIONS = (128, 192, 256, 384)  # of the reference


class NavierStokes2D(PDE):
    r"""Incompressible Navier-Stokes:  w_t + u w_x + v w_y = nu Lap w,  w = v_x - u_y,  u_x + v_y = 0   on a torus.

    The unknowns are the velocities, on t in [0, 1], (x, y) in [0, 2 pi]^2, periodic, with zero mean flow (the equations
    in this form leave the mean free). The initial field is random, with wave numbers up to `band`.
    """

    coordinates = ("t", "x", "y")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(0, 2 * math.pi), y=(0, 2 * math.pi))
    nu: float = 0.01  # viscosity
    seed: int = 0  # of the initial field
    band: int = 5  # highest wave number of the initial field, in waves an axis
    speed: float = 1.0  # root mean square of the initial velocity

    def validate(self):
        if not self.nu > 0:
            raise ValueError(f"NavierStokes2D: expected a viscosity nu > 0, got {self.nu:g}")
        if self.band < 1:
            raise ValueError(f"NavierStokes2D: expected band >= 1 (waves an axis), got {self.band}")

    def residual(self, u, v, t, x, y):
        w = self.vorticity(u, v)
        transport = w.d("t") + u * w.d("x") + v * w.d("y") - self.nu * laplacian(w)
        return {"vorticity": transport, "divergence": u.d("x") + v.d("y")}

    def residual_weights(self):
        return {"divergence": 5000.0}

    def vorticity(self, u, v):
        """w = v_x - u_y."""
        return v.d("x") - u.d("y")

    def conditions(self):
        return [
            Initial("u", value=self.initial_velocity, weight=1e4),
            Initial("v", value=self.initial_velocity, weight=1e4),
            Initial(self.vorticity, value=self.initial_vorticity, weight=1e4),
            *(Periodic(name, axis=axis, order=2) for name in self.unknowns for axis in ("x", "y")),
            Gauge("u"),
            Gauge("v"),
        ]

    def initial_velocity(self, t, x, y):
        """(u, v) = (psi_y, -psi_x)."""
        psi = self.initial_stream_function()
        return psi.d(1)(x, y), -psi.d(0)(x, y)

    def initial_vorticity(self, t, x, y):
        """w = -Lap psi."""
        psi = self.initial_stream_function()
        bend = psi.d(0).d(0).coefficients + psi.d(1).d(1).coefficients
        return FourierSum(-bend, psi.scales)(x, y)

    def initial_stream_function(self) -> FourierSum:
        """The random initial field, as a finite Fourier sum over the torus."""
        lengths = (self.domain[axis][1] - self.domain[axis][0] for axis in ("x", "y"))
        scale_x, scale_y = (2 * math.pi / length for length in lengths)
        return random_stream_function(self.seed, self.band, self.speed, (scale_x, scale_y))

    def derived(self, u, v):
        return {"vorticity": self.vorticity(u, v)}

    def reference(self):
        """Dealiased pseudo-spectral solution (u, v, vorticity), refined until two resolutions agree.

        The default takes 128 and 192 modes an axis, 15 s. The errors that a resolution study finds (relative L2 against
        192 modes): velocity 5e-4, 3e-5, 1e-6 and vorticity 4e-3, 3e-4, 2e-5 at 64, 96, 128 modes: a factor of ten
        or more for every 32 modes, so that 192 modes are good to 7 and 6 digits.
        """
        key = reference_key(self, version=1, resolutions=RESOLUTIONS)
        return cached(key, lambda: converged(self.solved, RESOLUTIONS, digits=4.5))

    def solved(self, points):
        """The pseudo-spectral solution with this many modes an axis."""
        return torus_flow(
            nu=self.nu,
            vorticity=lambda x, y: self.initial_vorticity(self.domain["t"][0], x, y),
            domain=dict(self.domain.intervals),
            points=points,
            times=33,
            tolerance=1e-8,
        )
