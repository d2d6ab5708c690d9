"""METALIC-seq: one arm for the stochastic stage of a training, another for the deterministic stage after it.

Li et al. (ICML 2023), section 4.3: a Gaussian process a stage. The second one sees the reward r1 that the first stage
ended with beside the context; the targets are y1 = (r1 + 0.9 r2) / 2 and y2 = r2, so that the first stage is paid for
what it prepares.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from spinn.solvers.bandits.contextual.gaussian import GaussianBandit, GaussianState

DISCOUNT = 0.9


class TwoStageState(NamedTuple):
    """What each stage's bandit knows."""

    first: GaussianState
    second: GaussianState


@dataclasses.dataclass(frozen=True, eq=False)
class TwoStage:
    """Two bandits over the same arms; `bandit` plays the first stage, and with another seed the second."""

    bandit: GaussianBandit

    def start(self, numbers: int) -> TwoStageState:
        """The state before the first play, in contexts of so many numbers."""
        return TwoStageState(self.bandit.start(numbers), self.second.start(numbers + 1))

    @property
    def second(self) -> GaussianBandit:
        """The bandit of the deterministic stage."""
        return dataclasses.replace(self.bandit, seed=self.bandit.seed + 1_000_003)

    def choose_first(self, state: TwoStageState, context: Float[np.ndarray, " numbers"]) -> int:
        """The arm of the stochastic stage."""
        return self.bandit.choose(state.first, context)

    def choose_second(self, state: TwoStageState, context: Float[np.ndarray, " numbers"], reward: float) -> int:
        """The arm of the deterministic stage, once the stochastic one ended with `reward`."""
        return self.second.choose(state.second, np.append(context, reward))

    def best_first(self, state: TwoStageState, context: Float[np.ndarray, " numbers"]) -> int:
        """The arm of the stochastic stage once learning is over."""
        return self.bandit.best(state.first, context)

    def best_second(self, state: TwoStageState, context: Float[np.ndarray, " numbers"], reward: float) -> int:
        """The arm of the deterministic stage once learning is over."""
        return self.second.best(state.second, np.append(context, reward))

    def learn(
        self,
        state: TwoStageState,
        context: Float[np.ndarray, " numbers"],
        arms: tuple[int, int],
        rewards: tuple[float, float],
    ) -> TwoStageState:
        """The state after both stages, with the reward that each ended with."""
        (first, second), (early, late) = arms, rewards
        return TwoStageState(
            self.bandit.learn(state.first, context, first, 0.5 * (early + DISCOUNT * late)),
            self.second.learn(state.second, np.append(context, early), second, late),
        )
