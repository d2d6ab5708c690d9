"""Thompson sampling on main and pair effects: a reward that is nearly additive in the entries of the arm.

Bayesian linear regression (Agrawal and Goyal 2013: Thompson sampling for contextual bandits with linear payoffs, ICML)
on 1, the context b and its squares, each entry a_k, each pair a_k a_l, and each product b_i a_k, with a prior of
its own width for each of these groups. Widths and noise maximise the evidence over a short grid of scales.
"""

import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from spinn.solvers.bandits.contextual.gaussian import checked_arms
from spinn.solvers.bandits.contextual.plays import Plays

# Prior standard deviations of the effects of entries, of pairs and of products with the context, and of the noise, all
# in standard deviations of the rewards: every combination is tried.
MAIN, PAIR, PRODUCT, NOISE = (0.2, 0.5, 1.0), (0.03, 0.1, 0.3), (0.03, 0.1, 0.3), (0.1, 0.3, 0.6)
CONTEXT = 1.0


class _Fit(NamedTuple):
    mean: np.ndarray
    factor: np.ndarray  # lower Cholesky factor of the posterior's precision
    centre: float
    scale: float


@dataclasses.dataclass(frozen=True, eq=False)
class LinearThompson:
    """`arms` (arms, conditions) of 0 and 1; `warm_up`: random plays at first. The state is the `Plays` so far."""

    arms: Float[np.ndarray, "arms conditions"]
    warm_up: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        checked_arms(self.arms)

    def start(self, numbers: int) -> Plays:
        """The state before the first play, in contexts of so many numbers."""
        return Plays.empty(numbers, self.arms.shape[1])

    def choose(self, state: Plays, context: Float[np.ndarray, " numbers"]) -> int:
        """The index of the arm to play: the best one of a draw of all effects."""
        rng = np.random.default_rng([self.seed, len(state)])
        if len(state) < max(self.warm_up, 2):
            return int(rng.integers(len(self.arms)))
        fit = fitted(state)
        sample = fit.mean + solve_triangular(fit.factor, rng.standard_normal(len(fit.mean)), lower=True, trans="T")
        return int(np.argmax(self._effects(context) @ sample))

    def learn(self, state: Plays, context: Float[np.ndarray, " numbers"], arm: int, reward: float) -> Plays:
        """The state after a play. ValueError unless the reward is finite."""
        return state.noted(context, self.arms[arm], reward)

    def best(self, state: Plays, context: Float[np.ndarray, " numbers"]) -> int:
        """The arm of the largest expected reward."""
        return int(np.argmax(self.expected(state, context)))

    def expected(self, state: Plays, context: Float[np.ndarray, " numbers"]) -> Float[np.ndarray, " arms"]:
        """The reward that is expected of every arm in a context; zeros before the first play."""
        if len(state) == 0:
            return np.zeros(len(self.arms))
        fit = fitted(state)
        values: np.ndarray = fit.centre + fit.scale * (self._effects(context) @ fit.mean)
        return values

    def _effects(self, context: np.ndarray) -> np.ndarray:
        rows = np.broadcast_to(np.asarray(context, float), (len(self.arms), len(context)))
        return np.concatenate(effects(rows, self.arms), 1)


def effects(contexts: np.ndarray, arms: np.ndarray) -> list[np.ndarray]:
    """What rewards are linear in, by group: context, entries, pairs, products of context and entry."""
    count = arms.shape[1]
    pairs = [arms[:, k] * arms[:, j] for k, j in itertools.combinations(range(count), 2)]
    return [
        np.concatenate([np.ones((len(arms), 1)), contexts, contexts**2], 1),
        arms,
        np.stack(pairs, 1) if pairs else np.empty((len(arms), 0)),
        (contexts[:, :, None] * arms[:, None, :]).reshape(len(arms), -1),
    ]


def fitted(plays: Plays) -> _Fit:
    """The posterior of the effects with the widths of the largest evidence (Bishop 2006, eq. 3.86)."""
    centre, scale = float(np.mean(plays.rewards)), float(np.std(plays.rewards)) or 1.0
    rewards = (plays.rewards - centre) / scale
    groups = effects(plays.contexts, plays.arms)
    grams = [group @ group.T for group in groups]
    best, chosen = -math.inf, (MAIN[0], PAIR[0], PRODUCT[0], NOISE[0])
    for main, pair, product, noise in itertools.product(MAIN, PAIR, PRODUCT, NOISE):
        widths = (CONTEXT, main, pair, product)
        kernel = sum(w * w * gram for w, gram in zip(widths, grams, strict=True)) + noise**2 * np.eye(len(rewards))
        factor = cho_factor(kernel, lower=True)
        evidence = -0.5 * float(rewards @ cho_solve(factor, rewards)) - float(np.sum(np.log(np.diagonal(factor[0]))))
        if evidence > best:
            best, chosen = evidence, (main, pair, product, noise)
    main, pair, product, noise = chosen
    scales = np.repeat((CONTEXT, main, pair, product), [group.shape[1] for group in groups])
    rows = np.concatenate(groups, 1)
    factor = np.linalg.cholesky(rows.T @ rows / noise**2 + np.diag(scales**-2.0))
    return _Fit(cho_solve((factor, True), rows.T @ rewards / noise**2), factor, centre, scale)
