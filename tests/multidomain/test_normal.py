"""J^T J of decomposed problems against the dense one, and what its factor makes of their columns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from spinn.errors import SpinnError
from spinn.multidomain.condensation import CondensedRoot, normal_root, seen_unknowns, split_of
from spinn.multidomain.interfaces import normal_order
from spinn.multidomain.normal import Chain, ChainRoot, Layout, chain_of, rows_of_cells
from spinn.multidomain.objective import CellSampler, MultiDomainObjective, stacked_networks
from spinn.networks.bodies import Legendre
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import AxisFeatures, tucker_network
from spinn.objective import SeparableObjective
from spinn.pdes import PDE, Box, Dirichlet, sin
from spinn.sampling.separable import AxisSampler

NAMES = ("solution", "flux", "residual")


class Wave(PDE):
    """u u_x + u_yy = 0: its derivative depends on where it is taken."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 2), y=(-1, 1))

    def residual(self, u, x, y):
        return u * u.d("x") + u.d("yy")

    def conditions(self):
        return [Dirichlet("u", value=lambda x, y: sin(x + y))]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def posed(decomposition: Decomposition, names=NAMES, modes=(3, 4)):
    """The blocks as a function of the cores, the objective, and the rest."""
    objective = MultiDomainObjective(decomposition, names, SeparableObjective(Wave()))

    def build(box, key):
        ends = {a: (jnp.asarray(box[a][0]), jnp.asarray(box[a][1])) for a in box}
        features = {
            "x": AxisFeatures(Legendre(modes[0]), *ends["x"]),
            "y": AxisFeatures(Legendre(modes[1]), *ends["y"]),
        }
        return tucker_network(features, ("u",), {"x": None, "y": None}, 1.0, key=key)

    network = MultiDomainNetwork(stacked_networks(build, decomposition.boxes, key=jax.random.key(1)), decomposition)
    rng = np.random.default_rng(0)
    weights = {a: rng.uniform(0.5, 2.0, (len(decomposition.interfaces(a)), len(names))) for a in decomposition.cut_axes}
    batch = CellSampler(AxisSampler({"x": modes[0] + 2, "y": modes[1] + 2}), decomposition, weights).draw(
        Wave().domain, key=jax.random.key(0)
    )

    def with_core(core):
        return eqx.tree_at(lambda n: n.stacked.core, network, core)

    return objective, network, batch, lambda core: objective.blocks(with_core(core), batch)


DECOMPOSITIONS = {
    "grid": Decomposition(Wave().domain, {"x": (0.4, 1.0, 1.3), "y": (0.2,)}),
    "column": Decomposition(Wave().domain, {"y": (-0.5, 0.2)}),
    "strip": Decomposition.strip(Wave().domain, "x", 0.8, 1.1),
}


@pytest.mark.parametrize("name", ["grid", pytest.param("column", marks=pytest.mark.slow), "strip"])
def test_the_chain_is_the_dense_matrix_in_another_order(name: str) -> None:
    objective, network, batch, blocks = posed(DECOMPOSITIONS[name])
    core = network.stacked.core

    def flat(x):
        return ravel_pytree(blocks(x.reshape(core.shape)))[0]

    jacobian = np.asarray(jax.jit(jax.jacfwd(flat))(core.reshape(-1)))
    layout = Layout.of(objective.decomposition, core[0].size)
    chain = eqx.filter_jit(
        lambda n, b: chain_of(objective, *rows_of_cells(objective, n, b, {}), b.weights, {}, layout)
    )(network, batch)
    size = chain.diagonal.shape[1]
    whole = np.zeros((layout.slabs * size,) * 2)
    for k, block in enumerate(np.asarray(chain.diagonal)):
        whole[k * size : (k + 1) * size, k * size : (k + 1) * size] = block
    for k, block in enumerate(np.asarray(chain.following)):
        whole[k * size : (k + 1) * size, (k + 1) * size : (k + 2) * size] = block
        whole[(k + 1) * size : (k + 2) * size, k * size : (k + 1) * size] = block.T
    mine = whole[np.ix_(layout.places, layout.places)]
    np.testing.assert_allclose(mine, jacobian.T @ jacobian, atol=1e-10 * np.max(mine))


