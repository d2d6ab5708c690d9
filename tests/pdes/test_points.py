"""Fields at scattered points against towers of jax.grad in float64."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.pdes import exp, log, point_coordinates, point_field, point_fields, sin, sqrt, tanh, where

pytestmark = pytest.mark.usefixtures("x64")

POINTS = {"t": np.linspace(0.1, 1.3, 9), "x": np.linspace(-0.8, 0.9, 9), "y": np.linspace(0.7, -0.4, 9)}
WORDS = ["t", "x", "y", "tt", "xx", "yy", "tx", "xy", "yx", "ttx", "xxy", "txy", "xxx", "xxyy"]


def network(t: Any, x: Any, y: Any) -> Any:
    """A small point-wise network with fixed weights."""
    hidden = jnp.tanh(jnp.outer(t, jnp.array([0.3, -1.1])) + jnp.outer(x, jnp.array([1.7, 0.4])) + y[:, None] * 0.9)
    return jnp.sin(hidden @ jnp.array([1.3, -0.6]))


def smooth(t: Any, x: Any, y: Any) -> Any:
    return sin(2.0 * t * x) * exp(-(y**2)) + t**2 * x / (2.0 + y) - tanh(x * y)


def grad_tower(function: Callable[..., Any], word: str, points: dict[str, Any] = POINTS) -> Any:
    """Derivatives one point at a time, by nested reverse mode."""
    names = list(points)

    def scalar(*coordinates: Any) -> Any:
        return jnp.reshape(function(*(jnp.reshape(c, (1,)) for c in coordinates)), ())

    for axis in word:
        scalar = jax.grad(scalar, argnums=names.index(axis))
    return jax.vmap(scalar)(*(jnp.asarray(a) for a in points.values()))


@pytest.mark.parametrize("word", WORDS)
def test_derivatives_of_a_network(word: str) -> None:
    found = point_field(network, POINTS).d(word).value
    np.testing.assert_allclose(found, grad_tower(network, word), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("word", WORDS)
def test_derivatives_of_an_expression_of_coordinates(word: str) -> None:
    found = smooth(*point_coordinates(**POINTS).values()).d(word).value
    np.testing.assert_allclose(found, grad_tower(smooth, word), rtol=1e-9, atol=1e-10)


EXPRESSIONS = {
    "product": lambda u, x: u * u * x,
    "quotient": lambda u, x: x / (2.0 + u**2),
    "reflected quotient": lambda u, x: 1.0 / (3.0 + u) - 2.0,
    "function": lambda u, x: exp(sin(u) * 0.5) + sqrt(4.0 + x),
    "power of fields": lambda u, x: (2.0 + u) ** (x + 3.0),
    "negative": lambda u, x: -u + (+x) - (1.0 - u),
    "piecewise": lambda u, x: where(x > 0.05, u * x, u**2),
    "piecewise with numbers": lambda u, x: where(u < 0.0, 2.0, u**3),
    "logarithm": lambda u, x: log(3.0 + u * x),
    "absolute": lambda u, x: abs(u) * x,
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
@pytest.mark.parametrize("word", ["x", "tx", "xxt"])
def test_derivatives_of_expressions_of_a_network(expression: Callable[..., Any], word: str) -> None:
    field = expression(point_field(network, POINTS), point_coordinates(**POINTS)["x"])
    expected = grad_tower(lambda t, x, y: expression(network(t, x, y), x), word)
    np.testing.assert_allclose(field.d(word).value, expected, rtol=1e-8, atol=1e-9)


def test_derivatives_of_derivatives_compose() -> None:
    u = point_field(network, POINTS)
    vorticity = u.d("x") * 2.0 - u.d("y")
    expected = 2.0 * grad_tower(network, "xt") - grad_tower(network, "yt")
    np.testing.assert_allclose(vorticity.d("t").value, expected, rtol=1e-10, atol=1e-12)


def test_unknowns_share_one_function() -> None:
    calls = []

    def both(t: Any, x: Any, y: Any) -> dict[str, Any]:
        calls.append(1)
        return {"u": sin(t * x), "v": y * 2.0 * t}

    fields = point_fields(both, ("u", "v"), POINTS)
    second = fields["u"].d("xx").value
    assert len(calls) == 1
    np.testing.assert_allclose(second, -(POINTS["t"] ** 2) * np.sin(POINTS["t"] * POINTS["x"]), atol=1e-14)
    np.testing.assert_allclose(fields["u"].d("x").value, POINTS["t"] * np.cos(POINTS["t"] * POINTS["x"]), atol=1e-14)
    np.testing.assert_array_equal(fields["v"].d("x").value, 0.0)
    assert len(calls) == 1  # u_x, v_x and the values came along with u_xx


@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from("txy"), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_order_of_differentiation_does_not_matter(axes: list[str], random: Any) -> None:
    shuffled = random.sample(axes, len(axes))
    u = point_field(smooth, POINTS)
    np.testing.assert_allclose(u.d(*axes).value, u.d(*shuffled).value, rtol=1e-11, atol=1e-12)


def test_works_under_jit_and_grad() -> None:
    def loss(scale: Any, points: dict[str, Any]) -> Any:
        u = point_field(lambda t, x, y: sin(scale * t * x), points)
        return jnp.sum((u.d("t") - u * u.d("xx")).value ** 2)

    points = {name: jnp.asarray(array) for name, array in POINTS.items()}
    slope = jax.jit(jax.grad(loss))(1.5, points)
    near = (loss(1.5 + 1e-6, points) - loss(1.5 - 1e-6, points)) / 2e-6
    assert abs(slope - near) < 1e-6 * abs(near)


def test_constant_function_is_spread_over_the_points() -> None:
    u = point_field(lambda t, x, y: 3.0, POINTS)
    np.testing.assert_array_equal(u.value, np.full(9, 3.0))
    np.testing.assert_array_equal(u.d("x").value, np.zeros(9))


def test_mean_is_the_average_over_the_points() -> None:
    x = point_coordinates(**POINTS)["x"]
    mean = (x**2).mean("x")
    assert mean.value.shape == (1,)
    assert mean.value[0] == pytest.approx(np.mean(POINTS["x"] ** 2))
    np.testing.assert_allclose((x - x.mean()).value, POINTS["x"] - POINTS["x"].mean(), atol=1e-15)


def test_mean_takes_weights() -> None:
    weights = np.arange(1.0, 10.0)
    u = point_field(lambda t, x, y: t, POINTS, weights)
    assert u.mean("t").value[0] == pytest.approx(np.average(POINTS["t"], weights=weights))


def test_mean_has_no_derivative() -> None:
    with pytest.raises(ValueError, match="differentiate first"):
        point_coordinates(**POINTS)["x"].mean().d("t")


def test_array_operand_is_data() -> None:
    data = np.arange(9.0)
    u = point_coordinates(**POINTS)["x"]
    np.testing.assert_allclose((data * u + data).value, data * POINTS["x"] + data)
    np.testing.assert_allclose((u.d("x") - data).value, 1.0 - data)


@pytest.mark.parametrize("combine", [lambda u, a: u + a, lambda u, a: a * u, lambda u, a: u / (2.0 + a)])
def test_array_operand_cannot_be_differentiated(combine: Callable[..., Any]) -> None:
    field = combine(point_coordinates(**POINTS)["x"], np.arange(9.0))
    with pytest.raises(ValueError, match="function of the coordinates"):
        field.d("x")


def test_truth_values_are_constant() -> None:
    x = point_coordinates(**POINTS)["x"]
    np.testing.assert_array_equal((x > 0.0).value, POINTS["x"] > 0)
    np.testing.assert_array_equal((x > 0.0).d("x").value, 0.0)


def test_size_adds_magnitudes() -> None:
    x = point_coordinates(**POINTS)["x"]
    difference = x * 3.0 - x * 3.0
    np.testing.assert_array_equal(difference.value, 0.0)
    np.testing.assert_allclose(difference.size, 6.0 * np.abs(POINTS["x"]))


@pytest.mark.parametrize("bad", [{"t": np.ones(3), "x": np.ones(4)}, {"t": np.ones((2, 2)), "x": np.ones((2, 2))}])
def test_points_must_be_lists_of_one_length(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="one array of shape"):
        point_coordinates(**bad)


def test_weights_must_match_the_points() -> None:
    with pytest.raises(ValueError, match="weights: expected shape"):
        point_field(smooth, POINTS, np.ones(4))


def test_unknown_coordinate_is_named() -> None:
    with pytest.raises(ValueError, match="coordinates are t, x, y"):
        point_field(smooth, POINTS).d("z")
