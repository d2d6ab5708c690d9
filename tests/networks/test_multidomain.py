"""Stacked networks as one solution: each point gets the network of its cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.multidomain.objective import stacked_networks
from spinn.networks.bodies import Legendre
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import AxisFeatures, tucker_network
from spinn.pdes import Box

BOX = Box(x=(0, 2), y=(-1, 1))


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def build(box, key):
    features = {a: AxisFeatures(Legendre(3), jnp.asarray(box[a][0]), jnp.asarray(box[a][1])) for a in box}
    return tucker_network(features, ("u", "v"), {"x": None, "y": None}, 1.0, key=key)


def network(decomposition: Decomposition, coarse: bool = False) -> MultiDomainNetwork:
    stacked = stacked_networks(build, decomposition.boxes, key=jax.random.key(0))
    return MultiDomainNetwork(stacked, decomposition, build(BOX, jax.random.key(9)) if coarse else None)


CASES = [
    (Decomposition(BOX, {"x": (0.5, 1.2), "y": (0.3,)}), False),
    (Decomposition(BOX, {"y": (0.3,)}), True),
    (Decomposition.strip(BOX, "x", 0.5, 1.5), False),
]


@pytest.mark.parametrize(("decomposition", "coarse"), CASES)
def test_grids_and_points_agree_with_the_cells(decomposition: Decomposition, coarse: bool) -> None:
    whole = network(decomposition, coarse)
    axes = {"x": np.linspace(0, 2, 11), "y": np.linspace(-1, 1, 8)}
    x, y = (part.ravel() for part in np.meshgrid(axes["x"], axes["y"], indexing="ij"))
    on_grid, at_points = whole.on_grid(axes), whole.at_points({"x": jnp.asarray(x), "y": jnp.asarray(y)})
    cells = decomposition.located({"x": x, "y": y})
    for name in ("u", "v"):
        np.testing.assert_allclose(on_grid[name].ravel(), at_points[name], rtol=1e-12, atol=1e-12)
    for number in range(decomposition.count):
        mine = cells == number
        points = {"x": jnp.asarray(x[mine]), "y": jnp.asarray(y[mine])}
        expected = whole.of_cell(number).at_points(points)["u"]
        if whole.coarse is not None:
            expected = expected + whole.coarse.at_points(points)["u"]
        np.testing.assert_allclose(on_grid["u"].ravel()[mine], expected, rtol=1e-12, atol=1e-12)


def test_cells_without_points_are_no_matter() -> None:
    whole = network(CASES[0][0])
    axes = {"x": np.array([1.9, 0.1]), "y": np.array([0.9])}
    at = whole.at_points({"x": jnp.asarray(axes["x"]), "y": jnp.full(2, 0.9)})
    np.testing.assert_allclose(whole.on_grid(axes)["v"][:, 0], at["v"], rtol=1e-12)
