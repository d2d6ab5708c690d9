"""METALIC's protocol over a family: random warm-up plays, plays that learn, and what was learned tried on new problems.

Li et al. (ICML 2023), section 5. A batch of plays is trained at once. Everything about a batch follows from the seed,
its number and the plays before it, so that a run that was killed goes on to the same numbers.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from spinn.config.metalic import MetalicConfig
from spinn.errors import SpinnError
from spinn.files.atomic import write_json
from spinn.metalic.family import ParametricFamily
from spinn.metalic.networks import Size
from spinn.metalic.scoring import LabelFree, TrueError, rewards_of
from spinn.metalic.training import ArmTrainer, Schedule
from spinn.multidomain.planning import decomposition_of
from spinn.pdes import PDE
from spinn.solvers.bandits.contextual import (
    GaussianBandit,
    GaussianState,
    Hyperparameters,
    Plays,
    TwoStage,
    TwoStageState,
    all_arms,
)

CONTEXTS, TEST_CONTEXTS, INITIAL, TEST_INITIAL, RANDOM_ARMS = range(1, 6)  # streams of random numbers
Told = Callable[[int, int], None]


def family_of(config: MetalicConfig, pde: PDE) -> ParametricFamily:
    """The family of a configuration. SpinnError where nothing is cut, or as `ParametricFamily` does."""
    decomposition = decomposition_of(config.domains, pde)
    if decomposition is None:
        raise SpinnError("domains: expected a cut, such as {x: {strip: [-0.1, 0.1]}}, got none")
    return ParametricFamily(pde, config.vary, decomposition, tuple(config.conditions), config.ivp)


def trainer_of(config: MetalicConfig, family: ParametricFamily) -> ArmTrainer:
    """Trains arms as configured."""
    given = config.training
    size = Size(given.width, given.depth, given.rank, given.points)
    return ArmTrainer(family, size, Schedule(given.adam, given.lbfgs, given.learning_rate))


@dataclasses.dataclass(eq=False)
class Protocol:
    """A run of the protocol. Not frozen: `state` is what has been learned so far, saved in `folder` after a batch."""

    config: MetalicConfig
    family: ParametricFamily
    folder: Path
    state: TwoStageState = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.trainer = trainer_of(self.config, self.family)
        self.score = LabelFree(self.trainer) if self.config.reward == "label_free" else TrueError(self.trainer)
        self.state = self.stages.start(self.family.numbers)

    @property
    def arms(self) -> np.ndarray:
        """All arms: (arms, conditions)."""
        return all_arms(len(self.family.conditions))

    @property
    def lanes(self) -> int:
        """Plays at once."""
        return 1 if self.config.faithful else min(self.config.batch, self.config.plays)

    @property
    def stages(self) -> TwoStage:
        """The bandit, and that of the second stage, which `faithful: seq` has."""
        given = self.config
        faithful = given.faithful is not False
        refit = 1 if faithful else self.lanes
        return TwoStage(
            GaussianBandit(self.arms, given.rule, given.exploration, given.warm_up, refit, faithful, given.seed)
        )

    @property
    def played(self) -> int:
        """Plays so far."""
        return len(self.state.first.plays)

    def learn(self, told: Told) -> None:
        """All plays that are left."""
        while self.played < self.config.plays:
            self.step()
            told(self.played, self.config.plays)

    def step(self) -> None:
        """A batch of plays."""
        number = self.played
        contexts = self.family.drawn(self.lanes, (self.config.seed, CONTEXTS, number))
        seeds = np.random.default_rng([self.config.seed, INITIAL, number]).integers(2**31, size=self.lanes)
        seen = self.family.standardised(contexts)
        if self.config.faithful == "seq":
            self._step_of_two(contexts, seen, seeds)
        else:
            chosen = self.stages.bandit.choose_batch(self.state.first, seen)
            rewards = self.rewards(self.trainer.trained(contexts, self.arms[chosen], seeds), contexts)
            first = self.state.first
            for row, arm, reward in list(zip(seen, chosen, rewards, strict=True))[: self.config.plays - number]:
                first = self.stages.bandit.learn(first, row, int(arm), float(reward))
            self.state = self.state._replace(first=first)
        self.save()

    def _step_of_two(self, contexts: np.ndarray, seen: np.ndarray, seeds: np.ndarray) -> None:
        row, stages = seen[0], self.stages
        first = stages.choose_first(self.state, row)
        params = self.trainer.adam(self.trainer.start(seeds), contexts, self.arms[[first]])
        early = float(self.rewards(params, contexts)[0])
        second = stages.choose_second(self.state, row, early)
        late = float(self.rewards(self.trainer.lbfgs(params, contexts, self.arms[[second]]), contexts)[0])
        self.state = stages.learn(self.state, row, (first, second), (early, late))

    def rewards(self, params: Any, contexts: np.ndarray) -> np.ndarray:
        """Of every lane."""
        return rewards_of(self.score.errors(jax.block_until_ready(params), contexts))

    def tested(self, told: Told) -> dict[str, list[float]]:
        """Rewards on new problems: of the policy, of all conditions at once, and of a random arm."""
        total = self.config.test
        contexts = self.family.drawn(total, (self.config.seed, TEST_CONTEXTS))
        seeds = np.random.default_rng([self.config.seed, TEST_INITIAL]).integers(2**31, size=total)
        rng = np.random.default_rng([self.config.seed, RANDOM_ARMS])
        arms = {
            "policy": None,
            "all conditions": np.ones((total, len(self.family.conditions))),
            "random arm": self.arms[rng.integers(len(self.arms), size=total)],
        }
        found: dict[str, list[float]] = {name: [] for name in arms}
        for begin in range(0, total, self.lanes):
            rows = np.arange(begin, begin + self.lanes) % total  # filled up, so that one program serves all
            for name, given in arms.items():
                rewards = self._tried(contexts[rows], None if given is None else given[rows], seeds[rows])
                found[name] += [float(reward) for reward in rewards[: total - begin]]
            told(min(begin + self.lanes, total), total)
        return found

    def _tried(self, contexts: np.ndarray, arms: np.ndarray | None, seeds: np.ndarray) -> np.ndarray:
        """Rewards of given arms, or of those that the policy takes."""
        if arms is not None:
            return self.rewards(self.trainer.trained(contexts, arms, seeds), contexts)
        seen, stages = self.family.standardised(contexts), self.stages
        chosen = self.arms[[stages.best_first(self.state, row) for row in seen]]
        if self.config.faithful != "seq":
            return self.rewards(self.trainer.trained(contexts, chosen, seeds), contexts)
        params = self.trainer.adam(self.trainer.start(seeds), contexts, chosen)
        early = self.rewards(params, contexts)
        second = [stages.best_second(self.state, row, float(r)) for row, r in zip(seen, early, strict=True)]
        return self.rewards(self.trainer.lbfgs(params, contexts, self.arms[second]), contexts)

    @property
    def _file(self) -> Path:
        return self.folder / "state.json"

    def save(self) -> None:
        """The state of now, with the settings that it belongs to."""
        stages = {name: _plain(state) for name, state in self.state._asdict().items()}
        write_json(self._file, {"config": self.config.model_dump(mode="json"), **stages})

    def restore(self) -> bool:
        """Take up the saved state; False where there is none.

        **Raises:** SpinnError for a state of other settings.
        """
        if not self._file.is_file():
            return False
        plain = json.loads(self._file.read_text())
        changed = [
            name for name, value in self.config.model_dump(mode="json").items() if plain["config"].get(name) != value
        ]
        if changed:
            raise SpinnError(
                f"this run was begun with other settings: {', '.join(changed)}; expected the same to resume it; "
                "start anew with another --out",
                file=self._file,
            )
        numbers, conditions = self.family.numbers, len(self.family.conditions)
        self.state = TwoStageState(
            _state(plain["first"], numbers, conditions), _state(plain["second"], numbers + 1, conditions)
        )
        return True


def _plain(state: GaussianState) -> dict[str, Any]:
    return {
        "plays": state.plays.to_plain(),
        "hyper": None if state.hyper is None else dataclasses.asdict(state.hyper),
    }


def _state(plain: dict[str, Any], numbers: int, conditions: int) -> GaussianState:
    given = plain["hyper"]
    hyper = None if given is None else Hyperparameters(
        **{**given, "lengths": tuple(given["lengths"]), "rates": tuple(given["rates"])}
    )  # fmt: skip
    return GaussianState(Plays.from_plain(plain["plays"], numbers, conditions), hyper)
