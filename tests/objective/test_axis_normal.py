"""J^T J in all parameters against the dense Jacobian, for both heads, linear and nonlinear residuals."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from spinn.networks.bodies import PeriodicInput, Sine
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network, tucker_network
from spinn.objective import SeparableObjective, Weighting
from spinn.sampling import AxisSampler
from tests.objective.test_normal import Coupled

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


def built(bend: float, head: str) -> tuple[SeparableObjective, SeparableNetwork, Any]:
    pde = Coupled(bend=bend)
    keys = jax.random.split(jax.random.key(0), 4)
    bodies = {
        "t": Sine(4, 1, 2.0, key=keys[0]),
        "x": Sine(3, 2, 2.0, key=keys[1]),
        "y": PeriodicInput(Sine(4, 1, 1.0, inputs=4, key=keys[2]), 2),
    }
    ends = {axis: [jnp.asarray(float(end)) for end in pde.domain[axis]] for axis in bodies}
    features = {axis: AxisFeatures(body, *ends[axis], axis == "x", False) for axis, body in bodies.items()}
    if head == "cp":
        network = cp_network(features, pde.unknowns, 3, key=keys[3])
    else:
        network = tucker_network(features, pde.unknowns, {"t": 2, "x": 3, "y": 2}, 2.0, key=keys[3])
    sampler = AxisSampler({"t": 5, "x": 7, "y": 8}, "gauss", frozenset({"y"}))
    objective = SeparableObjective(pde, Weighting({"second": 5.0}), frozenset({"periodic_u_y"}))
    return objective, network, sampler.draw(pde.domain, key=jax.random.key(0))


@pytest.mark.parametrize("bend", [0.0, 0.7])
@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_structured_blocks_are_the_dense_product(head: str, bend: float) -> None:
    objective, network, batch = built(bend, head)
    mask = jax.tree.map(lambda _: False, network)
    targets = lambda n: [*(f.body for f in n.features), n.mixings, n.biases, n.core]  # noqa: E731
    wanted = jax.tree.map(eqx.is_inexact_array, targets(network))
    mask = eqx.tree_at(targets, mask, wanted, is_leaf=lambda leaf: leaf is None)
    params, frozen = eqx.partition(network, mask)
    flat, unravel = ravel_pytree(params)

    @jax.jit
    def dense(vector: Any) -> Any:
        jacobian = jax.jacfwd(lambda v: ravel_pytree(objective.blocks(eqx.combine(unravel(v), frozen), batch))[0])(
            vector
        )
        return jacobian.T @ jacobian

    found = jax.jit(lambda p: objective.whole_normal(lambda q: eqx.combine(q, frozen), p, batch))(params)
    exact = np.asarray(dense(flat))
    np.testing.assert_allclose(found, exact, atol=1e-12 * np.abs(exact).max())
