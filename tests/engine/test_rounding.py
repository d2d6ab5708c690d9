"""Tucker ranks of fields, and networks and solutions rounded to them."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spinn
from spinn.assembly import build_network
from spinn.config import config_from
from spinn.evaluation import Piece
from spinn.networks.bodies import MLP
from spinn.networks.separable import AxisFeatures, tucker_network
from spinn.output.report import render_report
from spinn.pdes import PDE, Box, Dirichlet, Initial, get
from spinn.recipes import resolve
from spinn.results import tucker_ranks
from spinn.rounding import multilinear_ranks, ranked, rounded
from spinn.sampling.rules import broken_rule
from spinn.solution import MODEL

pytestmark = pytest.mark.usefixtures("x64")

BREAKS = (-1.0, 0.2, 1.0)
POINTS, WEIGHTS = broken_rule(BREAKS, 60)  # exact for polynomials on these elements too


class Mixture(PDE):
    """Two unknowns that hold different conditions:  u_t = u_xx,  v_t = u."""

    coordinates = ("t", "x")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(0, 1))

    def residual(self, u, v, t, x):
        return u.d("t") - u.d("xx"), v.d("t") - u

    def conditions(self):
        return [Initial("u"), Initial("v", value=1.0), Dirichlet("u", value=1.0)]


def field(network):
    """Values of all unknowns at Gauss points of the unit square: (unknowns, t, x)."""
    mesh = np.meshgrid(POINTS, POINTS, indexing="ij")
    points = {axis: jnp.asarray(one.reshape(-1)) for axis, one in zip("tx", mesh, strict=True)}
    values = eqx.filter_jit(lambda n, p: n.at_points(p))(network, points)
    return np.stack([np.asarray(values[name]).reshape(mesh[0].shape) for name in network.unknowns])


def norms(values):
    return np.sqrt(np.einsum("utx,t,x->u", values**2, WEIGHTS, WEIGHTS))


def with_decay(network, rate=0.3, *, key=0):
    """A core and a fixed part of random numbers that fall from mode to mode; the second unknown is small."""
    generator = np.random.default_rng(key)

    def falling(old):
        sizes = np.exp(-rate * sum(np.indices(old.shape[1:])))
        scales = np.array([1.0, 1e-3])[: old.shape[0]].reshape(-1, *[1] * (old.ndim - 1))
        return jnp.asarray(generator.standard_normal(old.shape) * sizes * scales)

    network = eqx.tree_at(lambda n: n.core, network, falling(network.core))
    return network if network.lift is None else eqx.tree_at(lambda n: n.lift, network, falling(network.lift))


def held():
    """Dual features, spaces of the unknowns' own, and elements along x."""
    plan = resolve(config_from({"pde": "heat", "network": {"modes": 9}}), Mixture())
    plan = dataclasses.replace(plan, breaks={"x": BREAKS})
    network = build_network(plan, Mixture(), Mixture().domain, {"t": 9, "x": 6}, key=jax.random.key(0))
    assert network.lift is not None and network.spaces is not None
    return with_decay(network)


def trained():
    """Axis networks under mixings with biases and an envelope: their functions are anything but orthonormal."""
    keys = jax.random.split(jax.random.key(3), 3)
    ends = (jnp.zeros(()), jnp.ones(()))
    features = {
        "t": AxisFeatures(MLP(8, 1, key=keys[0]), *ends),
        "x": AxisFeatures(MLP(8, 1, key=keys[1]), *ends, True, True),
    }
    network = tucker_network(features, ("u", "v"), {"t": 5, "x": None}, key=keys[2])
    network = eqx.tree_at(
        lambda n: n.biases, network, (jnp.arange(5.0), jnp.ones(8)), is_leaf=lambda leaf: leaf is None
    )
    return with_decay(network)


CASES = {"held": held, "trained": trained}


@pytest.mark.parametrize("case", CASES)
def test_the_error_of_rounding_is_below_the_tolerance_and_not_far(case):
    network = CASES[case]()
    values = field(network)
    sizes, last = norms(values), 0.0
    counts = []
    for tolerance in (1e-8, 1e-5, 1e-3, 1e-1):
        small = rounded(network, tolerance)
        errors = norms(field(small) - values) / sizes
        assert np.all(errors <= tolerance * (1 + 1e-6) + 1e-14)
        assert np.max(errors) >= last
        last = np.max(errors)
        counts.append(math.prod(small.core.shape))
        assert dict(zip("tx", small.core.shape[1:], strict=True)) == multilinear_ranks(network, [tolerance])[0]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    assert last > 1e-3


@pytest.mark.parametrize("case", CASES)
def test_rounding_twice_changes_nothing(case):
    once = rounded(CASES[case](), 1e-4)
    twice = rounded(once, 1e-4)
    assert twice.core.shape == once.core.shape
    np.testing.assert_allclose(field(twice), field(once), rtol=0, atol=1e-12 * np.max(np.abs(field(once))))


