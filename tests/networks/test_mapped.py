"""A mapped coordinate: its series against differences, its inverse, and what polynomials in it are good for."""

import jax.numpy as jnp
import numpy as np
import pytest

from spinn.networks.bodies import Fourier, Legendre
from spinn.networks.mapped import Mapped, inverse, mapped
from spinn.networks.taylor import Taylor, integral, power, variable
from spinn.sampling.rules import gauss
from spinn.sampling.rules import periodic as equispaced

pytestmark = pytest.mark.usefixtures("x64")

PEAKS = np.array([[0.3, 0.05, 0.8], [-0.6, 0.2, 0.3]])


def coordinate(x: np.ndarray, order: int, periodic: bool) -> np.ndarray:
    """s and its derivatives: (order + 1, points)."""
    series = mapped(variable(jnp.asarray(x), order), jnp.asarray(PEAKS), periodic)
    return np.asarray(series.derivatives())[:, :, 0]


@pytest.mark.parametrize("periodic", [False, True])
def test_it_is_monotone_and_takes_the_interval_onto_itself(periodic: bool) -> None:
    s, slope = coordinate(np.linspace(-1.0, 1.0, 401), 1, periodic)
    assert s[[0, -1]] == pytest.approx([-1.0, 1.0], abs=1e-14)
    assert np.all(slope > 0.0)
    assert slope[260] > 4.0 * slope[200]  # at the layer and away from it


@pytest.mark.parametrize("periodic", [False, True])
def test_derivatives_are_those_of_the_values(periodic: bool) -> None:
    x, h = np.linspace(-0.95, 0.95, 23), 1e-4
    middle = coordinate(x, 4, periodic)
    below, above = coordinate(x - h, 4, periodic), coordinate(x + h, 4, periodic)
    for order in range(4):
        differences = (above[order] - below[order]) / (2.0 * h)
        np.testing.assert_allclose(middle[order + 1], differences, atol=1e-4 * np.max(np.abs(differences)))


def test_a_periodic_map_has_periodic_derivatives() -> None:
    ends = coordinate(np.array([-1.0, 1.0]), 4, True)[1:]
    np.testing.assert_allclose(ends[:, 0], ends[:, 1], rtol=1e-9)


@pytest.mark.parametrize("periodic", [False, True])
def test_the_inverse_and_its_slope(periodic: bool) -> None:
    s = np.linspace(-1.0, 1.0, 57)
    x, slope = inverse(s, PEAKS, periodic)
    found = coordinate(x, 1, periodic)
    np.testing.assert_allclose(found[0], s, atol=1e-13)
    np.testing.assert_allclose(slope * found[1], 1.0, rtol=1e-12)


def test_points_and_weights_follow_the_map() -> None:
    unit, weights = Mapped(Legendre(8), PEAKS).rule(*gauss(200))
    assert np.sum(weights * np.exp(unit)) == pytest.approx(np.e - 1.0, rel=1e-13)
    assert np.sum(np.abs(unit - 0.65) < 0.05) > 30  # of 200, in a tenth of the axis
    unit, weights = Mapped(Fourier(8), PEAKS).rule(*equispaced(400))
    assert np.sum(weights * np.cos(2.0 * np.pi * unit) ** 2) == pytest.approx(0.5, rel=1e-12)


def test_features_and_their_derivatives_hold_a_layer_that_polynomials_do_not() -> None:
    """tanh(x / 0.04) and its second derivative, in 90 modes."""
    width, peaks = 0.04, np.array([[0.0, 0.06, 1.0]])
    x = np.linspace(-1.0, 1.0, 1501)
    value = np.tanh(x / width)
    second = -2.0 * value * (1.0 - value**2) / width**2
    errors = []
    for body in (Legendre(90), Mapped(Legendre(90), peaks)):
        unit, weights = body.rule(*gauss(400)) if isinstance(body, Mapped) else gauss(400)
        root, nodes = np.sqrt(weights)[:, None], 2.0 * unit - 1.0
        rows = np.asarray(body(variable(jnp.asarray(nodes), 0)).coefficients[0])
        fitted = np.linalg.lstsq(root * rows, root[:, 0] * np.tanh(nodes / width), rcond=None)[0]
        table = np.asarray(body(variable(jnp.asarray(x), 2)).derivatives())
        errors.append((np.max(np.abs(table[0] @ fitted - value)), np.max(np.abs(table[2] @ fitted - second))))
    assert errors[0][0] > 1e-3
    assert errors[1][0] < 1e-10
    assert errors[1][1] < 1e-6 * np.max(np.abs(second))


def test_powers_and_integrals_of_series() -> None:
    z = variable(jnp.asarray([0.5, 2.0]), 4)
    found = power(z, -0.5).derivatives()[:, :, 0]
    x = np.array([0.5, 2.0])
    expected = [x**-0.5, -0.5 * x**-1.5, 0.75 * x**-2.5, -1.875 * x**-3.5, 6.5625 * x**-4.5]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    series = integral(Taylor(power(z, -1.0).coefficients), jnp.log(z.coefficients[0]))
    np.testing.assert_allclose(series.derivatives()[1:, :, 0], [1 / x, -1 / x**2, 2 / x**3, -6 / x**4], rtol=1e-13)


def test_curved_polynomials_are_the_straight_ones_where_the_series_is_straight() -> None:
    z = variable(jnp.linspace(-1.0, 1.0, 9), 3)
    straight, curved = (Legendre(12, True, False, curved)(z).coefficients for curved in (False, True))
    np.testing.assert_allclose(curved, straight, rtol=1e-12, atol=1e-9)
