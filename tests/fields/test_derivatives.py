"""Every derivative path of separable fields against jax.grad towers of the network at points, in float64."""

import functools
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.fields import Grid
from spinn.networks.bodies import MLP, Fourier, Legendre, Sine
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network, tucker_network

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

AXES = "txyz"
POINTS = {"t": [0.2, 1.1], "x": [-0.7, 0.1, 0.9], "y": [0.3, 0.5], "z": [-1.4, 0.8]}
WORDS = {
    1: ["t", "tt", "ttt"],
    2: ["x", "tt", "tx", "xx", "ttx", "txx", "xxx"],
    3: ["y", "tx", "xy", "yy", "txy", "xxy", "yyy"],
    4: ["z", "tz", "yz", "xyz", "tzz"],
}
CASES = [(head, d, word) for head, d in itertools.product(["cp", "tucker"], WORDS) for word in WORDS[d]]


def network(head: str, d: int) -> SeparableNetwork:
    """A different kind of body on every axis, an envelope on one, and two unknowns."""
    keys = jax.random.split(jax.random.key(d), 6)
    bodies = [MLP(3, 1, key=keys[0]), Legendre(4), Sine(3, 1, 2.0, key=keys[1]), Fourier(1)]
    ends = (jnp.asarray(-1.5), jnp.asarray(1.5))
    features = {
        axis: AxisFeatures(body, *ends, vanish_low=axis == "y", vanish_high=axis == "y")
        for axis, body in zip(AXES[:d], bodies, strict=False)
    }
    if head == "cp":
        return cp_network(features, ("u", "v"), 3, key=keys[2])
    ranks = {axis: None if axis == "x" else 2 for axis in features}
    return tucker_network(features, ("u", "v"), ranks, 1.0, key=keys[3])


def grid(d: int) -> Grid:
    points = {axis: jnp.asarray(POINTS[axis]) for axis in AXES[:d]}
    return Grid(tuple(points), points, {axis: jnp.full(len(p), 1.0 / len(p)) for axis, p in points.items()})


@functools.cache
def fields(head: str, d: int) -> dict[str, Any]:
    made = network(head, d)
    return made.fields(grid(d), made.tables(grid(d).points, dict.fromkeys(AXES[:d], 3)))


@functools.cache
def towers(head: str, d: int) -> dict[str, np.ndarray]:
    """All derivatives of the network at the flattened grid: (points, unknowns) by word."""
    made = network(head, d)
    mesh = jnp.meshgrid(*grid(d).points.values(), indexing="ij")

    def derivatives(chosen: Any) -> dict[str, Any]:
        def scalar(*coordinates: Any) -> Any:
            values = made.at_points({axis: c[None] for axis, c in zip(AXES, coordinates, strict=False)})
            return jnp.vdot(chosen, jnp.stack([values["u"][0], values["v"][0]]))

        known = {"": scalar}
        for word in [full[:length] for full in WORDS[d] for length in range(1, len(full) + 1)]:
            if word not in known:
                known[word] = jax.grad(known[word[:-1]], argnums=AXES.index(word[-1]))
        return {word: jax.vmap(known[word])(*(part.ravel() for part in mesh)) for word in WORDS[d]}

    every = jax.jit(lambda: jax.vmap(derivatives, out_axes=1)(jnp.eye(2)))
    return jax.tree.map(np.asarray, every())


@pytest.mark.parametrize(("head", "d", "word"), CASES)
def test_derivatives_are_those_of_jax_grad(head: str, d: int, word: str) -> None:
    expected = towers(head, d)[word]
    assert np.abs(expected).max() > 1e-3
    for index, name in enumerate("uv"):
        found = fields(head, d)[name].d(word).value
        assert found.shape == grid(d).shape
        np.testing.assert_allclose(found.ravel(), expected[:, index], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize("shuffled", [*itertools.permutations("txy")])
def test_order_of_differentiation_does_not_matter(head: str, shuffled: tuple[str, ...]) -> None:
    u = fields(head, 3)["u"]
    nested = functools.reduce(lambda field, axis: field.d(axis), shuffled, u)
    np.testing.assert_allclose(nested.value, u.d("txy").value, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_orders_that_were_not_prepared_are_refused(head: str) -> None:
    with pytest.raises(ValueError, match="derivative of order 4 asked for, .* prepared up to order 3"):
        fields(head, 2)["u"].d("xx", "xx").value


@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_parameters_are_differentiated_through_the_contraction(head: str) -> None:
    """The gradient of a residual's mean square against central differences of it."""
    made, here = network(head, 2), grid(2)

    @eqx.filter_jit
    def loss(one: SeparableNetwork) -> Any:
        u, v = one.fields(here, one.tables(here.points, {"t": 2, "x": 2})).values()
        return jnp.mean((u.d("tt") - u.d("xx") * v + u.d("tx") ** 2).value ** 2)

    gradient = eqx.filter_jit(eqx.filter_grad(loss))(made)

    def bias(one: Any) -> Any:
        return one.features[0].body.layers[0].bias

    step = jnp.zeros(3).at[1].set(1e-5)
    up, down = (eqx.tree_at(bias, made, bias(made) + sign * step) for sign in (1, -1))
    assert float(bias(gradient)[1]) == pytest.approx(float(loss(up) - loss(down)) / 2e-5, rel=1e-6)
