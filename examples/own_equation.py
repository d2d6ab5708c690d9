"""A PDE of one's own from Python: the telegraph equation, solved, evaluated, and compared with its exact solution.

Run it as it is: `python -m spinn.examples.own_equation`.
"""

import math

import numpy as np

import spinn
from spinn.pdes import PDE, Box, Dirichlet, Initial, exp, sin


class Telegraph(PDE):
    r"""Telegraph equation:  u_tt + 2 a u_t = u_xx   on t in [0, 1], x in [0, 1],  u = 0 at both ends."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    a: float = math.pi  # damping; at pi the first mode is critically damped

    def residual(self, u, t, x):
        return u.d("tt") + 2 * self.a * u.d("t") - u.d("xx")

    def conditions(self):
        start = Initial("u", value=lambda t, x: sin(math.pi * x))
        slope = Initial("u", value=0.0, order=1)
        return [start, slope, Dirichlet("u", value=0.0)]

    def exact(self, t, x):
        """Critical damping, a = pi."""
        return (1.0 + math.pi * t) * exp(-math.pi * t) * sin(math.pi * x)


def main() -> float:
    """Solve it and return the largest error on a grid."""
    solution = spinn.solve(Telegraph())
    t, x = np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 41), indexing="ij")
    error = float(np.max(np.abs(solution(t, x) - Telegraph().exact(t, x))))
    print(f"{solution.summary['recipe']}\nlargest error on a grid: {error:.1e}")
    return error


if __name__ == "__main__":
    main()
