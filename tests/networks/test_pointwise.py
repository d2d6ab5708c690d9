"""Point-wise networks: what enters the body, what vanishes, what is periodic, and flax modules in their place."""

import functools
from typing import Any

import equinox as eqx
import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.networks.bodies import MLP, FourierMLP, ModifiedMLP, Sine
from spinn.networks.pointwise import PointNetwork, encoded_inputs, from_flax, point_network
from spinn.pdes import Box, point_fields

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(2)
BOX = Box(t=(0, 2), x=(-1, 3))
POINTS = {"t": np.array([0.0, 0.4, 1.3, 2.0]), "x": np.array([-1.0, 0.2, 2.6, 3.0])}
BODIES = {
    "mlp": functools.partial(MLP, 6, 2),
    "modified_mlp": functools.partial(ModifiedMLP, 6, 2),
    "sine": functools.partial(Sine, 6, 2, 3.0),
    "fourier_mlp": functools.partial(FourierMLP, 6, 1, 2.0),
}


class Linen(flax.linen.Module):
    outputs: int = 2

    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        return flax.linen.Dense(self.outputs)(jnp.tanh(flax.linen.Dense(5)(x)))


class Nnx(flax.nnx.Module):
    def __init__(self, rngs: flax.nnx.Rngs):
        self.only = flax.nnx.Linear(2, 2, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return jnp.sin(self.only(x))


def points() -> dict[str, Any]:
    return {axis: jnp.asarray(values) for axis, values in POINTS.items()}


def scaled() -> Any:
    return jnp.stack([points()["t"] - 1.0, (points()["x"] - 1.0) / 2.0], 1)


def network(body: str = "mlp", **options: Any) -> PointNetwork:
    return point_network(BODIES[body], BOX, ("u", "v"), key=KEY, **options)


@pytest.mark.parametrize("body", BODIES)
def test_derivatives_are_those_of_jax_grad(body: str) -> None:
    made = network(body)

    def scalar(t: Any, x: Any) -> Any:
        return made(t[None], x[None])["v"][0]

    towers = {"": scalar, "t": jax.grad(scalar)}
    towers["tx"] = jax.grad(towers["t"], argnums=1)
    towers["txx"] = jax.grad(towers["tx"], argnums=1)

    @jax.jit
    def both(points: dict[str, Any]) -> Any:
        field = point_fields(made, ("u", "v"), points)["v"]
        found = {word: (field.d(word) if word else field).value for word in towers}
        return found, {word: jax.vmap(tower)(*points.values()) for word, tower in towers.items()}

    found, expected = both(points())
    for word, values in expected.items():
        np.testing.assert_allclose(found[word], values, rtol=1e-9, atol=1e-11)
        assert np.abs(values).max() > 1e-4


def test_points_by_name_and_in_order_are_the_same() -> None:
    made = network()
    backwards = dict(reversed(points().items()))
    np.testing.assert_array_equal(made.at_points(backwards)["u"], made(*points().values())["u"])


def test_the_body_sees_scaled_coordinates() -> None:
    np.testing.assert_allclose(network().scaled(jnp.stack([*points().values()], 1)), scaled())


def test_the_last_layer_is_linear_in_the_features() -> None:
    made = network()
    z = jnp.asarray(scaled())
    for layer in made.body.layers:
        z = jnp.tanh(z @ layer.weight + layer.bias)
    np.testing.assert_allclose(
        made(*points().values())["v"], z @ made.last.weight[:, 1] + made.last.bias[1], rtol=1e-12
    )


@pytest.mark.parametrize("vanish", [(True, True), (True, False), (False, True), (False, False)])
def test_the_network_vanishes_on_the_faces_named_and_only_there(vanish: tuple[bool, bool]) -> None:
    made = network(vanish={"x": vanish})
    times = jnp.array([0.1, 1.1, 1.9])
    for end, zero in zip((-1.0, 3.0), vanish, strict=True):
        for values in made(times, jnp.full(3, end)).values():
            assert np.all(np.abs(values) < 1e-14) == zero
    assert np.all(np.abs(made(times, jnp.full(3, 0.7))["u"]) > 1e-6)


def test_zero_faces_of_several_axes_multiply() -> None:
    made, plain = network(vanish={"t": (True, False), "x": (True, True)}), network()
    s, z = scaled()[:, 0], scaled()[:, 1]
    expected = plain(*points().values())["u"] * (1 + s) * (1 - z**2)
    np.testing.assert_allclose(made(*points().values())["u"], expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("harmonics", [1, 3])
def test_periodic_axes_agree_at_both_ends_in_every_derivative(harmonics: int) -> None:
    made = network(periodic={"x": harmonics})
    assert encoded_inputs(BOX, {"x": harmonics}) == 1 + 2 * harmonics
    times = jnp.array([0.1, 1.1])
    low, high = (point_fields(made, ("u", "v"), {"t": times, "x": jnp.full(2, end)})["u"] for end in (-1.0, 3.0))
    for word in ("x", "xx", "txx"):
        np.testing.assert_allclose(low.d(word).value, high.d(word).value, rtol=1e-9, atol=1e-9)
        assert np.all(np.abs(low.d(word).value) > 1e-8)


def test_the_box_is_not_trained() -> None:
    slopes = eqx.filter_grad(lambda n: jnp.sum(n.at_points(points())["u"]))(network())
    assert not np.any(slopes.low) and not np.any(slopes.high)
    assert np.any(slopes.last.weight) and np.any(slopes.body.layers[0].weight)


def test_linen_module_serves_as_network() -> None:
    made = from_flax(Linen(), BOX, ("u", "v"), key=KEY)
    expected = Linen().apply(Linen().init(KEY, jnp.zeros((1, 2))), scaled())
    for index, values in enumerate(made(*points().values()).values()):
        np.testing.assert_allclose(values, expected[:, index], rtol=1e-13)


def test_nnx_module_serves_as_network_under_an_envelope() -> None:
    module = Nnx(flax.nnx.Rngs(1))
    made = from_flax(module, BOX, ("u", "v"), vanish={"t": (True, False)}, key=KEY)
    expected = module(scaled())[:, 1] * (1 + scaled()[:, 0])
    np.testing.assert_allclose(made(*points().values())["v"], expected, rtol=1e-13, atol=1e-15)


def test_a_flax_module_with_the_wrong_number_of_outputs_is_refused() -> None:
    with pytest.raises(SpinnError, match=r"must map \(points, 2\) to \(points, 2\); Linen maps \(2, 2\) to \(2, 3\)"):
        from_flax(Linen(3), BOX, ("u", "v"), key=KEY)


@pytest.mark.parametrize("options", [{"periodic": {"z": 1}}, {"vanish": {"z": (True, True)}}])
def test_an_unknown_axis_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpinnError, match="no axis z; its axes are t, x"):
        network(**options)
