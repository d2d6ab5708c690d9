"""Unsteady Beltrami flow in a cube (Ethier and Steinman, Int. J. Numer. Methods Fluids 19, 1994)."""

from spinn.pdes import PDE, Box, Dirichlet, Gauge, Initial, Vector, cos, exp, grad, laplacian, sin


class Beltrami3D(PDE):
    r"""Navier-Stokes:  u_t + (u.grad) u + grad p = nu Lap u,  div u = 0   on t in [0, 1], (x, y, z) in [-1, 1]^3.

    The unknowns are the velocities u, v, w and the pressure p. In the exact solution the vorticity is parallel to the
    velocity everywhere, so that advection is a gradient and the pressure balances it; the flow decays as
    exp(-nu d^2 t). a = d = 1 at Reynolds number 1 are the values of NSFnets (Jin et al., JCP 426, 2021).

    The problem as posed has one solution: velocities are given at the start and on all faces, at all times, without
    divergence at the start and without net flux through the faces. They determine the velocity, and the equations then
    determine grad p at each time; the gauge condition gives the mean of p, which nothing else would see.
    """

    coordinates = ("t", "x", "y", "z")
    unknowns = ("u", "v", "w", "p")
    domain = Box(t=(0, 1), x=(-1, 1), y=(-1, 1), z=(-1, 1))
    nu: float = 1.0  # kinematic viscosity: 1 / Re for velocities and lengths of order one
    a: float = 1.0  # growth rate along the axes, and wave number
    d: float = 1.0  # the other wave number; sqrt(a^2 + d^2 + a d) measures the vorticity

    def validate(self):
        if not self.nu > 0:
            raise ValueError(f"Beltrami3D: expected a viscosity nu > 0, got {self.nu:g}")

    def residual(self, u, v, w, p, t, x, y, z):
        flow = Vector(("x", "y", "z"), (u, v, w))

        def momentum(velocity, axis):
            return velocity.d("t") + flow.dot(grad(velocity)) + p.d(axis) - self.nu * laplacian(velocity)

        return {
            "momentum_x": momentum(u, "x"),
            "momentum_y": momentum(v, "y"),
            "momentum_z": momentum(w, "z"),
            "divergence": u.d("x") + v.d("y") + w.d("z"),
        }

    def conditions(self):
        velocities = ("u", "v", "w")
        return [
            *(Initial(name, value=self.exact) for name in velocities),
            *(Dirichlet(name, value=self.exact) for name in velocities),
            Gauge("p", value=self.exact),
        ]

    def exact(self, t, x, y, z):
        """Velocities and pressure: one formula each, with x, y, z turned in a circle."""
        decay = exp(-self.nu * self.d**2 * t)
        return (
            -self.a * decay * self.velocity(x, y, z),
            -self.a * decay * self.velocity(y, z, x),
            -self.a * decay * self.velocity(z, x, y),
            -(self.a**2) / 2 * decay**2 * (self.head(x, y, z) + self.head(y, z, x) + self.head(z, x, y)),
        )

    def velocity(self, x, y, z):
        """e^(ax) sin(ay + dz) + e^(az) cos(ax + dy)."""
        a, d = self.a, self.d
        return exp(a * x) * sin_of_sum(a * y, d * z) + exp(a * z) * cos_of_sum(a * x, d * y)

    def head(self, x, y, z):
        """e^(2ax) + 2 sin(ax + dy) cos(az + dx) e^(a(y + z))."""
        a, d = self.a, self.d
        waves = sin_of_sum(a * x, d * y) * cos_of_sum(a * z, d * x)
        return exp(2 * a * x) + 2 * waves * exp(a * y) * exp(a * z)


def sin_of_sum(p, q):
    """sin(p + q) as products of functions of one coordinate, which stay separable on grids."""
    return sin(p) * cos(q) + cos(p) * sin(q)


def cos_of_sum(p, q):
    """cos(p + q), likewise."""
    return cos(p) * cos(q) - sin(p) * sin(q)
