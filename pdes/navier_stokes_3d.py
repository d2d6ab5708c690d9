"""Incompressible flow on a three-dimensional torus in vorticity form (SPINN, NeurIPS 2023, section 4.4)."""

import math

from spinn.pdes import PDE, Box, Gauge, Initial, Periodic, cos, exp, laplacian, sin


class NavierStokes3D(PDE):
    r"""Navier-Stokes:  w_t + (u.grad) w = (w.grad) u + nu Lap w + F,  w = curl u,  div u = 0   on [0, 5] x [0, 2 pi]^3.

    The unknowns are the velocities u, v, w on a torus (vorticities are called a, b, c here). The exact solution is of
    Taylor-Green type and decays as exp(-9 nu t), with F from it.

    The problem as posed has one solution: periodic velocities without divergence whose vorticity obeys the equation
    are a Navier-Stokes flow up to a pressure gradient and a uniform acceleration, since a field on the torus without
    curl is a gradient plus a constant. The uniform part is invisible to the vorticity; the gauge conditions fix
    it, by giving the mean of each velocity at every time. The initial vorticity follows from the initial velocity;
    it is listed because it is cheap and, like the paper's loss, weighs small scales. The equation has third
    derivatives of velocities, hence periodicity up to the second.
    """

    coordinates = ("t", "x", "y", "z")
    unknowns = ("u", "v", "w")
    domain = Box(t=(0, 5), x=(0, 2 * math.pi), y=(0, 2 * math.pi), z=(0, 2 * math.pi))
    nu: float = 0.05  # kinematic viscosity

    def residual(self, u, v, w, t, x, y, z):
        a, b, c = self.derived(u, v, w).values()
        fa, fb, fc = self.force(t, x, y, z)

        def transport(vorticity, velocity, force):
            advection = u * vorticity.d("x") + v * vorticity.d("y") + w * vorticity.d("z")
            stretching = a * velocity.d("x") + b * velocity.d("y") + c * velocity.d("z")
            return vorticity.d("t") + advection - stretching - self.nu * laplacian(vorticity) - force

        return {
            "vorticity_x": transport(a, u, fa),
            "vorticity_y": transport(b, v, fb),
            "vorticity_z": transport(c, w, fc),
            "divergence": u.d("x") + v.d("y") + w.d("z"),
        }

    def force(self, t, x, y, z):
        """F: what keeps the exact flow going against its own advection and stretching."""
        scale = 6 * exp(-18 * self.nu * t)
        return (
            -scale * sin(4 * y) * sin(2 * z),
            -scale * sin(4 * x) * sin(2 * z),
            scale * sin(4 * x) * sin(4 * y),
        )

    def derived(self, u, v, w):
        return {
            "vorticity_x": w.d("y") - v.d("z"),
            "vorticity_y": u.d("z") - w.d("x"),
            "vorticity_z": v.d("x") - u.d("y"),
        }

    def residual_weights(self):
        return {"divergence": 100.0}

    def conditions(self):
        velocities = [Initial(name, value=self.exact, weight=10.0) for name in self.unknowns]
        periodic = [Periodic(name, axis=axis, order=2) for name in self.unknowns for axis in self.domain.space]
        return [*velocities, *self.initial_vorticities(), *periodic, *(Gauge(name) for name in self.unknowns)]

    def initial_vorticities(self):
        """The vorticity at the start, component by component."""

        def component(index, name):
            return Initial(
                lambda u, v, w: self.derived(u, v, w)[name],
                value=lambda *coordinates: self.exact_vorticity(*coordinates)[index],
                label=name,
                weight=10.0,
            )

        return [component(index, f"vorticity_{axis}") for index, axis in enumerate(self.domain.space)]

    def exact(self, t, x, y, z):
        decay = exp(-9 * self.nu * t)
        return (
            2 * decay * cos(2 * x) * sin(2 * y) * sin(z),
            -decay * sin(2 * x) * cos(2 * y) * sin(z),
            -2 * decay * sin(2 * x) * sin(2 * y) * cos(z),
        )

    def exact_vorticity(self, t, x, y, z):
        """curl of the exact velocity."""
        decay = exp(-9 * self.nu * t)
        return (
            -3 * decay * sin(2 * x) * cos(2 * y) * cos(z),
            6 * decay * cos(2 * x) * sin(2 * y) * cos(z),
            -6 * decay * cos(2 * x) * cos(2 * y) * sin(z),
        )

    def validate(self):
        if not self.nu > 0:
            raise ValueError(f"NavierStokes3D: nu must be positive, got {self.nu}")
        for axis in self.domain.space:
            low, high = self.domain[axis]
            periods = (high - low) / (2 * math.pi)
            if round(periods) < 1 or abs(periods - round(periods)) > 1e-9:
                raise ValueError(
                    f"NavierStokes3D: the domain of {axis} must be whole periods of 2 pi, got [{low:g}, {high:g}]"
                )
