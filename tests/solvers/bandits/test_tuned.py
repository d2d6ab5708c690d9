"""A solver under a bandit's hand: costs, contexts, failures, and the space within."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from spinn.solvers import ChebCB, Info, Status, SuccessiveHalving, TsallisINF, Tuned


@dataclasses.dataclass(frozen=True)
class Scripted:
    """Iterations and seconds as the arm says; negative ones are failures."""

    arm: float
    name: str = "scripted"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: np.ndarray | None = None):
        status = Status.CONVERGED if self.arm > 0 else Status.LIMIT
        return rhs, (space or 0) + 1, Info(self.name, status, int(abs(self.arm)), 1, 0.0, 100.0 - self.arm)


def run(solver: Tuned, rounds: int):
    space = None
    for _ in range(rounds):
        _, space, _ = solver.solve(np.eye(2), np.ones(2), space)
    return space


def test_the_cheapest_arm_by_iterations_or_seconds() -> None:
    for cost, best in (("iterations", 1), ("seconds", 2)):
        bandit = SuccessiveHalving((20.0, 10.0, 60.0), repeats=1, paired=False)
        space = run(Tuned(bandit, Scripted, cost=cost), 12)
        assert space.arm == best and space.inner == 12 and space.state.ledger.rounds == 12


def test_several_arms_on_one_system_cost_what_all_did_and_the_cheapest_counts() -> None:
    solver = Tuned(SuccessiveHalving((20.0, 10.0, -60.0, 30.0), repeats=1), Scripted)
    _, space, info = solver.solve(np.eye(2), np.ones(2))
    assert info.converged and info.iterations == 120 and space.arm == 1 and space.inner == 1
    _, space, info = solver.solve(np.eye(2), np.ones(2), space)
    assert info.iterations == 30
    _, space, info = solver.solve(np.eye(2), np.ones(2), space)
    assert info.iterations == 10 and space.inner == 3 and space.state.alive == (1,)


def test_a_failure_costs_twice_the_most() -> None:
    space = run(Tuned(SuccessiveHalving((20.0, -3.0), repeats=1), Scripted), 5)
    assert space.arm == 0 and space.state.ledger.costs[1] == 40.0


def test_the_context_comes_from_the_matrix() -> None:
    solver = Tuned(ChebCB((5.0, 6.0), context=(0.0, 10.0)), Scripted, context=lambda matrix: matrix[0, 0])
    state = solver.solve(7.5 * np.eye(2), np.ones(2))[1].state
    np.testing.assert_allclose(np.sum(state.moments, axis=0)[:2], np.array([1.0, 0.5]) * state.ledger.total)


def test_foreign_spaces_are_refused() -> None:
    with pytest.raises(ValueError, match="earlier solve by Tuned"):
        Tuned(TsallisINF((1.0,)), Scripted).solve(np.eye(2), np.ones(2), "space")
