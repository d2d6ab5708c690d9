"""Weak equations of a system are scaled up; strong ones, single ones, and those with weights of their own are not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.networks.bodies import Legendre
from spinn.networks.separable import AxisFeatures, tucker_network
from spinn.objective import Weighting
from spinn.objective.equilibration import equation_scales, equilibrated
from spinn.pdes import PDE, Box
from spinn.sampling import AxisSampler

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


class Stokes(PDE):
    """Stokes flow in a square, without conditions."""

    coordinates = ("x", "y")
    unknowns = ("u", "v", "p")
    domain = Box(x=(-1, 1), y=(-1, 1))
    own: tuple = ()

    def residual(self, u, v, p, x, y):
        return {
            "along": p.d("x") - u.d("xx") - u.d("yy"),
            "across": p.d("y") - v.d("xx") - v.d("yy"),
            "divergence": u.d("x") + v.d("y"),
        }

    def residual_weights(self):
        return dict(self.own)


def scales(pde, weights=()):
    ends = jnp.asarray(-1.0), jnp.asarray(1.0)
    features = {axis: AxisFeatures(Legendre(6), *ends) for axis in pde.coordinates}
    network = tucker_network(features, pde.unknowns, dict.fromkeys(features), 1.0, key=jax.random.key(0))
    batch = AxisSampler(dict.fromkeys("xy", 9), "gauss", frozenset()).draw(pde.domain, key=jax.random.key(0))
    return equation_scales(pde, Weighting(dict(weights)), network, batch)


def test_a_divergence_becomes_as_strong_as_the_momentum_balances():
    found = scales(Stokes())
    assert found["along"] == found["across"] == 1.0
    assert 10.0 < found["divergence"] < 1000.0


def test_weights_that_are_given_stay():
    assert scales(Stokes(), {"divergence": 2.0}) == {"along": 1.0, "across": 1.0}
    assert scales(Stokes(own=(("divergence", 2.0),))) == {"along": 1.0, "across": 1.0}
    assert scales(Stokes(), dict.fromkeys(("along", "across", "divergence"), 1.0)) == {}


@pytest.mark.parametrize(
    ("squares", "expected"),
    [
        ({"a": [4.0, 0.0], "b": [0.0, 1e-6]}, {"a": 1.0, "b": 1.0}),  # one for each unknown
        ({"a": [4.0, 1.0], "b": [0.01, 0.02]}, {"a": 1.0, "b": 50.0}),
        ({"a": [4.0, 1.0], "b": [2.0, 0.0]}, {"a": 1.0, "b": 1.0}),  # not weak
        ({"a": [1.0, 0.0], "b": [0.0, 0.0]}, {"a": 1.0, "b": 1.0}),
        ({"a": [np.nan], "b": [1.0]}, {"a": 1.0, "b": 1.0}),
    ],
)
def test_rows_and_columns_of_the_table_have_maxima_of_one(squares, expected):
    assert equilibrated({name: np.array(square) for name, square in squares.items()}) == pytest.approx(expected)
