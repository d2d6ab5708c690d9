"""What the bases promise: orthonormality, vanishing ends, exact periodicity, frequencies."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.networks.bodies import MLP, Body, Dense, Fourier, FourierMLP, Legendre, ModifiedMLP, PeriodicInput, Sine
from spinn.networks.taylor import Taylor, variable

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(3)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
ENDS = np.array([-1.0, 1.0])


def values(body: Body, points: object, order: int = 0) -> np.ndarray:
    return np.asarray(body(variable(jnp.asarray(points), order)).derivatives())


def test_legendre_polynomials_are_numpys_normalised() -> None:
    expected = np.polynomial.legendre.legvander(NODES, 6) * np.sqrt(2 * np.arange(7) + 1)
    np.testing.assert_allclose(values(Legendre(7), NODES)[0], expected, atol=1e-12)


def test_legendre_polynomials_are_orthonormal_in_the_mean() -> None:
    found = values(Legendre(9), NODES)[0]
    np.testing.assert_allclose(found.T * WEIGHTS / 2 @ found, np.eye(9), atol=1e-12)


def test_slopes_of_the_combinations_that_vanish_at_both_ends_are_orthogonal() -> None:
    slopes = values(Legendre(7, True, True), NODES, 1)[1]
    np.testing.assert_allclose(slopes.T * WEIGHTS @ slopes, np.eye(7), atol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(True, True), (True, False), (False, True), (False, False)])
def test_legendre_combinations_vanish_at_the_ends_named_and_only_there(low: bool, high: bool) -> None:
    found = np.abs(values(Legendre(6, low, high), ENDS)[0]).max(axis=1)
    np.testing.assert_array_equal(found < 1e-14, [low, high])


@pytest.mark.parametrize(("low", "high"), [(True, True), (True, False), (False, True), (False, False)])
def test_legendre_combinations_are_independent(low: bool, high: bool) -> None:
    assert np.linalg.matrix_rank(values(Legendre(8, low, high), NODES)[0]) == 8


def test_fourier_features_are_orthonormal_in_the_mean() -> None:
    found = values(Fourier(4), np.arange(20) / 10 - 1)[0]
    np.testing.assert_allclose(found.T @ found / 20, np.eye(9), atol=1e-12)


PERIODIC: dict[str, Callable[[], Body]] = {
    "fourier": lambda: Fourier(3),
    "mlp": lambda: PeriodicInput(MLP(5, 2, inputs=4, key=KEY), 2),
    "sine": lambda: PeriodicInput(Sine(5, 1, 1.0, inputs=2, key=KEY), 1),
}


@pytest.mark.parametrize("name", PERIODIC)
def test_periodic_bodies_agree_at_both_ends_in_every_derivative(name: str) -> None:
    body = PERIODIC[name]()
    low, high = np.moveaxis(values(body, ENDS, 4), 1, 0)
    np.testing.assert_allclose(low, high, rtol=1e-10, atol=1e-10)
    inside = values(body, np.array([-0.5, 0.3]), 0)[0]
    assert np.abs(inside[0] - inside[1]).max() > 1e-3  # not merely constant


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("kind", ["mlp", "modified_mlp", "sine", "fourier_mlp"])
def test_bodies_have_the_width_that_they_declare(kind: str, depth: int) -> None:
    made = {
        "mlp": lambda: MLP(5, depth, key=KEY),
        "modified_mlp": lambda: ModifiedMLP(5, depth, key=KEY),
        "sine": lambda: Sine(5, depth, 2.0, key=KEY),
        "fourier_mlp": lambda: FourierMLP(5, depth, 2.0, key=KEY),
    }[kind]()
    assert values(made, NODES[:2], 2).shape == (3, 2, made.width) == (3, 2, 5)


@pytest.mark.parametrize("kind", [MLP, ModifiedMLP])
def test_bodies_take_several_inputs(kind: type) -> None:
    body = kind(4, 2, inputs=3, key=KEY)
    assert body(Taylor(jnp.ones((1, 6, 3)))).coefficients.shape == (1, 6, 4)


def test_first_sine_layer_has_frequencies_up_to_the_one_given() -> None:
    weight = Sine(200, 2, 7.0, key=KEY).layers[0].weight
    assert 6.5 < jnp.abs(weight).max() <= 7.0


def test_later_sine_layers_keep_the_variance() -> None:
    layer = Sine(200, 2, 7.0, key=KEY).layers[1].weight
    assert jnp.std(layer) == pytest.approx(math.sqrt(2.0 / 200), rel=0.05)


def test_random_fourier_frequencies_are_not_trained() -> None:
    body = FourierMLP(4, 1, 2.0, key=KEY)
    gradient = eqx.filter_grad(lambda b: jnp.sum(b(variable(jnp.asarray(NODES[:3]), 1)).coefficients))(body)
    assert not np.any(gradient.frequencies)
    assert np.any(gradient.mlp.layers[0].weight)


def test_dense_layers_start_with_glorot_weights_and_no_bias() -> None:
    layer = Dense(100, 300, key=KEY)
    assert jnp.std(layer.weight) == pytest.approx(math.sqrt(2 / 400), rel=0.05)
    assert not np.any(layer.bias)
    assert jnp.std(Dense(100, 300, key=KEY, scale=0.5).weight) == pytest.approx(0.5, rel=0.05)
