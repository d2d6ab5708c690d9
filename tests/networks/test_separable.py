"""Separable networks: values at points and on grids agree, envelopes, initial sizes."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.fields import Grid
from spinn.networks.bodies import MLP, Fourier, Legendre, Sine
from spinn.networks.separable import (
    AxisFeatures,
    SeparableNetwork,
    cp_network,
    product_head,
    resized,
    tt_network,
    tucker_network,
)

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(11)
POINTS = {"t": np.linspace(0.0, 2.0, 3), "x": np.linspace(-1.0, 3.0, 4), "y": np.linspace(0.0, 1.0, 5)}
ENDS = {"t": (0.0, 2.0), "x": (-1.0, 3.0), "y": (0.0, 1.0)}


def features(vanish: Any = (False, False), axes: str = "txy") -> dict[str, AxisFeatures]:
    bodies = {"t": Legendre(3), "x": MLP(4, 1, key=KEY), "y": Sine(3, 1, 2.0, key=KEY)}
    ends = {axis: (jnp.asarray(low), jnp.asarray(high)) for axis, (low, high) in ENDS.items()}
    return {axis: AxisFeatures(bodies[axis], *ends[axis], *(vanish if axis == "x" else ())) for axis in axes}


def made(head: str, **options: Any) -> SeparableNetwork:
    if head == "cp":
        return cp_network(features(**options), ("u", "v"), 5, key=KEY)
    return tucker_network(features(**options), ("u", "v"), {"t": None, "x": 3, "y": 2}, key=KEY)


def grid() -> Grid:
    points = {axis: jnp.asarray(values) for axis, values in POINTS.items()}
    return Grid(tuple(POINTS), points, {axis: jnp.full(len(p), 1 / len(p)) for axis, p in points.items()})


def flat() -> dict[str, Any]:
    mesh = np.meshgrid(*POINTS.values(), indexing="ij")
    return {axis: jnp.asarray(part.ravel()) for axis, part in zip(POINTS, mesh, strict=True)}


@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_values_on_a_grid_are_those_at_its_points(head: str) -> None:
    network = made(head)
    fields = network.fields(grid(), network.tables(grid().points, dict.fromkeys("txy", 0)))
    scattered = network.at_points(flat())
    assert list(fields) == list(scattered) == ["u", "v"]
    for name in ("u", "v"):
        np.testing.assert_allclose(fields[name].value.ravel(), scattered[name], rtol=1e-12, atol=1e-14)
    assert not np.allclose(scattered["u"], scattered["v"])


def test_cp_network_is_the_papers_sum_of_products() -> None:
    network = made("cp")
    values = [one(jnp.asarray(p), 0).coefficients[0] for one, p in zip(network.features, POINTS.values(), strict=True)]
    mixed = [(v @ w + b).reshape(len(v), 2, 5) for v, w, b in zip(values, network.mixings, network.biases, strict=True)]
    expected = np.einsum("ajr,bjr,cjr->jabc", *mixed)
    np.testing.assert_allclose(network.at_points(flat())["v"], expected[1].ravel(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize(("low", "high"), [(True, True), (True, False), (False, True), (False, False)])
def test_envelopes_vanish_at_the_ends_named_and_only_there(head: str, low: bool, high: bool) -> None:
    network = made(head, vanish=(low, high))
    values = network.at_points(flat())["u"].reshape(3, 4, 5)
    zero = np.abs(values).max(axis=(0, 2)) < 1e-15
    np.testing.assert_array_equal(zero, [low, False, False, high])


@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_tables_hold_the_orders_asked_for(head: str) -> None:
    network = made(head)
    tables = network.tables({"x": jnp.zeros(6), "y": jnp.zeros(2)}, {"t": 0, "x": 2, "y": 0})
    shapes = {"cp": {"x": (3, 6, 2, 5), "y": (1, 2, 2, 5)}, "tucker": {"x": (3, 6, 1, 3), "y": (1, 2, 1, 2)}}
    assert {axis: table.shape for axis, table in tables.items()} == shapes[head]
    assert network.head == head


@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_the_interval_of_an_axis_is_not_trained(head: str) -> None:
    network = made(head)
    points = {axis: jnp.asarray(values[:3]) for axis, values in POINTS.items()}
    slopes = eqx.filter_jit(eqx.filter_grad(lambda n: jnp.sum(n.at_points(points)["u"])))(network)
    assert all(one.low == 0.0 and one.high == 0.0 for one in slopes.features)
    assert np.any(slopes.features[1].body.layers[0].weight)


@pytest.mark.parametrize("scale", [0.0, 0.1, 2.0])
def test_scale_is_the_size_of_the_initial_field(scale: float) -> None:
    ends = jnp.asarray(0.0), jnp.asarray(1.0)
    basis = {axis: AxisFeatures(Fourier(4), *ends) for axis in "xyz"}
    network = tucker_network(basis, ("u",), dict.fromkeys("xyz", None), scale, key=KEY)
    points = {axis: jax.random.uniform(key, (400,)) for axis, key in zip("xyz", jax.random.split(KEY, 3), strict=True)}
    size = jnp.sqrt(jnp.mean(eqx.filter_jit(network.at_points)(points)["u"] ** 2))
    assert size == pytest.approx(scale, rel=0.2)


def test_different_keys_give_different_networks_and_one_key_the_same() -> None:
    build = functools.partial(cp_network, features(axes="x"), ("u",), 3)
    first, again, other = build(key=KEY), build(key=KEY), build(key=jax.random.key(1))
    assert eqx.tree_equal(first, again)
    assert not eqx.tree_equal(first, other)


def test_coordinates_are_scaled_to_the_unit_interval() -> None:
    scaled = features()["x"].scaled(jnp.array([-1.0, 1.0, 3.0]), 1).coefficients[:, :, 0]
    np.testing.assert_allclose(scaled, [[-1, 0, 1], [0.5, 0.5, 0.5]])


def trained_train(ranks=(2, 3, 4)) -> SeparableNetwork:
    """A tensor train of two unknowns with random cores."""
    mixings = [jax.random.normal(KEY, (width, size)) for width, size in ((3, 2), (4, 3), (3, 2))]
    network = resized(tt_network(features(), ("u", "v"), mixings), "tt", ranks)
    assert network.cores is not None
    keys = jax.random.split(KEY, len(network.cores))
    cores = tuple(jax.random.normal(k, core.shape) for k, core in zip(keys, network.cores, strict=True))
    return eqx.tree_at(lambda n: n.cores, network, cores)


def test_tensor_train_on_the_grid_is_its_values_at_points():
    network = trained_train()
    assert (network.head, network.ranks) == ("tt", (2, 3, 4))
    fields = network.fields(grid(), network.tables(grid().points, dict.fromkeys("txy", 2)))
    values = network.at_points(flat())
    for name, field in fields.items():
        np.testing.assert_allclose(field.value.ravel(), values[name], atol=1e-12)
    bent, h = fields["u"].d("xx").value, 1e-4
    moved = [network.at_points({**flat(), "x": flat()["x"] + step})["u"] for step in (-h, 0.0, h)]
    np.testing.assert_allclose(bent.ravel(), (moved[0] - 2 * moved[1] + moved[2]) / h**2, atol=1e-4)


def test_products_of_several_unknowns_are_a_cp_head():
    train = trained_train((1, 1, 1))
    factors = [np.asarray(core[0]) for core in train.cores]
    network = product_head(train, factors)
    assert (network.head, network.ranks) == ("cp", (1,))
    for name, values in network.at_points(flat()).items():
        np.testing.assert_allclose(values, train.at_points(flat())[name], atol=1e-12)
    assert [m.shape[1] for m in resized(train, "cp", (5,)).mixings] == [10, 10, 10]
