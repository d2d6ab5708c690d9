"""What playing 0/1 arms in contexts has earned so far: the data that contextual bandits learn from, as a value."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True, eq=False)
class Plays:
    """Contexts, arms and rewards, a row a play. Larger rewards are better."""

    contexts: Float[np.ndarray, "plays numbers"]
    arms: Float[np.ndarray, "plays conditions"]
    rewards: Float[np.ndarray, " plays"]

    def __post_init__(self) -> None:
        lengths = {len(self.contexts), len(self.arms), len(self.rewards)}
        if len(lengths) > 1 or self.contexts.ndim != 2 or self.arms.ndim != 2 or self.rewards.ndim != 1:
            raise ValueError(
                "expected contexts (plays, numbers), arms (plays, conditions) and rewards (plays,), got shapes "
                f"{self.contexts.shape}, {self.arms.shape} and {self.rewards.shape}"
            )
        if not all(np.all(np.isfinite(part)) for part in (self.contexts, self.arms, self.rewards)):
            raise ValueError("expected finite numbers: give a failed training the reward of a useless one")

    @classmethod
    def empty(cls, numbers: int, conditions: int) -> "Plays":
        """Before the first play, in contexts of so many numbers."""
        return cls(np.empty((0, numbers)), np.empty((0, conditions)), np.empty(0))

    def __len__(self) -> int:
        return len(self.rewards)

    def noted(self, contexts: Any, arms: Any, rewards: Any) -> "Plays":
        """With one play more, or with several (rows)."""
        new = np.atleast_2d(np.asarray(contexts, float))
        return Plays(
            np.concatenate([self.contexts, new.reshape(len(new), self.contexts.shape[1])]),
            np.concatenate([self.arms, np.atleast_2d(np.asarray(arms, float))]),
            np.concatenate([self.rewards, np.atleast_1d(np.asarray(rewards, float))]),
        )

    def to_plain(self) -> dict[str, Any]:
        """Lists of numbers, which JSON knows."""
        return {field.name: getattr(self, field.name).tolist() for field in dataclasses.fields(self)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Sequence[Any]], numbers: int, conditions: int) -> "Plays":
        """From `to_plain`; the numbers of columns say what an empty list is."""
        return cls(
            np.array(plain["contexts"], float).reshape(-1, numbers),
            np.array(plain["arms"], float).reshape(-1, conditions),
            np.array(plain["rewards"], float),
        )


def all_arms(conditions: int) -> Float[np.ndarray, "arms conditions"]:
    """Every 0/1 vector, 2^conditions of them, in binary order: the first condition is the lowest bit."""
    numbers = np.arange(2**conditions)
    return ((numbers[:, None] >> np.arange(conditions)) & 1).astype(float)
