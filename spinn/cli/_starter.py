"""What `spinn new` writes: a PDE with a manufactured solution, and the YAML file that solves it."""

PDE = '''\
"""{title}: a PDE of your own. Change it, then `spinn check ./{name}.py:{cls}` and `spinn solve {name}.yaml`."""

import math

from spinn.pdes import PDE, Box, Dirichlet, Initial, exp, sin


class {cls}(PDE):
    r"""Diffusion with loss:  u_t = kappa u_xx - loss u + f   on t in [0, 1], x in [0, 1],  u = 0 at both ends.

    Manufactured solution u* = exp(-t) sin(pi x): f is what makes it one. Replace `source` and drop `exact` for a
    problem whose solution you do not know.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    kappa: float = 0.1  # diffusivity
    loss: float = 0.5  # rate at which u is lost

    def residual(self, u, t, x):
        # Left side minus right side. Derivatives: u.d("t"), u.d("xx"); functions (sin, exp, ...) from spinn.pdes.
        return u.d("t") - self.kappa * u.d("xx") + self.loss * u - self.source(t, x)

    def source(self, t, x):
        """f, from the manufactured solution."""
        return (-1 + self.kappa * math.pi**2 + self.loss) * self.exact(t, x)

    def conditions(self):
        return [Initial("u", value=self.exact), Dirichlet("u", faces=("x",))]

    def exact(self, t, x):
        return exp(-t) * sin(math.pi * x)
'''

YAML = """\
# {title}: `spinn solve {name}.yaml` solves it, `spinn show {name}.yaml` shows every setting.
pde:
  name: ./{name}.py:{cls}
  params: {{kappa: 0.1}}
# domain: {{t: [0, 2]}}                     # replaces the interval in {name}.py
# network: {{rank: 32}}                     # what is left out is chosen by the recipe
# train:
#   - {{optimizer: adam, steps: 2000}}
#   - {{optimizer: lbfgs, tolerance: 1e-6}}
seed: 0
"""
