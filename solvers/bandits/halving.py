"""Successive halving: try every arm, drop the worse half, try the rest again, and stay with the last."""

import dataclasses
from typing import Any

import numpy as np

from spinn.solvers.bandits.ledger import Ledger, checked_arms


@dataclasses.dataclass(frozen=True)
class HalvingState:
    """`alive`: arms that are still in; `position`: plays since the last ones were dropped."""

    ledger: Ledger
    alive: tuple[int, ...]
    position: int = 0


@dataclasses.dataclass(frozen=True)
class SuccessiveHalving:
    """Karnin, Koren and Somekh (2013): Almost optimal exploration in multi-armed bandits, ICML, with `repeats` plays an
    arm and round, after which the arms of smaller mean cost over all their plays stay.

    `paired`: all arms that are still in play on the same system, so that hard and easy systems do not decide; eight
    arms are settled after 12 systems and 56 solves. Otherwise each plays on a system of its own. Once settled it never
    explores: for costs that drift, use TsallisINF.
    """

    arms: tuple[Any, ...]
    repeats: int = 4
    paired: bool = True

    def __post_init__(self) -> None:
        checked_arms(self.arms)
        if self.repeats < 1:
            raise ValueError(f"expected repeats of at least 1, got {self.repeats}")

    def start(self) -> HalvingState:
        """The state before the first system."""
        return HalvingState(Ledger.empty(len(self.arms)), tuple(range(len(self.arms))))

    def choose(self, state: HalvingState, context: float | None = None) -> int:
        """The arm to play; `context` plays no role."""
        return state.alive[state.position % len(state.alive)]

    def plays(self, state: HalvingState) -> int:
        """As many as there are arms left, while that is to be settled."""
        return len(state.alive) if self.paired else 1

    def learn(self, state: HalvingState, arm: int, cost: float, context: float | None = None) -> HalvingState:
        """The state after a system. A play out of turn counts towards the mean of its arm alone."""
        turn = self.choose(state) == arm
        ledger = state.ledger.noted(arm, cost)
        position = state.position + turn
        if len(state.alive) == 1 or position < self.repeats * len(state.alive):
            return HalvingState(ledger, state.alive, position if len(state.alive) > 1 else 0)
        means = ledger.means()[list(state.alive)]
        stay = np.sort(np.argsort(means, kind="stable")[: (len(state.alive) + 1) // 2])
        return HalvingState(ledger, tuple(state.alive[i] for i in stay))
