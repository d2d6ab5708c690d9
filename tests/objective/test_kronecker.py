"""Linear problems are told from others by their residuals, and their systems give the blocks of the objective."""

import functools
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.networks.bodies import Legendre
from spinn.networks.separable import AxisFeatures, tt_network
from spinn.objective import SeparableObjective
from spinn.objective.kronecker import (
    data_trains,
    has_open_conditions,
    is_linear,
    is_linear_in_unknowns,
    linear_blocks,
)
from spinn.pdes import PDE, Box, Dirichlet, Gauge, Initial, available, cos, exp, get, laplacian, sin
from spinn.sampling import AxisSampler
from spinn.tensortrain import residual_squares
from spinn.tensortrain.trains import norm

pytestmark = pytest.mark.usefixtures("x64")


class Mixed(PDE):
    """Two unknowns, a coefficient of one coordinate, conditions of three kinds."""

    coordinates = ("t", "x", "y")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(-1, 1), y=(0, 2))
    power: int = 1

    def residual(self, u, v, t, x, y):
        first = u.d("t") - exp(x) * laplacian(u) + 3.0 * (v if self.power == 1 else v**self.power) - sin(t) * cos(y)
        return {"first": first, "second": v.d("y") - u}

    def conditions(self):
        return [Dirichlet("u", value=lambda t, x, y: t * x), Initial("v", value=2.0), Gauge("v", value=1.0)]


def network(pde, width=3):
    features = {
        axis: AxisFeatures(Legendre(width), *(jnp.asarray(float(end)) for end in pde.domain[axis]))
        for axis in pde.coordinates
    }
    made = tt_network(features, pde.unknowns, [jnp.eye(width)] * len(features))
    draws = np.random.default_rng(0)
    return eqx.tree_at(lambda n: n.cores, made, tuple(jnp.asarray(draws.standard_normal(c.shape)) for c in made.cores))


def test_systems_have_the_norms_of_the_blocks_of_the_objective():
    pde = Mixed()
    made = network(pde)
    batch = AxisSampler(dict.fromkeys("txy", 9)).draw(pde.domain, key=jax.random.key(0))
    objective = SeparableObjective(pde)
    wanted = objective.blocks(made, batch)
    systems = linear_blocks(objective, made, batch)
    assert list(systems) == list(wanted)
    for name, block in systems.items():
        square = residual_squares([block], tuple(np.asarray(core) for core in made.cores))[0]
        assert square == pytest.approx(norm(np.asarray(wanted[name])) ** 2, rel=1e-10)
    zero = eqx.tree_at(lambda n: n.cores, made, tuple(0.0 * core for core in made.cores))
    nothing = objective.blocks(zero, batch)
    for name, train in data_trains(objective, made, batch).items():
        data = functools.reduce(lambda a, b: np.tensordot(a, b, 1), train)
        np.testing.assert_allclose(-data.ravel(), np.ravel(nothing[name]), atol=1e-13)


def test_nonlinear_terms_are_noticed():
    assert is_linear(Mixed())
    assert not is_linear(Mixed(power=2))


@pytest.mark.parametrize(
    ("name", "linear"),
    [("poisson_10d", True), ("heat", True), ("wave", True), ("advection", False), ("klein_gordon_2d", False),
     ("burgers", False), ("navier_stokes_3d", False)],
)  # fmt: skip
def test_shipped_problems(name, linear):
    """Advection is linear, but starts from a function of x - beta t: no product of functions of one coordinate."""
    assert is_linear(get(name)()) is linear


def test_linear_with_coefficients_and_data_of_any_kind():
    linear = {name for name in available() if is_linear_in_unknowns(get(name)())}
    assert {"advection", "flow_mixing_2d", "heat", "helmholtz_3d", "poisson_10d", "wave"} <= linear
    assert not {"allen_cahn", "beltrami_3d", "burgers", "diffusion_2d", "kdv", "klein_gordon_2d"} & linear


def test_conditions_that_are_left_to_the_loss():
    heat = get("heat")()
    assert has_open_conditions(heat, frozenset({"initial_u"}))
    assert not has_open_conditions(heat, frozenset({"initial_u", "dirichlet_u"}))


class Squared(PDE):
    """A coefficient that is the square of a sum over seven axes: fifty products, and no grid."""

    coordinates = tuple(f"x{i}" for i in range(7))
    unknowns = ("u",)
    domain = Box(**{f"x{i}": (0, 1) for i in range(7)})

    def residual(self, u, *x):
        return -laplacian(u) + functools.reduce(operator.add, x) ** 2 * u - 1.0


def test_long_sums_stay_separable_on_many_axes():
    assert is_linear(Squared())
