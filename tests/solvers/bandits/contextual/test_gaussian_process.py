"""The surrogate: its gradient against differences, its posterior against the textbook formula, what it learns."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from spinn.solvers.bandits.contextual import GaussianProcess, Hyperparameters, Plays, all_arms
from spinn.solvers.bandits.contextual.gaussian_process import (
    _default,
    _distances,
    _Layout,
    _negative_log_posterior,
    _standardised,
)


def plays(count: int, numbers: int = 2, conditions: int = 3, seed: int = 0) -> Plays:
    rng = np.random.default_rng(seed)
    contexts, arms = rng.normal(size=(count, numbers)), rng.integers(0, 2, (count, conditions)).astype(float)
    rewards = 3.0 + arms @ np.arange(1.0, conditions + 1) + np.sin(contexts[:, 0]) + 0.05 * rng.normal(size=count)
    return Plays(contexts, arms, rewards)


@settings(max_examples=10, deadline=None)
@given(st.booleans(), st.integers(0, 3), st.integers(1, 4), st.integers(0, 10**6))
def test_the_gradient_of_the_posterior(faithful: bool, numbers: int, conditions: int, seed: int) -> None:
    given_plays = plays(12, max(numbers, 1), conditions, seed)
    if numbers == 0:
        given_plays = dataclasses.replace(given_plays, contexts=np.empty((12, 0)))
    layout, distances = _Layout(numbers, conditions, faithful), _distances(given_plays)
    rewards = _standardised(given_plays, faithful)[0]
    at = layout.packed(_default(given_plays, faithful))
    at = at + 0.3 * np.random.default_rng(seed).normal(size=at.size)

    def value(x: np.ndarray) -> float:
        return _negative_log_posterior(layout, distances, rewards, x)[0]

    def slope(x: np.ndarray) -> np.ndarray:
        return _negative_log_posterior(layout, distances, rewards, x)[1]

    assert check_grad(value, slope, at) < 1e-3 * (1.0 + np.linalg.norm(slope(at)))


def test_the_posterior_is_the_textbook_formula() -> None:
    known, hyper = plays(15), Hyperparameters(0.2, 0.3, (0.1, -0.4), (-1.0, 0.2, -0.5), -1.0)
    process = GaussianProcess(known, hyper)
    contexts, arms = np.array([[0.3, -1.0], [1.2, 0.4]]), np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])

    def kernel(b: np.ndarray, a: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
        lengths, rates = np.exp(hyper.lengths), np.exp(hyper.rates)
        smooth = np.exp(-0.5 * np.sum(((b - c) / lengths) ** 2) - np.sum(rates * (a != d)))
        return float(np.exp(2 * hyper.amplitude) * smooth)

    def matrix(b: np.ndarray, a: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
        return np.array(
            [[kernel(*left, *right) for right in zip(c, d, strict=True)] for left in zip(b, a, strict=True)]
        )

    noisy = matrix(known.contexts, known.arms, known.contexts, known.arms) + np.exp(2 * hyper.noise) * np.eye(15)
    cross = matrix(known.contexts, known.arms, contexts, arms)
    rewards, centre, scale = _standardised(known, False)
    mean = centre + scale * (hyper.mean + cross.T @ np.linalg.solve(noisy, rewards - hyper.mean))
    covariance = scale**2 * (matrix(contexts, arms, contexts, arms) - cross.T @ np.linalg.solve(noisy, cross))
    found = process.posterior(contexts, arms)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-6, atol=1e-8)


def test_which_entries_matter_is_learned() -> None:
    rng = np.random.default_rng(1)
    contexts, arms = rng.uniform(-1, 1, (120, 1)), rng.integers(0, 2, (120, 4)).astype(float)
    known = Plays(contexts, arms, 2.0 * arms[:, 1] + 0.01 * rng.normal(size=120))
    rates = GaussianProcess.fitted(known).hyper.rates
    assert np.argmax(rates) == 1
    assert np.all(np.delete(rates, 1) < rates[1] - 1.0)


def test_an_arm_never_played_is_predicted_from_its_neighbours() -> None:
    arms = all_arms(4)
    truth = 1.0 + arms @ np.array([0.5, -0.2, 0.1, 0.3])
    rng = np.random.default_rng(2)
    seen = rng.permutation(16)[:12]
    known = Plays(np.zeros((12, 1)), arms[seen], truth[seen])
    found = GaussianProcess.fitted(known).posterior(np.zeros((16, 1)), arms)
    unseen = np.setdiff1d(np.arange(16), seen)
    assert np.max(np.abs(found.mean[unseen] - truth[unseen])) < 0.2
    deviation = np.sqrt(np.diagonal(found.covariance))
    assert np.min(deviation[unseen]) > np.max(deviation[seen])


def test_before_the_first_play_it_is_the_prior() -> None:
    process = GaussianProcess.fitted(Plays.empty(2, 3))
    found = process.posterior(np.zeros((8, 2)), all_arms(3))
    np.testing.assert_allclose(found.mean, 0.0)
    assert np.all(np.linalg.eigvalsh(found.covariance) > 0.0)


@pytest.mark.parametrize("faithful", [False, True])
def test_the_paper_ties_what_we_free(faithful: bool) -> None:
    hyper = GaussianProcess.fitted(plays(30), faithful).hyper
    assert (len(set(hyper.rates)) == 1 and len(set(hyper.lengths)) == 1) == faithful
    if faithful:  # exp(tau mean [a = a']) = exp(tau) exp(-tau / conditions sum [a != a'])
        assert np.exp(2 * hyper.amplitude) == pytest.approx(np.exp(3 * np.exp(hyper.rates[0])))


def test_plays_that_are_not_finite_or_do_not_fit() -> None:
    with pytest.raises(ValueError, match="finite"):
        Plays.empty(1, 2).noted([0.0], [1.0, 0.0], np.nan)


def test_plays_survive_json() -> None:
    known = plays(5)
    again = Plays.from_plain(known.to_plain(), 2, 3)
    np.testing.assert_array_equal(again.arms, known.arms)
    assert Plays.from_plain(Plays.empty(2, 3).to_plain(), 2, 3).contexts.shape == (0, 2)
