"""Bandits over 0/1 arms: they find the best arm of a context, the same state gives the same choice, and bad input."""

from typing import Any

import numpy as np
import pytest

from spinn.solvers.bandits.contextual import GaussianBandit, LinearThompson, TwoStage, all_arms

ARMS = all_arms(4)


def reward(context: float, arm: np.ndarray) -> float:
    """Entry 0 always helps, entry 1 by the sign of the context, entries 2 and 3 only together."""
    return float(arm[0] + context * arm[1] + 0.7 * (2 * arm[2] * arm[3] - arm[2] - arm[3]))


def gap(bandit: Any, state: Any) -> float:
    """Mean over contexts of what the bandit's best arm earns less than the best one."""
    lost = []
    for context in np.linspace(-1, 1, 9):
        earned = [reward(context, arm) for arm in ARMS]
        lost.append(max(earned) - earned[bandit.best(state, np.array([context]))])
    return float(np.mean(lost))


def played(bandit: Any, rounds: int, noise: float = 0.05) -> Any:
    rng, state = np.random.default_rng(3), bandit.start(1)
    for context in rng.uniform(-1, 1, rounds):
        arm = bandit.choose(state, np.array([context]))
        earned = reward(context, ARMS[arm]) + noise * rng.normal()
        state = bandit.learn(state, np.array([context]), arm, earned)
    return state


@pytest.mark.parametrize(
    "bandit",
    [
        GaussianBandit(ARMS),
        GaussianBandit(ARMS, rule="ucb"),
        GaussianBandit(ARMS, refit=5),
        GaussianBandit(ARMS, rule="ucb", faithful=True),
        LinearThompson(ARMS),
    ],
    ids=["thompson", "ucb", "rare fits", "faithful", "linear"],
)
def test_it_learns_which_arm_suits_a_context(bandit: Any) -> None:
    state = played(bandit, 60)
    assert gap(bandit, state) < 0.1
    fixed = max(float(np.mean([reward(c, arm) for c in np.linspace(-1, 1, 9)])) for arm in ARMS)
    oracle = float(np.mean([max(reward(c, arm) for arm in ARMS) for c in np.linspace(-1, 1, 9)]))
    assert gap(bandit, state) < 0.5 * (oracle - fixed)  # the context is used


def test_the_same_state_gives_the_same_choice_and_seeds_differ() -> None:
    state, context = played(GaussianBandit(ARMS), 10), np.array([0.2])
    one = [GaussianBandit(ARMS, seed=seed).choose(state, context) for seed in range(12)]
    assert one == [GaussianBandit(ARMS, seed=seed).choose(state, context) for seed in range(12)]
    assert len(set(one)) > 1


def test_a_batch_spreads_its_plays() -> None:
    state = played(GaussianBandit(ARMS, rule="ucb"), 8, noise=0.3)
    contexts = np.full((6, 1), 4.0)  # far from all plays
    for rule in ("ucb", "thompson"):
        chosen = GaussianBandit(ARMS, rule=rule, exploration=3.0).choose_batch(state, contexts)
        assert chosen.shape == (6,) and len(set(chosen.tolist())) > 1, rule


def test_two_stages_pay_the_first_for_what_it_prepares() -> None:
    bandit = TwoStage(GaussianBandit(all_arms(2)))
    rng, state, arms = np.random.default_rng(0), None, all_arms(2)
    state = bandit.start(1)
    for context in rng.uniform(-1, 1, (40, 1)):
        first = bandit.choose_first(state, context)
        early = 0.5 * arms[first][0]  # entry 0 looks good early, entry 1 pays later
        second = bandit.choose_second(state, context, early)
        late = 2.0 * arms[first][1] + arms[second][0]
        state = bandit.learn(state, context, (first, second), (early, late))
    assert arms[bandit.best_first(state, np.zeros(1))][1] == 1.0
    assert arms[bandit.best_second(state, np.zeros(1), 0.5)][0] == 1.0
    targets = state.first.plays.rewards
    np.testing.assert_allclose(targets, 0.5 * (state.second.plays.contexts[:, 1] + 0.9 * state.second.plays.rewards))


@pytest.mark.parametrize("arms", [np.zeros((0, 3)), np.array([[0.0, 2.0]])])
def test_arms_that_are_none(arms: np.ndarray) -> None:
    for make in (GaussianBandit, LinearThompson):
        with pytest.raises(ValueError, match="expected arms"):
            make(arms)


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="warm_up"):
        GaussianBandit(ARMS, refit=0)
