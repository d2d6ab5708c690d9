"""Quadrature rules an axis: degrees of exactness, weights, ends."""

import itertools

import numpy as np
import pytest

from spinn.sampling.rules import axis_rule, gauss, periodic, uniform


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 21])
def test_gauss_is_exact_to_degree_2n_minus_1_and_no_further(count: int) -> None:
    points, weights = gauss(count)
    for degree in range(2 * count):
        assert weights @ points**degree == pytest.approx(1.0 / (degree + 1), rel=1e-13)
    if count < 8:  # further on the next degree is integrated to rounding
        assert abs(weights @ points ** (2 * count) * (2 * count + 1) - 1.0) > 1e-10


@pytest.mark.parametrize("count", [2, 5, 8, 17])
def test_the_periodic_rule_is_exact_below_its_number_of_waves_and_not_at_it(count: int) -> None:
    points, weights = periodic(count)
    for wave in range(1, count):
        assert abs(weights @ np.exp(2j * np.pi * wave * points)) < 1e-13
    assert abs(weights @ np.exp(2j * np.pi * count * points)) == pytest.approx(1.0)


def test_the_periodic_rule_converges_spectrally_and_the_trapezoidal_rule_does_not() -> None:
    def error(rule: tuple[np.ndarray, np.ndarray], function: object) -> float:
        points, weights = rule
        return abs(weights @ function(points) - 1.0)  # type: ignore[operator]

    def smooth(x: np.ndarray) -> np.ndarray:
        return np.sqrt(0.75) / (1.0 - 0.5 * np.cos(2 * np.pi * x))

    errors = [error(periodic(count), smooth) for count in (4, 8, 16, 32)]
    assert all(later < earlier**1.8 * 2 for earlier, later in itertools.pairwise(errors))
    assert error(uniform(33), lambda x: 2 * x**1.0) < 1e-14 < 1e-4 < error(uniform(33), lambda x: 3 * x**2)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_uniform_has_both_ends(count: int) -> None:
    points, weights = uniform(count)
    assert points[0] == 0.0 and points[-1] == 1.0
    assert weights[0] == weights[-1] == pytest.approx(0.5 / (count - 1))


@pytest.mark.parametrize("name", ["gauss", "uniform", "random"])
@pytest.mark.parametrize("is_periodic", [False, True])
@pytest.mark.parametrize("count", [2, 7])
def test_weights_sum_to_one_on_sorted_points_of_the_unit_interval(name: str, is_periodic: bool, count: int) -> None:
    points, weights = axis_rule(name, count, is_periodic)  # type: ignore[arg-type]
    assert points.shape == weights.shape == (count,)
    assert weights.sum() == pytest.approx(1.0, rel=1e-14)
    assert np.all(np.diff(points) > 0) and points[0] >= 0 and points[-1] <= 1
    if is_periodic and name != "random":
        assert points[-1] == pytest.approx(1.0 - 1.0 / count)
