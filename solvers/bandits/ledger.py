"""What playing arms has cost so far, and states of bandits as plain data.

A bandit chooses one of its `arms` (any values: omegas, restarts, sizes of a recycled space) for each system and learns
what that cost. It is a frozen recipe; what it learned is a state, which goes in and comes out:

    state = bandit.start()
    arm = bandit.choose(state, context)                 # an index; the same state always gives the same one
    state = bandit.learn(state, arm, cost, context)
"""

import dataclasses
import math
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

State = TypeVar("State")


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Plays and summed costs by arm, and the smallest and largest cost of all."""

    plays: tuple[int, ...]
    costs: tuple[float, ...]
    low: float = math.inf
    high: float = -math.inf

    @classmethod
    def empty(cls, arms: int) -> "Ledger":
        """Before the first play."""
        return cls((0,) * arms, (0.0,) * arms)

    @property
    def rounds(self) -> int:
        """How many solves there were."""
        return sum(self.plays)

    @property
    def total(self) -> float:
        """What all of them cost."""
        return sum(self.costs)

    def noted(self, arm: int, cost: float) -> "Ledger":
        """With one play more. ValueError unless the cost is finite."""
        if not 0 <= arm < len(self.plays):
            raise ValueError(f"expected an arm from 0 to {len(self.plays) - 1}, got {arm}")
        if not math.isfinite(cost):
            raise ValueError(f"expected a finite cost, got {cost}: charge a failed solve what it took, and more")
        plays = tuple(n + (i == arm) for i, n in enumerate(self.plays))
        costs = tuple(c + cost * (i == arm) for i, c in enumerate(self.costs))
        return Ledger(plays, costs, min(self.low, cost), max(self.high, cost))

    def means(self) -> np.ndarray:
        """Mean cost by arm (arms,), inf where it was never played."""
        plays = np.array(self.plays)
        return np.where(plays > 0, np.array(self.costs) / np.maximum(plays, 1), np.inf)

    def best(self) -> int:
        """The arm of the smallest mean cost."""
        return int(np.argmin(self.means()))

    def estimated_regret(self) -> float:
        """Total cost minus that of as many plays of the best arm, as far as the means of what was played tell."""
        return self.total - self.rounds * float(np.min(self.means())) if self.rounds else 0.0


@runtime_checkable
class Bandit(Protocol):
    """Chooses arms by what they cost. States are frozen dataclasses with a field `ledger`."""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The values to choose from."""
        ...

    def start(self) -> Any:
        """The state before the first system."""
        ...

    def choose(self, state: Any, context: float | None = None) -> int:
        """The index of the arm to play on a system with this context."""
        ...

    def plays(self, state: Any) -> int:
        """How many arms are to be chosen and learned from on the system to come."""
        ...

    def learn(self, state: Any, arm: int, cost: float, context: float | None = None) -> Any:
        """The state after a system that cost so much with this arm."""
        ...


def regret(costs: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Cumulative cost (rounds,) of the arms chosen (rounds,) minus that of the best fixed arm, costs (rounds, arms).

    The best fixed arm is that of all rounds, in hindsight.
    """
    paid = costs[np.arange(len(costs)), chosen]
    return np.cumsum(paid - costs[:, int(np.argmin(costs.sum(axis=0)))])


def to_plain(state: Any) -> dict[str, Any]:
    """A state as dicts, tuples and numbers, which JSON and YAML know."""
    return dataclasses.asdict(state)


def from_plain(kind: type[State], plain: dict[str, Any]) -> State:
    """A state of this class from `to_plain`, also after JSON has turned tuples into lists."""
    fields = {name: Ledger(**_tuples(value)) if name == "ledger" else _tuples(value) for name, value in plain.items()}
    return kind(**fields)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(inner) for name, inner in value.items()}
    return tuple(_tuples(inner) for inner in value) if isinstance(value, list | tuple) else value


def draw(probabilities: np.ndarray, seed: int, round_: int) -> int:
    """An arm with these probabilities (arms,), the same for the same seed and round."""
    uniform = np.random.default_rng([seed, round_]).random()
    return min(int(np.searchsorted(np.cumsum(probabilities), uniform)), len(probabilities) - 1)


def checked_arms(arms: tuple[Any, ...]) -> None:
    """ValueError where there is nothing to choose from."""
    if not arms:
        raise ValueError("expected at least one arm, got none")
