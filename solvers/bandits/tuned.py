"""A solver whose parameter a bandit chooses anew for each system, by what earlier ones cost."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from spinn.solvers.bandits.ledger import Bandit
from spinn.solvers.types import Info, LinearSolver, Space

# A solve that failed counts as this many times the largest cost so far, its own included.
FAILURE = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class TunedSpace:
    """What the bandit learned, the arm that it played last, and the space of the solver, which all arms share."""

    state: Any
    arm: int
    inner: Space | None


@dataclasses.dataclass(frozen=True, eq=False)
class Tuned:
    """Solves with `build(arm)`: `Tuned(TsallisINF(omegas), lambda omega: CG(SSOR(omega)))`.

    `cost`: what is to be small; `context`: the number that the bandit may know about a matrix beforehand. The solvers
    must understand each other's spaces, as those do that differ in a preconditioner.
    """

    bandit: Bandit
    build: Callable[[Any], LinearSolver]
    cost: Literal["iterations", "seconds"] = "iterations"
    context: Callable[[Any], float] | None = None
    name: ClassVar[str] = "tuned"

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, TunedSpace, Info]:
        """Solution (n,), the space for the next system, and how it went.

        Where the bandit asks for several arms on one system, that of the cheapest, at the price of all.
        """
        if space is not None and not isinstance(space, TunedSpace):
            raise ValueError(f"expected the space of an earlier solve by Tuned, or None, got {type(space).__name__}")
        state = self.bandit.start() if space is None else space.state
        context = None if self.context is None else float(self.context(matrix))
        before = None if space is None else space.inner
        solves: list[tuple[float, np.ndarray, TunedSpace, Info]] = []
        for _ in range(self.bandit.plays(state)):
            arm = self.bandit.choose(state, context)
            x, inner, info = self.build(self.bandit.arms[arm]).solve(matrix, rhs, before, guess=guess)
            cost = self._cost(info, state.ledger.high)
            state = self.bandit.learn(state, arm, cost, context)
            solves.append((cost if info.converged else np.inf, x, TunedSpace(state, arm, inner), info))
        _, x, found, info = min(solves, key=lambda solve: solve[0])
        return x, dataclasses.replace(found, state=state), _priced(info, [solve[3] for solve in solves])

    def _cost(self, info: Info, high: float) -> float:
        cost = float(info.iterations if self.cost == "iterations" else info.seconds)
        return cost if info.converged else FAILURE * max(cost, high, 1.0 if self.cost == "iterations" else 0.0)


def _priced(info: Info, every: list[Info]) -> Info:
    return dataclasses.replace(
        info,
        iterations=sum(one.iterations for one in every),
        products=sum(one.products for one in every),
        seconds=sum(one.seconds for one in every),
        setup_seconds=sum(one.setup_seconds for one in every),
    )
