"""ChebCB: a bandit that knows a number about each system, such as a diagonal shift, before it chooses.

Khodak, Chow, Balcan and Talwalkar (2024): Learning to relax: setting solver parameters across a sequence of linear
system instances, ICLR. Each arm's cost is a polynomial of the context, fitted in Chebyshev's basis, and arms are drawn
by inverse gaps (Foster and Rakhlin 2020: SquareCB).
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from spinn.solvers.bandits.ledger import Ledger, checked_arms, draw


@dataclasses.dataclass(frozen=True)
class ChebState:
    """`normal`: sums of t t^T (arms, m, m) over the plays of an arm, t the polynomials at their contexts; `moments`: of
    cost * t (arms, m).
    """

    ledger: Ledger
    normal: tuple[tuple[tuple[float, ...], ...], ...]
    moments: tuple[tuple[float, ...], ...]


@dataclasses.dataclass(frozen=True)
class ChebCB:
    """`context`: the range of contexts, which are cut off there; `degree`: of the polynomials; `ridge`: the weight of
    the overall mean in each fit; `greed`: how fast gaps between predicted costs come to matter.
    """

    arms: tuple[Any, ...]
    context: tuple[float, float]
    degree: int = 4
    ridge: float = 0.1
    greed: float = 30.0
    seed: int = 0

    def __post_init__(self) -> None:
        checked_arms(self.arms)
        if not self.context[0] < self.context[1]:
            raise ValueError(f"expected context = (low, high) with low < high, got {self.context}")
        if self.degree < 0 or self.ridge <= 0.0 or self.greed <= 0.0:
            raise ValueError(
                f"expected degree >= 0, ridge > 0 and greed > 0, got {self.degree}, {self.ridge}, {self.greed}"
            )

    def start(self) -> ChebState:
        """The state before the first system."""
        terms, arms = self.degree + 1, len(self.arms)
        return ChebState(Ledger.empty(arms), (((0.0,) * terms,) * terms,) * arms, ((0.0,) * terms,) * arms)

    def predicted(self, state: ChebState, context: float) -> np.ndarray:
        """The cost of each arm (arms,) that the polynomials expect."""
        rounds = state.ledger.rounds
        mean = state.ledger.total / rounds if rounds else 0.0
        normal, moments = np.array(state.normal), np.array(state.moments)
        # The fit is of costs minus their mean; row 0 of the normal matrix holds the sums of t, since t_0 = 1.
        right = moments - mean * normal[:, 0, :]
        fits = np.linalg.solve(normal + self.ridge * np.eye(self.degree + 1), right[:, :, None])[:, :, 0]
        return mean + fits @ self._polynomials(context)

    def weights(self, state: ChebState, context: float) -> np.ndarray:
        """Probabilities (arms,) of the next play: inverse gaps to the arm that looks best, which gets what is left."""
        ledger, count = state.ledger, len(self.arms)
        spread = ledger.high - ledger.low
        if ledger.rounds == 0 or spread <= 0.0:
            return np.full(count, 1.0 / count)
        costs = self.predicted(state, context)
        best = int(np.argmin(costs))
        rate = self.greed * math.sqrt(ledger.rounds * count / (self.degree + 1))
        weights = 1.0 / (count + rate * (costs - costs[best]) / spread)
        weights[best] = 0.0
        weights[best] = 1.0 - np.sum(weights)
        return weights

    def choose(self, state: ChebState, context: float | None = None) -> int:
        """The arm to play on a system with this context."""
        return draw(self.weights(state, _given(context)), self.seed, state.ledger.rounds)

    def plays(self, state: ChebState) -> int:
        """One a system."""
        return 1

    def learn(self, state: ChebState, arm: int, cost: float, context: float | None = None) -> ChebState:
        """The state after a system with this context."""
        ledger = state.ledger.noted(arm, cost)
        terms = self._polynomials(_given(context))
        normal, moments = list(state.normal), list(state.moments)
        normal[arm] = tuple(map(tuple, (np.array(normal[arm]) + np.outer(terms, terms)).tolist()))
        moments[arm] = tuple((np.array(moments[arm]) + cost * terms).tolist())
        return ChebState(ledger, tuple(normal), tuple(moments))

    def _polynomials(self, context: float) -> np.ndarray:
        low, high = self.context
        scaled = 2.0 * (min(max(context, low), high) - low) / (high - low) - 1.0
        return chebvander(np.array([scaled]), self.degree)[0]


def _given(context: float | None) -> float:
    if context is None or not math.isfinite(context):
        raise ValueError(f"expected a finite context, got {context}: use TsallisINF where there is none")
    return context
