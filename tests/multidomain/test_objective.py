"""Blocks of stacked subdomains: zero for what solves the problem, and seeing what does not, condition by condition."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.multidomain.interfaces import CONDITIONS
from spinn.multidomain.objective import CellBatch, MultiDomainObjective, stacked_batch
from spinn.networks.bodies import Legendre
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import AxisFeatures, SeparableNetwork, tucker_network
from spinn.objective import SeparableObjective
from spinn.pdes import PDE, Box, Dirichlet
from spinn.sampling.separable import AxisSampler
from spinn.spectrum import transferred

NAMES = tuple(CONDITIONS)


class Cubic(PDE):
    """u u_x + u_yy = f with the solution u = x^3 + x y^2 + 1."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 2), y=(-1, 1))

    def residual(self, u, x, y):
        return u * u.d("x") + u.d("yy") - (x**3 + x * y**2 + 1.0) * (x**2 * 3.0 + y**2) - x * 2.0

    def conditions(self):
        return [Dirichlet("u", value=self.exact)]

    def exact(self, x, y):
        return x**3 + x * y**2 + 1.0

    def flux(self, axis, u, x, y):
        return u * u / 2 if axis == "x" else u.d("y")


DECOMPOSITION = Decomposition(Cubic().domain, {"x": (0.5, 1.2), "y": (0.3,)})
OBJECTIVE = MultiDomainObjective(DECOMPOSITION, NAMES, SeparableObjective(Cubic()))


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def cell_network(box: Box, degree: int) -> SeparableNetwork:
    features = {a: AxisFeatures(Legendre(degree), jnp.asarray(box[a][0]), jnp.asarray(box[a][1])) for a in box}
    return tucker_network(features, ("u",), {"x": None, "y": None}, 1.0, key=jax.random.key(3))


def exact_network(box: Box) -> SeparableNetwork:
    """The exact solution in the basis of a cell, by interpolation."""
    network = cell_network(box, 5)
    points = {a: np.linspace(*box[a], 9) for a in box}
    tables = network.tables({a: jnp.asarray(p) for a, p in points.items()}, {"x": 0, "y": 0})
    left, right = (np.linalg.pinv(np.asarray(tables[a][0, :, 0])) for a in ("x", "y"))
    x, y = np.meshgrid(points["x"], points["y"], indexing="ij")
    core = left @ (x**3 + x * y**2 + 1.0) @ right.T
    return eqx.tree_at(lambda n: n.core, network, jnp.asarray(core)[None])


def stacked(networks: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *networks)


def everything(networks: Any) -> dict[str, Any]:
    batch = stacked_batch(AxisSampler({"x": 6, "y": 7}), DECOMPOSITION.cells, key=jax.random.key(0))
    weights = {a: jnp.ones((len(DECOMPOSITION.interfaces(a)), len(NAMES))) for a in DECOMPOSITION.cut_axes}
    return blocks_of(networks, CellBatch(batch, weights))


@eqx.filter_jit
def blocks_of(networks: Any, batch: CellBatch) -> dict[str, Any]:
    return OBJECTIVE.blocks(MultiDomainNetwork(networks, DECOMPOSITION), batch)


def test_the_exact_solution_has_no_block_left() -> None:
    blocks = everything(stacked([exact_network(cell) for cell in DECOMPOSITION.cells]))
    assert {name.split("_")[0] for name in blocks} == {"residual", "dirichlet", "interface"}
    for name, block in blocks.items():
        assert np.max(np.abs(block)) < 1e-9, name


def test_every_condition_sees_a_cell_that_is_off() -> None:
    networks = stacked([exact_network(cell) for cell in DECOMPOSITION.cells])
    bent = eqx.tree_at(lambda n: n.core, networks, networks.core.at[2].add(0.1))
    blocks = everything(bent)
    low, high = DECOMPOSITION.interfaces("x").T
    touched = (low == 2) | (high == 2)
    for condition in NAMES:
        mine = [b for name, b in blocks.items() if name.startswith(f"interface_{condition}_") and name.endswith("_x")]
        found = sum(np.sum(np.asarray(block) ** 2, tuple(range(1, block.ndim))) for block in mine)
        assert np.all(found[touched] > 1e-6) and np.all(found[~touched] < 1e-16), condition


def test_a_weight_of_zero_leaves_a_condition_out() -> None:
    networks = stacked([cell_network(cell, 5) for cell in DECOMPOSITION.cells])
    batch = stacked_batch(AxisSampler({"x": 6, "y": 7}), DECOMPOSITION.cells, key=jax.random.key(0))
    arm = np.array([name in ("average", "flux") for name in NAMES], float)
    weights = {a: jnp.tile(4.0 * arm, (len(DECOMPOSITION.interfaces(a)), 1)) for a in DECOMPOSITION.cut_axes}
    some, all_of_them = blocks_of(networks, CellBatch(batch, weights)), everything(networks)
    for name, block in some.items():
        if name.startswith("interface"):
            kept = name.startswith(("interface_average", "interface_flux"))
            np.testing.assert_allclose(block, 2.0 * kept * all_of_them[name], atol=1e-12)


def test_the_gradient_of_the_residual_is_its_derivative() -> None:
    """Against central differences of the residual across the interface, on the low side."""
    networks = [cell_network(cell, 4) for cell in DECOMPOSITION.cells]
    batch = stacked_batch(AxisSampler({"x": 6, "y": 7}), DECOMPOSITION.cells, key=jax.random.key(0))
    found = everything(stacked(networks))["interface_residual_gradient_residual_x_x"][0, 0]
    pair = DECOMPOSITION.interfaces("x")[0]

    def residual(shift: float) -> np.ndarray:
        cut = DECOMPOSITION.cells[pair[0]]["x"][1] + shift
        points = {"x": jnp.asarray([cut]), "y": batch.points["y"][pair[0]]}
        ones = {a: jnp.ones_like(p) for a, p in points.items()}
        ends = {a: batch.ends[a][pair[0]] for a in points}
        one = type(batch)(points, ones, ends)
        return np.asarray(SeparableObjective(Cubic()).interior(networks[pair[0]], one)["residual"])

    step = 1e-5
    share = (DECOMPOSITION.ends["y"][1] - DECOMPOSITION.ends["y"][0]) / 2.0
    root = np.sqrt(share * np.asarray(batch.weights["y"][pair[0]]))
    expected = (residual(step) - residual(-step))[0] / (2 * step) * root
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-6, atol=1e-8)


def test_means_do_not_depend_on_cuts() -> None:
    """One field on all cells has the residual norm that it has on the whole box."""
    whole = cell_network(Cubic().domain, 4)
    parts = []
    for cell in DECOMPOSITION.cells:
        mine = cell_network(cell, 4)
        parts.append(eqx.tree_at(lambda n: n.core, mine, jnp.asarray(transferred(whole, mine))))
    blocks = everything(stacked(parts))
    one = SeparableObjective(Cubic()).blocks(
        whole, AxisSampler({"x": 12, "y": 12}).draw(Cubic().domain, key=jax.random.key(0))
    )
    for name in one:
        np.testing.assert_allclose(np.sum(blocks[name] ** 2), np.sum(one[name] ** 2), rtol=1e-10)
