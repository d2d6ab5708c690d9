"""Tsallis-INF: a bandit without contexts that is best for adversarial and for random costs alike.

Zimmert and Seldin (2021): Tsallis-INF: an optimal algorithm for stochastic and adversarial bandits, Journal of Machine
Learning Research 22(28), with alpha = 1/2. Khodak, Chow, Balcan and Talwalkar (2024): Learning to relax, ICLR, play it
over a grid of omegas.
"""

import dataclasses
from typing import Any

import numpy as np

from spinn.solvers.bandits.ledger import Ledger, checked_arms, draw

# Newton's method for the weights; it converges from above, quadratically.
NEWTON_STEPS, NEWTON_TOLERANCE = 100, 1e-13


@dataclasses.dataclass(frozen=True)
class TsallisState:
    """`losses`: estimated sums of scaled costs, by arm; `scale`: the costs that count as 0 and 1, once known."""

    ledger: Ledger
    losses: tuple[float, ...]
    scale: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class TsallisINF:
    """Costs are scaled by `scale`, which become 0 and 1, and cut off at -1 and 1. Without it every arm is first played
    once, and the smallest and largest cost of these are taken: later ones may be smaller, and have to tell.
    """

    arms: tuple[Any, ...]
    scale: tuple[float, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        checked_arms(self.arms)
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError(f"expected scale = (low, high) with low < high, got {self.scale}")

    def start(self) -> TsallisState:
        """The state before the first system."""
        return TsallisState(Ledger.empty(len(self.arms)), (0.0,) * len(self.arms), self.scale)

    def weights(self, state: TsallisState) -> np.ndarray:
        """Probabilities (arms,) of the next play."""
        played = self._played(state)
        return tsallis_weights(np.array(state.losses), 4.0 / np.sqrt(played + 1.0))

    def choose(self, state: TsallisState, context: float | None = None) -> int:
        """The arm to play; `context` plays no role."""
        if state.scale is None:
            order = np.random.default_rng(self.seed).permutation(len(self.arms))
            return next(int(arm) for arm in order if state.ledger.plays[arm] == 0)
        return draw(self.weights(state), self.seed, state.ledger.rounds)

    def plays(self, state: TsallisState) -> int:
        """One a system."""
        return 1

    def learn(self, state: TsallisState, arm: int, cost: float, context: float | None = None) -> TsallisState:
        """The state after a system, by the estimator of reduced variance (the paper's RV)."""
        ledger = state.ledger.noted(arm, cost)
        if state.scale is None:
            return TsallisState(ledger, state.losses, (ledger.low, ledger.high) if 0 not in ledger.plays else None)
        low, high = state.scale
        loss = min(max((cost - low) / (high - low), -1.0), 1.0) if high > low else 0.0
        rate = 4.0 / np.sqrt(self._played(state) + 1.0)
        weights = tsallis_weights(np.array(state.losses), rate)
        baseline = 0.5 * (weights >= rate**2)
        chosen = np.arange(len(weights)) == arm
        losses = np.array(state.losses) + chosen * (loss - baseline) / weights + baseline
        return TsallisState(ledger, tuple(losses.tolist()), state.scale)

    def _played(self, state: TsallisState) -> int:
        """Rounds after those that only found the scale."""
        return state.ledger.rounds - (len(self.arms) if self.scale is None else 0)


def tsallis_weights(losses: np.ndarray, rate: float) -> np.ndarray:
    """w_i = 4 / (rate (L_i - x))^2 (arms,) with the x that makes them sum to one, by Newton's method."""
    shifted = losses - np.min(losses)
    x = -2.0 / rate  # the smallest loss alone has a weight of one here
    weights = np.ones_like(losses)
    for _ in range(NEWTON_STEPS):
        weights = 4.0 / (rate * (shifted - x)) ** 2
        excess = float(np.sum(weights)) - 1.0
        if excess <= NEWTON_TOLERANCE:
            break
        x -= excess / (rate * float(np.sum(weights**1.5)))
    return weights / np.sum(weights)
