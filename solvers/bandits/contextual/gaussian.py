"""METALIC's bandit: a Gaussian process of the reward, and the arm that promises most in the context at hand.

Li, Penwarden, Xu, Tillinghast, Narayan, Kirby, Zhe (2023): Meta learning of interface conditions for multi-domain
physics-informed neural networks, ICML, section 4: upper confidence bounds and Thompson sampling, after some random
plays. Batches are chosen one by one: by independent draws (Thompson), or with every choice taken to earn what is
expected of it (GP-BUCB: Desautels, Krause, Burdick 2014, JMLR 15).
"""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from spinn.solvers.bandits.contextual.gaussian_process import GaussianProcess, Hyperparameters, Posterior
from spinn.solvers.bandits.contextual.plays import Plays

Rule = Literal["ucb", "thompson", "greedy"]


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianState:
    """The plays so far, and the hyper-parameters that they made most probable."""

    plays: Plays
    hyper: Hyperparameters | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianBandit:
    """`arms` (arms, conditions) of 0 and 1; `rule`: mean + `exploration` standard deviations, a joint draw, or the mean
    alone; `warm_up`: random plays at first; `refit`: plays between fits of hyper-parameters; `faithful`: the paper's
    kernel and priors. The same state always gives the same choice.
    """

    arms: Float[np.ndarray, "arms conditions"]
    rule: Rule = "thompson"
    exploration: float = 1.0
    warm_up: int = 5
    refit: int = 1
    faithful: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        checked_arms(self.arms)
        if self.rule not in ("ucb", "thompson", "greedy"):
            raise ValueError(f"expected the rule 'ucb', 'thompson' or 'greedy', got {self.rule!r}")
        if self.warm_up < 0 or self.refit < 1 or self.exploration < 0.0:
            raise ValueError(
                "expected warm_up >= 0, refit >= 1 and exploration >= 0, got "
                f"{self.warm_up}, {self.refit} and {self.exploration}"
            )

    def start(self, numbers: int) -> GaussianState:
        """The state before the first play, in contexts of so many numbers."""
        return GaussianState(Plays.empty(numbers, self.arms.shape[1]))

    def choose(self, state: GaussianState, context: Float[np.ndarray, " numbers"]) -> int:
        """The index of the arm to play."""
        return self._chosen(state, context, 0)

    def choose_batch(
        self, state: GaussianState, contexts: Float[np.ndarray, "batch numbers"]
    ) -> Int[np.ndarray, " batch"]:
        """Arms to play at once, one a context."""
        chosen: list[int] = []
        for number, context in enumerate(contexts):
            arm = self._chosen(state, context, number)
            chosen.append(arm)
            if self.rule == "ucb" and len(state.plays) >= self.warm_up:
                believed = float(self.posterior(state, context).mean[arm])
                state = GaussianState(state.plays.noted(context, self.arms[arm], believed), state.hyper)
        return np.array(chosen, dtype=np.int64)

    def learn(
        self, state: GaussianState, context: Float[np.ndarray, " numbers"], arm: int, reward: float
    ) -> GaussianState:
        """The state after a play. ValueError unless the reward is finite."""
        plays = state.plays.noted(context, self.arms[arm], reward)
        if len(plays) % self.refit and state.hyper is not None:
            return GaussianState(plays, state.hyper)
        return GaussianState(plays, GaussianProcess.fitted(plays, self.faithful, state.hyper).hyper)

    def best(self, state: GaussianState, context: Float[np.ndarray, " numbers"]) -> int:
        """The arm of the largest expected reward: what a policy uses once learning is over."""
        return int(np.argmax(self.posterior(state, context).mean))

    def posterior(self, state: GaussianState, context: Float[np.ndarray, " numbers"]) -> Posterior:
        """Of the rewards of all arms in a context."""
        hyper = state.hyper
        process = (
            GaussianProcess.fitted(state.plays, self.faithful)
            if hyper is None
            else GaussianProcess(state.plays, hyper, self.faithful)
        )
        return process.posterior(np.broadcast_to(np.asarray(context, float), (len(self.arms), len(context))), self.arms)

    def _chosen(self, state: GaussianState, context: np.ndarray, number: int) -> int:
        rng = np.random.default_rng([self.seed, len(state.plays), number])
        if len(state.plays) < self.warm_up:
            return int(rng.integers(len(self.arms)))
        found = self.posterior(state, context)
        if self.rule == "ucb":
            spread = np.sqrt(np.maximum(np.diagonal(found.covariance), 0.0))
            return int(np.argmax(found.mean + self.exploration * spread))
        return int(np.argmax(drawn(found, rng) if self.rule == "thompson" else found.mean))


def drawn(found: Posterior, rng: np.random.Generator) -> Float[np.ndarray, " points"]:
    """A joint draw; by eigenvectors, since a covariance of many arms after many plays is singular to rounding."""
    values, vectors = np.linalg.eigh(found.covariance)
    normal = rng.standard_normal(len(values))
    sample: np.ndarray = found.mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * normal)
    return sample


def checked_arms(arms: np.ndarray) -> None:
    """ValueError unless `arms` is an array (arms, conditions) of 0 and 1 with at least one row."""
    if np.ndim(arms) != 2 or not np.size(arms) or not np.all(np.isin(arms, (0.0, 1.0))):
        raise ValueError(f"expected arms (arms, conditions) of 0 and 1, at least one, got shape {np.shape(arms)}")
