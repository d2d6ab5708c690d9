"""Piecewise polynomials: values, derivatives, jumps, and the combinations that have none."""

import jax.numpy as jnp
import numpy as np
import pytest

from spinn.networks.elements import Elements, bisected, element_tails, jumps
from spinn.networks.orthonormal import traced_combinations
from spinn.networks.taylor import variable
from spinn.sampling.rules import broken_rule

pytestmark = pytest.mark.usefixtures("x64")

BREAKS = (-1.0, -0.2, 0.1, 1.0)
DEGREE = 4


def table(points: np.ndarray, order: int = 0) -> np.ndarray:
    """Derivatives of the features: (order + 1, points, features)."""
    return np.asarray(Elements(BREAKS, DEGREE)(variable(jnp.asarray(points), order)).derivatives())


def fitted(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(table(points)[0], values, rcond=None)[0]


def test_each_element_has_its_own_orthonormal_polynomials() -> None:
    unit, weights = broken_rule(BREAKS, 30)
    values = table(2.0 * unit - 1.0)[0]
    lengths = np.repeat(np.diff(BREAKS) / 2.0, DEGREE + 1)
    np.testing.assert_allclose(values.T @ (values * weights[:, None]), np.diag(lengths), atol=1e-13)


def test_derivatives_are_those_of_the_polynomials_they_make() -> None:
    points = np.linspace(-0.99, 0.99, 41)
    coefficients = fitted(points**4 - 2.0 * points**3, points)
    found = table(points, 3) @ coefficients
    expected = [
        points**4 - 2 * points**3,
        4 * points**3 - 6 * points**2,
        12 * points**2 - 12 * points,
        24 * points - 12,
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_smooth_functions_do_not_jump_and_kinks_do() -> None:
    points = np.linspace(-0.99, 0.99, 41)
    rows = jumps(BREAKS, DEGREE, 2, periodic=False)
    assert rows.shape == (4, 15)
    np.testing.assert_allclose(rows @ fitted(points**3, points), 0.0, atol=1e-10)
    np.testing.assert_allclose(rows @ fitted(np.abs(points + 0.2), points), [0.0, -2.0, 0.0, 0.0], atol=1e-10)


def test_periodic_axes_compare_both_ends_too() -> None:
    points = np.linspace(-0.99, 0.99, 41)
    rows = jumps(BREAKS, DEGREE, 2, periodic=True)
    np.testing.assert_allclose(rows @ fitted(points**3, points), [0, 0, 0, 0, 2.0, 0.0], atol=1e-9)


def test_combinations_are_smooth_orthonormal_and_end_as_asked() -> None:
    unit, weights = broken_rule(BREAKS, 60)
    values = table(np.concatenate([2.0 * unit - 1.0, [-1.0, 1.0]]), 2)
    broken = jumps(BREAKS, DEGREE, 2, periodic=False)
    found = traced_combinations(
        values[0, :-2], values[2, :-2], weights, values[0, -2:], broken, positions=2.0 * unit - 1.0
    )
    assert found.shape == (15, 11)
    np.testing.assert_allclose(broken @ found, 0.0, atol=1e-9)
    np.testing.assert_allclose(values[0, -2:] @ found, np.eye(2, 11, 9), atol=1e-9)
    free = values[0, :-2] @ found[:, :9]
    np.testing.assert_allclose(free.T @ (free * weights[:, None]), np.eye(9), atol=1e-9)
    x = 2.0 * unit - 1.0
    np.testing.assert_allclose(values[0, :-2] @ found[:, 9:], np.stack([(1 - x) / 2, (1 + x) / 2], 1), atol=1e-9)


def test_the_composite_rule_is_exact_on_each_element() -> None:
    unit, weights = broken_rule(BREAKS, 9)
    assert len(unit) == 9 and np.all(np.diff(unit) > 0)
    assert weights.sum() == pytest.approx(1.0)
    x = 2.0 * unit - 1.0
    assert np.sum(weights * np.abs(x - 0.1) ** 5) == pytest.approx((1.1**6 + 0.9**6) / 12.0, rel=1e-13)


def test_marked_elements_are_halved() -> None:
    assert bisected(BREAKS, np.array([True, False, True])) == (-1.0, -0.6, -0.2, 0.1, 0.55, 1.0)


def test_tails_are_told_apart_by_element() -> None:
    energy = np.arange(12.0)
    np.testing.assert_array_equal(element_tails(energy, 3), [3.0, 7.0, 11.0])
