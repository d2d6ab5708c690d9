"""Bandits on costs that are made up: regret, probabilities, states that come and go as plain data."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.solvers import ChebCB, SuccessiveHalving, TsallisINF, from_plain, regret, to_plain
from spinn.solvers.bandits import ChebState, HalvingState, Ledger, TsallisState
from spinn.solvers.bandits.tsallis_inf import tsallis_weights

ARMS = tuple(np.linspace(1.0, 1.9, 8).tolist())


def costs_of(rounds: int, seed: int) -> np.ndarray:
    """Best at arm 5, with noise of half the gaps (rounds, arms)."""
    noise = np.random.default_rng(seed).uniform(-10.0, 10.0, (rounds, len(ARMS)))
    return 50.0 + 10.0 * np.abs(np.arange(len(ARMS)) - 5) + noise


def play(bandit, costs: np.ndarray, contexts: np.ndarray | None = None):
    state, chosen = bandit.start(), []
    for t, row in enumerate(costs):
        context = None if contexts is None else float(contexts[t])
        chosen.append(bandit.choose(state, context))
        state = bandit.learn(state, chosen[-1], float(row[chosen[-1]]), context)
    return state, np.array(chosen)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30), st.floats(1e-3, 4.0))
def test_weights_are_probabilities_and_fall_with_the_loss(losses: list[float], rate: float) -> None:
    weights = tsallis_weights(np.array(losses), rate)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12) and np.all(weights > 0.0)
    order = np.argsort(losses)
    assert np.all(np.diff(weights[order]) <= 1e-12)


def test_weights_are_those_of_the_formula() -> None:
    """w_i^(-1/2) = rate (L_i - x) / 2 for one x: differences of the left side are those of the losses."""
    losses = np.array([0.3, 2.0, 5.0])
    roots = tsallis_weights(losses, 0.7) ** -0.5
    np.testing.assert_allclose(np.diff(roots), 0.35 * np.diff(losses), rtol=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_tsallis_inf_has_sublinear_regret_and_finds_the_best(seed: int) -> None:
    costs = costs_of(2000, seed)
    state, chosen = play(TsallisINF(ARMS, seed=seed), costs)
    lost = regret(costs, chosen)
    uniform = regret(costs, np.random.default_rng(seed).integers(0, len(ARMS), 2000))
    assert lost[-1] < 0.15 * uniform[-1]
    assert lost[-1] - lost[1000] < 0.7 * lost[1000]
    assert np.mean(chosen[-500:] == 5) > 0.75 and state.ledger.best() == 5
    assert state.ledger.estimated_regret() == pytest.approx(lost[-1], rel=0.3)
    assert state.ledger.total == pytest.approx(costs[np.arange(2000), chosen].sum())


def test_tsallis_inf_follows_a_change() -> None:
    costs = np.concatenate([costs_of(300, 0), costs_of(1500, 1)[:, ::-1]])
    _, chosen = play(TsallisINF(ARMS), costs)
    assert np.mean(chosen[200:300] == 5) > 0.3 and np.mean(chosen[-500:] == 2) > 0.5


def test_cheb_cb_beats_every_fixed_arm_where_the_best_depends_on_the_context() -> None:
    rng = np.random.default_rng(4)
    contexts = rng.uniform(-3.0, 0.0, 2500)
    best = 3.5 + 3.0 * np.sin(contexts)
    costs = 40.0 + 8.0 * np.abs(np.arange(len(ARMS)) - best[:, None]) + rng.uniform(-2.0, 2.0, (2500, len(ARMS)))
    bandit = ChebCB(ARMS, context=(-3.0, 0.0))
    state, chosen = play(bandit, costs, contexts)
    lost = regret(costs, chosen)
    assert lost[-1] < 0.0 and lost[-1] < lost[1000]
    least = costs.min(axis=1)
    assert (costs[np.arange(2500), chosen] - least)[-500:].mean() < 4.0
    for context in (-2.8, -1.5, -0.2):
        np.testing.assert_allclose(bandit.weights(state, context).sum(), 1.0)
        assert abs(int(np.argmin(bandit.predicted(state, context))) - (3.5 + 3.0 * np.sin(context))) < 1.1


def test_cheb_cb_fits_polynomials() -> None:
    bandit = ChebCB((0, 1), context=(0.0, 2.0), degree=3, ridge=1e-9)
    state = bandit.start()
    for context in np.linspace(0.0, 2.0, 9).tolist():
        state = bandit.learn(state, 0, 3.0 - context + context**3, context)
        state = bandit.learn(state, 1, 7.0, context)
    np.testing.assert_allclose(bandit.predicted(state, 1.3), [3.0 - 1.3 + 1.3**3, 7.0], rtol=1e-6)
    np.testing.assert_allclose(bandit.predicted(state, 9.0), bandit.predicted(state, 2.0))


def test_halving_tries_fourteen_systems_of_eight_arms_and_stays() -> None:
    costs = costs_of(200, 7)
    state, chosen = play(SuccessiveHalving(ARMS, repeats=1, paired=False), costs)
    assert chosen[:8].tolist() == list(range(8)) and len(set(chosen[8:12])) == 4 and len(set(chosen[12:14])) == 2
    assert set(chosen[14:]) == {int(chosen[-1])} and abs(int(chosen[-1]) - 5) <= 1
    assert state.alive == (int(chosen[-1]),)
    _, chosen = play(SuccessiveHalving(ARMS, repeats=8), costs)
    assert chosen[-1] == 5


@pytest.mark.parametrize("seed", range(5))
def test_halving_on_the_same_systems_is_not_misled_by_hard_ones(seed: int) -> None:
    """Systems whose costs differ tenfold: paired plays find the best arm of eight within twelve of them."""
    rng = np.random.default_rng(seed)
    costs = (
        10.0 ** rng.uniform(0.0, 1.0, (20, 1))
        * (1.0 + 0.1 * np.abs(np.arange(8) - 5))
        * rng.uniform(0.99, 1.01, (20, 8))
    )
    bandit = SuccessiveHalving(ARMS)
    state, systems, solves = bandit.start(), 0, 0
    while len(state.alive) > 1:
        for _ in range(bandit.plays(state)):
            arm = bandit.choose(state)
            state = bandit.learn(state, arm, float(costs[systems, arm]))
            solves += 1
        systems += 1
    assert (systems, solves, state.alive) == (12, 56, (5,)) and bandit.plays(state) == 1


def test_halving_counts_a_play_out_of_turn_for_its_mean_only() -> None:
    bandit = SuccessiveHalving((0, 1), repeats=1)
    state = bandit.learn(bandit.start(), 1, 1.0)
    assert bandit.choose(state) == 0 and state.position == 0
    state = bandit.learn(bandit.learn(state, 0, 5.0), 1, 2.0)
    assert state.alive == (1,)


@pytest.mark.parametrize(
    ("bandit", "kind"),
    [(TsallisINF(ARMS), TsallisState), (ChebCB(ARMS, (0.0, 1.0)), ChebState), (SuccessiveHalving(ARMS), HalvingState)],
)
def test_states_survive_json_and_lead_to_the_same_choices(bandit, kind: type) -> None:
    costs, contexts = costs_of(60, 3), np.random.default_rng(0).random(60)
    halfway, _ = play(bandit, costs[:30], contexts[:30])
    restored = from_plain(kind, json.loads(json.dumps(to_plain(halfway))))
    assert restored == halfway
    for t in range(30, 60):
        arm = bandit.choose(halfway, float(contexts[t]))
        assert arm == bandit.choose(restored, float(contexts[t]))
        halfway = bandit.learn(halfway, arm, float(costs[t, arm]), float(contexts[t]))
        restored = bandit.learn(restored, arm, float(costs[t, arm]), float(contexts[t]))


def test_the_seed_sets_the_draws() -> None:
    costs = costs_of(40, 0)
    first, again, other = (play(TsallisINF(ARMS, seed=s), costs)[1].tolist() for s in (0, 0, 1))
    assert first == again != other


def test_a_given_scale_needs_no_first_plays_and_equal_costs_do_no_harm() -> None:
    state, chosen = play(TsallisINF(ARMS, scale=(0.0, 200.0)), costs_of(5, 0))
    assert state.scale == (0.0, 200.0) and len(chosen) == 5
    state, _ = play(TsallisINF(ARMS), np.ones((40, 8)))
    assert np.all(np.isfinite(state.losses))
    play(ChebCB(ARMS, (0.0, 1.0)), np.ones((20, 8)), np.linspace(0.0, 1.0, 20))


def test_regret_by_hand() -> None:
    np.testing.assert_array_equal(regret(np.array([[1.0, 2], [1, 5], [4, 2]]), np.array([1, 1, 1])), [1.0, 5.0, 3.0])
    assert Ledger.empty(3).estimated_regret() == 0.0


def test_mistakes_say_what_to_do() -> None:
    bandit = TsallisINF(ARMS)
    with pytest.raises(ValueError, match="charge a failed solve"):
        bandit.learn(bandit.start(), 0, np.inf)
    with pytest.raises(ValueError, match="from 0 to 7"):
        bandit.learn(bandit.start(), 8, 1.0)
    with pytest.raises(ValueError, match="at least one arm"):
        SuccessiveHalving(())
    with pytest.raises(ValueError, match="low < high"):
        TsallisINF(ARMS, scale=(1.0, 1.0))
    with pytest.raises(ValueError, match="use TsallisINF"):
        ChebCB(ARMS, (0.0, 1.0)).choose(ChebCB(ARMS, (0.0, 1.0)).start())
