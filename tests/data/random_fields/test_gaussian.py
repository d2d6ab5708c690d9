"""Gaussian fields: the covariance that they should have, on any grid, whoever draws them."""

import math

import numpy as np
import pytest

from spinn.data import GaussianField, LogNormal, Matern, PowerLaw, RandomField, Threshold, generator

UNIT = ((0.0, 1.0), (0.0, 1.0))
AXES = (np.linspace(0, 1, 9), np.linspace(0, 1, 7))


@pytest.mark.parametrize("boundary", ["neumann", "dirichlet", "periodic", "free"])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_sample_covariance_is_the_exact_one(boundary: str, dimension: int) -> None:
    """1500 draws: the error of a sample covariance is about sqrt(2/1500) = 4 % of the variance; 5 of those allowed."""
    field = GaussianField(PowerLaw(2.0, 3.0), boundary, modes=4)
    intervals = ((0.0, 1.0), (0.0, 2.0), (-1.0, 1.0))[:dimension]
    axes = [np.array([low + 0.1, low + 0.45 * (high - low)]) for low, high in intervals]
    draws = np.array([field.sample(generator(0, i), intervals, axes).ravel() for i in range(1500)])
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dimension)
    exact = field.covariance(intervals, points, points)
    assert np.abs(np.cov(draws.T) - exact).max() < 5 * math.sqrt(2 / 1500) * exact.max()
    assert np.abs(draws.mean(axis=0)).max() < 5 * math.sqrt(exact.max() / 1500)


@pytest.mark.parametrize(
    ("nu", "closed"), [(0.5, lambda r: np.exp(-r)), (1.5, lambda r: (1 + math.sqrt(3) * r) * np.exp(-math.sqrt(3) * r))]
)
def test_free_matern_field_has_the_matern_covariance(nu, closed) -> None:
    """In closed form (Rasmussen and Williams 2006, eq. 4.17); what 2000 modes leave out decays as modes^(-2 nu)."""
    field = GaussianField(Matern(nu, 0.1), "free", modes=2000, padding=1.0)
    points = np.linspace(0, 1, 6)[:, None]
    exact = closed(np.abs(points - points.T) / 0.1)
    assert np.allclose(field.covariance(((0.0, 1.0),), points, points), exact, atol=3e-3 if nu == 0.5 else 1e-5)


def test_free_matern_field_in_two_dimensions_has_unit_variance() -> None:
    field = GaussianField(Matern(1.5, 0.2), "free", modes=80, padding=1.5)
    points = np.array([[0.5, 0.5]])
    assert field.covariance(UNIT, points, points)[0, 0] == pytest.approx(1.0, abs=2e-3)


def test_darcy_coefficients_are_those_of_the_paper() -> None:
    """Variance of the coefficient of 2 cos(k pi x) cos(l pi y): (pi^2 (k^2 + l^2) + tau^2)^-alpha."""
    deviations = GaussianField(PowerLaw(2.0, 3.0), "neumann", modes=4).deviations(UNIT)
    assert deviations[2, 3] ** 2 == pytest.approx((math.pi**2 * 13 + 9) ** -2.0)


def test_a_sample_depends_on_seed_and_index_alone() -> None:
    field = GaussianField(modes=8)
    together = [field.sample(generator(3, i), UNIT, AXES) for i in range(5)]
    assert np.array_equal(field.sample(generator(3, 4), UNIT, AXES), together[4])
    assert not np.allclose(together[3], together[4])
    assert not np.allclose(field.sample(generator(4, 4), UNIT, AXES), together[4])
    assert not np.allclose(field.sample(generator(3, 4, "other"), UNIT, AXES), together[4])


@pytest.mark.parametrize("boundary", ["neumann", "dirichlet", "periodic", "free"])
def test_a_finer_grid_samples_the_same_function(boundary: str) -> None:
    field = GaussianField(boundary=boundary, modes=16)
    coarse = field.sample(generator(0, 1), UNIT, (np.linspace(0, 1, 9), np.linspace(0, 1, 5)))
    fine = field.sample(generator(0, 1), UNIT, (np.linspace(0, 1, 33), np.linspace(0, 1, 9)))
    assert np.allclose(fine[::4, ::2], coarse, atol=1e-13)


def test_more_modes_add_details_only() -> None:
    few, many = (GaussianField(modes=modes).coefficients(generator(0, 0), UNIT) for modes in (5, 9))
    assert np.allclose(many[:5, :5], few)


def test_boundary_conditions_hold() -> None:
    x = np.linspace(0, 1, 201)
    sine = GaussianField(boundary="dirichlet", modes=8).sample(generator(0, 0), UNIT[:1], (x,))
    assert abs(sine[0]) < 1e-13 and abs(sine[-1]) < 1e-13
    around = GaussianField(boundary="periodic", modes=9).sample(generator(0, 0), UNIT[:1], (x,))
    assert around[0] == pytest.approx(around[-1])
    cosine = GaussianField(boundary="neumann", modes=4).sample(generator(0, 0), UNIT[:1], (x,))
    assert abs(cosine[1] - cosine[0]) < 0.01 * np.ptp(cosine)


def test_mean_and_constant_mode() -> None:
    x = np.arange(32) / 32
    field = GaussianField(boundary="periodic", modes=9, mean=2.5, zero_mean=True)
    assert field.sample(generator(0, 0), UNIT[:1], (x,)).mean() == pytest.approx(2.5)


def test_transforms() -> None:
    field = GaussianField(modes=8)
    plain = field.sample(generator(0, 0), UNIT, AXES)
    two = RandomField(field, Threshold(low=3, high=12)).sample(generator(0, 0), UNIT, AXES)
    assert set(np.unique(two)) == {3.0, 12.0}
    assert np.array_equal(two == 12, plain >= 0)
    log = RandomField(field, LogNormal(median=2.0, sigma=0.5)).sample(generator(0, 0), UNIT, AXES)
    assert np.allclose(np.log(log / 2), 0.5 * plain)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: GaussianField(modes=0), "modes: expected at least 1"),
        (lambda: Matern(nu=0.0), "expected nu > 0"),
        (lambda: PowerLaw(alpha=-1.0), "expected alpha >= 0"),
        (lambda: generator(-1, 0), "expected seed >= 0"),
    ],
)
def test_mistakes_are_named(wrong, message: str) -> None:
    with pytest.raises(Exception, match=message):
        wrong()