@pytest.mark.parametrize(
    ("name", "conditions", "modes", "condensed"),
    [
        ("grid", NAMES, (3, 4), False),
        ("grid", ("solution", "normal_gradient"), (6, 7), True),
        ("column", ("average", "residual"), (3, 8), True),
        pytest.param("strip", NAMES, (3, 4), False, marks=pytest.mark.slow),
    ],
)
def test_the_factor_makes_columns_orthonormal(name: str, conditions, modes, condensed: bool) -> None:
    objective, network, batch, blocks = posed(DECOMPOSITIONS[name], conditions, modes)
    core = network.stacked.core
    root = eqx.filter_jit(lambda n, b: normal_root(objective, n, b, {}))(network, batch)
    assert isinstance(root, CondensedRoot if condensed else ChainRoot)
    rng = np.random.default_rng(1)
    push = jax.jit(lambda c, d: ravel_pytree(jax.jvp(blocks, (c,), (d,))[1])[0])
    x, y = (jnp.asarray(rng.normal(size=core.size)) for _ in range(2))
    images = [push(core, root.apply(z).reshape(core.shape)) for z in (x, y)]
    np.testing.assert_allclose(images[0] @ images[1], x @ y, atol=1e-6 * np.linalg.norm(x) * np.linalg.norm(y))
    np.testing.assert_allclose(images[0] @ images[0], x @ x, rtol=1e-6)
    np.testing.assert_allclose(root.transpose(x) @ y, x @ root.apply(y), rtol=1e-9)


def test_a_chain_of_one_slab_and_of_many_give_the_same() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(9, 3)) for _ in range(4)]
    following = [0.1 * rng.normal(size=(3, 3)) for _ in range(3)]
    whole = np.zeros((12, 12))
    for k, part in enumerate(parts):
        whole[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = part.T @ part
    for k, part in enumerate(following):
        whole[3 * k : 3 * k + 3, 3 * k + 3 : 3 * k + 6] = part
        whole[3 * k + 3 : 3 * k + 6, 3 * k : 3 * k + 3] = part.T
    places = jnp.arange(12)
    many = ChainRoot.of(Chain(jnp.stack([p.T @ p for p in parts]), jnp.stack(following)), places)
    one = ChainRoot.of(Chain(jnp.asarray(whole)[None], jnp.zeros((0, 12, 12))), places)
    x = jnp.asarray(rng.normal(size=12))
    for root in (many, one):
        np.testing.assert_allclose(whole @ root.apply(root.transpose(x)), x, rtol=1e-9, atol=1e-9)


def test_too_many_unknowns_in_a_slab_are_refused_with_a_remedy() -> None:
    with pytest.raises(SpinnError, match=r"3 subdomains beside each other have 30000 unknowns.*fewer network\.modes"):
        Layout.of(Decomposition.uniform(Wave().domain, {"x": 3, "y": 3}), 10_000)


def test_unknowns_that_interfaces_see_are_counted_alike() -> None:
    for shape, traces in (((2, 5, 7), [4, 0]), ((1, 6, 6, 5), [4, 2, 6]), ((1, 3), [0])):
        split = split_of(shape, traces)
        assert split.outer.size == seen_unknowns(shape, traces)
        assert sorted([*split.inner, *split.outer]) == list(range(int(np.prod(shape))))
    assert split_of((1, 6, 6), [4, 4]).inner.size == 4
    assert split_of((1, 6, 6), [4, 6]).inner.size == 0


def test_conditions_say_how_many_derivatives_they_take() -> None:
    assert normal_order(Wave(), ("solution", "tangential_gradient", "average"), "y") == 0
    assert normal_order(Wave(), ("flux",), "y") == 1
    assert normal_order(Wave(), ("residual",), "x") == 1
    assert normal_order(Wave(), ("solution", "residual_gradient"), "y") == 3
