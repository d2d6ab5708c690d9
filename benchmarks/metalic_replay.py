"""Bandits replayed on a table of a family, and how much of its variance is due to what. Nothing is trained here."""

import functools
from typing import Any, NamedTuple

import numpy as np
from metalic_table import CONDITIONS, Table

from spinn.solvers.bandits import SuccessiveHalving
from spinn.solvers.bandits.contextual import GaussianBandit, LinearThompson

CPINN, XPINN = ("solution", "flux"), ("solution", "residual_continuity")
BATCH = 8
BOOTSTRAPS = 2000


class Setting(NamedTuple):
    """A table in digits: rewards (contexts, arms, seeds), contexts standardised, how many of them are for training."""

    rewards: np.ndarray
    contexts: np.ndarray
    arms: np.ndarray
    training: int


class Variance(NamedTuple):
    """Of the reward between seeds, between arms, and between arms by context, in digits^2, unbiased."""

    seed: float
    arm: float
    interaction: float


def setting_of(table: Table, ranges: Any, training: int) -> Setting:
    low, high = np.array(list(ranges.values())).T
    seen = (table.contexts - 0.5 * (low + high)) * (np.sqrt(12.0) / (high - low))
    return Setting(-np.log10(np.maximum(table.errors, 1e-16)), seen, table.arms, training)


def variance_of(rewards: np.ndarray) -> Variance:
    """Two-way analysis with replication: contexts x arms, seeds within."""
    contexts, arms, seeds = rewards.shape
    cells = rewards.mean(2)
    within = float(rewards.var(2, ddof=1).mean())
    inner = cells - cells.mean(1, keepdims=True) - cells.mean(0, keepdims=True) + cells.mean()
    between = float((inner**2).sum() / ((contexts - 1) * (arms - 1)))
    main = float(cells.mean(0).var(ddof=1)) - between / contexts
    return Variance(within, max(main, 0.0), max(between - within / seeds, 0.0))


def oracle_gap(at: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Rewards (held-out contexts,) of the best fixed arm of the training contexts, and of the best arm of each context.

    The best arm is chosen by all seeds but one and judged by that one, in turn: the largest of noisy means is too
    good by itself (the winner's curse).
    """
    fixed = int(np.argmax(at.rewards[: at.training].mean((0, 2))))
    held, seeds = at.rewards[at.training :], at.rewards.shape[2]
    found = []
    for left in range(seeds):
        others = np.delete(held, left, 2).mean(2)
        found.append(held[np.arange(len(held)), np.argmax(others, 1), left])
    return held[:, fixed].mean(1), np.mean(found, 0)


def arm_named(names: tuple[str, ...], arms: np.ndarray) -> int:
    wanted = np.array([float(name in names) for name in CONDITIONS])
    return int(np.flatnonzero((arms == wanted).all(1))[0])


def played(at: Setting, bandit: Any, plays: tuple[int, ...], seed: int) -> list[np.ndarray]:
    """Arms (held-out contexts,) that a bandit would take after each number of plays."""
    rng = np.random.default_rng([seed, 77])
    state, found, count = bandit.start(at.contexts.shape[1]), [], 0
    while count < plays[-1]:
        rows = rng.integers(at.training, size=BATCH if hasattr(bandit, "batched") else 1)
        chosen = [bandit.choose(state, at.contexts[row]) for row in rows]
        for row, arm in zip(rows, chosen, strict=True):
            reward = at.rewards[row, arm, rng.integers(at.rewards.shape[2])]
            state = bandit.learn(state, at.contexts[row], arm, float(reward))
            count += 1
            if count in plays:
                held = at.contexts[at.training :]
                found.append(np.array([bandit.best(state, context) for context in held]))
    return found


class Halving(NamedTuple):
    """Successive halving in the words of the others; it sees no context."""

    inner: SuccessiveHalving

    def start(self, numbers: int) -> Any:
        return self.inner.start()

    def choose(self, state: Any, context: Any) -> int:
        return self.inner.choose(state)

    def learn(self, state: Any, context: Any, arm: int, reward: float) -> Any:
        return self.inner.learn(state, arm, -reward)

    def best(self, state: Any, context: Any) -> int:
        alive = np.array(state.alive)
        return int(alive[np.argmin(state.ledger.means()[alive])])


class Explore(NamedTuple):
    """Random plays only, then the arm of the largest mean."""

    inner: Halving
    seed: int

    def start(self, numbers: int) -> Any:
        return self.inner.start(numbers).ledger

    def choose(self, state: Any, context: Any) -> int:
        return int(np.random.default_rng([self.seed, state.rounds]).integers(len(state.plays)))

    def learn(self, state: Any, context: Any, arm: int, reward: float) -> Any:
        return state.noted(arm, -reward)

    def best(self, state: Any, context: Any) -> int:
        return int(np.argmin(state.means()))


class Batched(NamedTuple):
    """A Gaussian bandit that plays several at once, which do not know of each other."""

    inner: GaussianBandit
    batched: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def bandits(arms: np.ndarray, seed: int) -> dict[str, Any]:
    plain = functools.partial(GaussianBandit, arms, seed=seed)
    halving = Halving(SuccessiveHalving(tuple(range(len(arms))), 2, paired=False))
    return {
        "ours, joint Thompson": plain("thompson", refit=8),
        "ours, UCB": plain("ucb", refit=8),
        "ours, Thompson, batches of 8": Batched(plain("thompson", refit=8)),
        "METALIC-single, UCB": plain("ucb", refit=8, faithful=True),
        "METALIC-single, Thompson": plain("thompson", refit=8, faithful=True),
        "linear Thompson": LinearThompson(arms, seed=seed),
        "successive halving": halving,
        "random, then greedy": Explore(halving, seed),
    }


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean with a 95 % interval, by bootstrap over the first axis."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(BOOTSTRAPS, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