@pytest.mark.parametrize("case", CASES)
def test_functions_of_rounded_networks_are_orthonormal(case):
    small = rounded(CASES[case](), 1e-4)
    assert small.lift is None and small.spaces is None
    for index in range(2):
        table = np.asarray(small.axis_table(index, jnp.asarray(POINTS), 0))[0, :, 0]
        gram = table.T @ (WEIGHTS[:, None] * table)
        np.testing.assert_allclose(gram, np.eye(gram.shape[0]), atol=1e-8)


def test_ranks_are_those_of_the_field():
    """x + t and the like: ranks of sums of products, whatever the features."""
    plan = resolve(config_from({"pde": "heat", "network": {"modes": 9}}), Mixture())
    network = build_network(plan, Mixture(), Mixture().domain, {"t": 9, "x": 9}, key=jax.random.key(0))
    core = np.zeros(network.core.shape)
    core[0, 0, 0], core[0, 1, 2], core[1, 2, 1], core[0, 5, 5] = 1.0, 0.5, 1e-6, 1e-7
    network = eqx.tree_at(lambda n: (n.core, n.spaces, n.lift), network,
                          (jnp.asarray(core), (None, None), jnp.zeros_like(network.lift)))  # fmt: skip
    assert multilinear_ranks(network, (1e-9, 1e-4, 0.9)) == [{"t": 4, "x": 4}, {"t": 3, "x": 3}, {"t": 2, "x": 2}]


def test_zero_fields_have_rank_one():
    network = held()
    zero = eqx.tree_at(lambda n: (n.core, n.lift), network, replace_fn=jnp.zeros_like)
    assert multilinear_ranks(zero, [1e-10]) == [{"t": 1, "x": 1}]
    assert not np.any(field(rounded(zero, 1e-10)))


def test_other_heads_stay():
    plan = resolve(config_from({"pde": "heat", "network": {"head": "cp", "features": "mlp"}}), get("heat")())
    network = build_network(plan, get("heat")(), get("heat")().domain, {"t": 4, "x": 4}, key=jax.random.key(0))
    assert rounded(network, 0.1) is network


@pytest.fixture(scope="module")
def heat(quick, tmp_path_factory):
    """The heat equation in two windows on a fixed basis, in a folder."""
    folder = tmp_path_factory.mktemp("runs") / "heat"
    output = {"figures": False, "report": False, "vtkhdf": False, "grid": [5, 6], "estimate": False}
    return spinn.solve("heat", out=folder, windows=2, network={"modes": 16}, output=output, device="cpu")


def test_rounded_solutions_are_small_and_saved(heat, tmp_path):
    small = heat.rounded(1e-6)
    t, x = np.linspace(0, 1, 9)[:, None], np.linspace(0, 1, 21)
    difference = small(t, x) - heat(t, x)
    assert 0.0 < np.linalg.norm(difference) < 3e-6 * np.linalg.norm(heat(t, x))
    small.save(tmp_path)
    assert (tmp_path / MODEL).stat().st_size < 0.6 * (heat.folder / MODEL).stat().st_size
    (heat.folder / MODEL).rename(heat.folder / "before.npz")
    try:
        small.save(heat.folder)
        again = spinn.load(heat.folder)
    finally:
        (heat.folder / "before.npz").replace(heat.folder / MODEL)
    np.testing.assert_array_equal(again(t, x), small(t, x))
    assert small.pieces[0].network.lift is None
    with pytest.raises(ValueError, match="expected a relative tolerance with 0 <= tolerance < 1, got 1.5"):
        heat.rounded(1.5)


def test_ranks_are_in_the_summary_and_the_report(heat):
    """Two products of functions of t and x: sines with their exponentials."""
    coarse, fine, own = heat.summary["tucker_ranks"]
    assert coarse == {"tolerance": 1e-4, "ranks": [{"t": 2, "x": 2}] * 2}
    assert (fine["tolerance"], len(fine["ranks"])) == (1e-8, 2)
    assert own["tolerance"] == 1e-10
    page = render_report({"tucker_ranks": [coarse]}, "", {}, [])
    assert "<dt>Tucker ranks</dt><dd>t 2, x 2</dd>" in page


def test_ranks_of_networks_that_are_no_cores_are_not_told(heat):
    pieces = (Piece(object(), 0.0, 1.0),)
    assert tucker_ranks(dataclasses.replace(heat, pieces=pieces), 1e-3) is None
    assert tucker_ranks(dataclasses.replace(heat, pieces=()), 1e-3) is None


def test_what_loading_fills_has_the_shape_of_what_was_saved(heat):
    network = heat.pieces[0].network
    small = rounded(network, 1e-6)
    blank = ranked(network, small.core.shape[1:])
    shapes = [[leaf.shape for leaf in jax.tree.leaves(eqx.filter(one, eqx.is_array))] for one in (small, blank)]
    assert shapes[0] == shapes[1]
    assert jax.tree.structure(blank) == jax.tree.structure(small)


def test_networks_of_single_precision_stay_so():
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if eqx.is_array(leaf) else leaf, trained())
    with jax.enable_x64(False):
        small = rounded(network, 1e-3)
    assert {leaf.dtype for leaf in jax.tree.leaves(eqx.filter(small, eqx.is_array))} == {jnp.dtype("float32")}
    assert np.all(norms(field(small) - field(network)) <= 1.01e-3 * norms(field(network)))
