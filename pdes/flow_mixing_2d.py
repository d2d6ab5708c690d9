"""Mixing of two fluids by a vortex (SPINN, NeurIPS 2023, appendix; Tamamidis and Assanis, 1993)."""

from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, cosh, sin, sqrt, tanh, where

# sech^2(r) tanh(r) / r in powers of s = r^2 (from the Taylor series of (tanh^2)' / 2).
SERIES = (1, -4 / 3, 17 / 15, -248 / 315, 1382 / 2835, -43688 / 155925, 929569 / 6081075)
SERIES_BELOW = 1e-3  # in s: there the next term is below 1e-21


class FlowMixing2D(PDE):
    r"""Flow mixing:  u_t + a u_x + b u_y = 0   on t in [0, 4], (x, y) in [-4, 4]^2.

    A front along the x axis is wound up by the rotation a = -w y, b = w x of angular velocity
    w = sech^2(rho) tanh(rho) / (vmax rho), rho^2 = x^2 + y^2. Exact: u* = -tanh((y cos wt - x sin wt) / 2), the
    initial profile carried around. The faces carry its values; the flow runs along circles, so that they determine
    the solution where it enters and agree with it where it leaves.
    """

    coordinates = ("t", "x", "y")
    unknowns = ("u",)
    domain = Box(t=(0, 4), x=(-4, 4), y=(-4, 4))
    vmax: float = 0.385  # the tangential velocity is scaled by its maximum
    sharpness: float = 0.5  # of the front: its width is 1 / sharpness

    def residual(self, u, t, x, y):
        w = self.angular_velocity(x, y)
        return u.d("t") - w * y * u.d("x") + w * x * u.d("y")

    def angular_velocity(self, x, y):
        """w(rho), smooth at the centre, where the quotient is replaced by its series in rho^2."""
        s = x**2 + y**2
        near = s < SERIES_BELOW
        rho = sqrt(where(near, 1.0, s))  # a square root at 0 has no derivative: keep away, also where not selected
        series = SERIES[-1]
        for coefficient in SERIES[-2::-1]:
            series = series * where(near, s, 0.0) + coefficient
        return where(near, series, tanh(rho) / (rho * cosh(rho) ** 2)) / self.vmax

    def residual_weights(self):
        return {"residual": 10.0}

    def conditions(self):
        return [Initial("u", value=self.exact), Dirichlet("u", value=self.exact)]

    def exact(self, t, x, y):
        angle = self.angular_velocity(x, y) * t
        return -tanh(self.sharpness * (y * cos(angle) - x * sin(angle)))

    def validate(self):
        if not self.vmax > 0:
            raise ValueError(f"FlowMixing2D: vmax must be positive, got {self.vmax}")
