"""Taylor arithmetic and every axis body against towers of jax.grad in float64."""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.networks.bodies import MLP, Body, Fourier, FourierMLP, Legendre, ModifiedMLP, PeriodicInput, Sine
from spinn.networks.flax_adapter import flax_body
from spinn.networks.taylor import Taylor, cauchy, from_function, sine, sine_cosine, tanh, variable

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(7)
POINTS = np.array([-0.9, -0.2, 0.35, 0.8])
SCALE = 1.7


class Net(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        return flax.linen.Dense(3)(jnp.sin(2.0 * flax.linen.Dense(4)(x)))


BODIES: dict[str, Callable[[], Body]] = {
    "mlp": lambda: MLP(4, 2, key=KEY),
    "modified_mlp": lambda: ModifiedMLP(4, 2, key=KEY),
    "sine": lambda: Sine(4, 2, 3.0, key=KEY),
    "fourier_mlp": lambda: FourierMLP(4, 1, 2.0, key=KEY),
    "fourier": lambda: Fourier(2),
    "legendre": lambda: Legendre(5),
    "legendre, zero at both ends": lambda: Legendre(4, True, True),
    "periodic mlp": lambda: PeriodicInput(MLP(4, 1, inputs=4, key=KEY), 2),
    "flax": lambda: flax_body(Net(), key=KEY),
    "periodic flax": lambda: PeriodicInput(flax_body_of(4), 2),
}


def flax_body_of(inputs: int) -> Body:
    """A flax module of several inputs as a body."""
    from spinn.networks.bodies import ExternalBody
    from spinn.networks.flax_adapter import flax_function

    parameters, function = flax_function(Net(), inputs, key=KEY)
    return ExternalBody(parameters, function, 3)


def tower(function: Callable[[Any], Any], points: Any, order: int) -> np.ndarray:
    """Derivatives 0 ... order of a function from a number to a vector: nested jax.grad of every component.

    Beyond the second, forward over reverse: reverse over reverse grows too fast.
    """
    width = jax.eval_shape(function, jnp.zeros(())).shape[0]

    def component(basis: Any) -> Any:
        rows = [lambda s: jnp.vdot(basis, function(s))]
        for index in range(order):
            rows.append(jax.grad(rows[-1]) if index < 2 else jax.jacfwd(rows[-1]))
        return jnp.stack([jax.vmap(row)(points) for row in rows])

    return np.asarray(jax.jit(lambda: jnp.moveaxis(jax.vmap(component)(jnp.eye(width)), 0, -1))())


@pytest.mark.parametrize("name", BODIES)
def test_derivatives_of_bodies_are_those_of_jax_grad_to_order_four(name: str) -> None:
    body = BODIES[name]()

    def value(coordinate: Any) -> Any:
        return body(variable(SCALE * coordinate[None], 0, SCALE)).coefficients[0, 0]

    found = jax.jit(lambda points: body(variable(SCALE * points, 4, SCALE)).derivatives())(POINTS / SCALE)
    expected = tower(value, POINTS / SCALE, 4)
    assert found.shape == (5, len(POINTS), body.width)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


RULES: dict[str, tuple[Callable[[Taylor], Taylor], Callable[[Any], Any]]] = {
    "sine": (sine, jnp.sin),
    "cosine": (lambda z: sine_cosine(z)[1], jnp.cos),
    "tanh": (tanh, jnp.tanh),
    "any function": (functools.partial(from_function, jnp.exp), jnp.exp),
    "product": (lambda z: z * z, lambda a: a * a),
    "affine": (lambda z: z.affine(jnp.full((1, 1), 3.0), jnp.ones(1)), lambda a: 3.0 * a + 1.0),
    "sum": (lambda z: z + tanh(z) - sine(z) + 2.0, lambda a: a + jnp.tanh(a) - jnp.sin(a) + 2.0),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_hold_for_any_series(name: str) -> None:
    """z is a whole power series here, not only the scaled coordinate."""
    rule, function = RULES[name]
    coefficients = np.array([0.4, -1.3, 0.7, 0.5, -0.2])
    found = rule(Taylor(jnp.asarray(coefficients)[:, None, None])).derivatives()[:, 0, 0]
    expected = tower(lambda s: function(jnp.polyval(coefficients[::-1], s))[None], jnp.zeros(1), 4)[:, 0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


SERIES = st.lists(st.floats(-3, 3), min_size=4, max_size=4)


@settings(max_examples=15, deadline=None)
@given(SERIES, SERIES)
def test_cauchy_product_is_the_truncated_product_of_polynomials(a: list[float], b: list[float]) -> None:
    found = cauchy(jnp.asarray(a)[:, None, None], jnp.asarray(b)[:, None, None])[:, 0, 0]
    np.testing.assert_allclose(
        found, np.polynomial.polynomial.polymul(a, b)[:4] if any(a) and any(b) else 0, atol=1e-12
    )


@settings(max_examples=10, deadline=None)
@given(SERIES)
def test_sine_and_cosine_squared_sum_to_one_in_every_order(coefficients: list[float]) -> None:
    sines, cosines = sine_cosine(Taylor(jnp.asarray(coefficients)[:, None, None]))
    one = (sines * sines).coefficients + (cosines * cosines).coefficients
    np.testing.assert_allclose(one[:, 0, 0], [1, 0, 0, 0], atol=1e-11)


@pytest.mark.parametrize("order", range(5))
def test_the_variable_has_slope_scale_and_nothing_beyond(order: int) -> None:
    z = variable(jnp.asarray(POINTS), order, SCALE)
    expected = [POINTS, np.full(4, SCALE), *[np.zeros(4)] * 3][: order + 1]
    assert z.order == order
    np.testing.assert_array_equal(z.coefficients[:, :, 0], expected)


def test_derivatives_are_coefficients_times_factorials() -> None:
    z = Taylor(jnp.ones((5, 2, 3)))
    np.testing.assert_array_equal(z.derivatives()[:, 1, 2], [math.factorial(m) for m in range(5)])


def test_a_number_is_added_to_the_value_only_and_scales_every_order() -> None:
    z = Taylor(jnp.ones((3, 1, 1)))
    np.testing.assert_array_equal((z + 2.0).coefficients.ravel(), [3, 1, 1])
    np.testing.assert_array_equal((2.0 * z).coefficients.ravel(), [2, 2, 2])
