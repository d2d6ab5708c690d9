"""The choice among solvers, with a clock that the solvers themselves move: nothing here depends on real seconds."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from spinn.errors import SpinnError
from spinn.solvers import QDLDL, Candidate, Choice, Info, Status, SuperLU


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclasses.dataclass(frozen=True, eq=False)
class Timed:
    """Takes `seconds(number of the call)`; a negative number (or matrix) is a failure, nan a matrix that it refuses."""

    clock: Clock
    seconds: Callable[[int], float]
    name: str = "timed"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: np.ndarray | None = None):
        calls = space or 0
        seconds = self.seconds(calls)
        if np.isnan(seconds):
            raise ValueError("not for this matrix")
        self.clock.now += abs(seconds)
        seconds = seconds if matrix[0, 0] > 0.0 else -seconds
        status = Status.CONVERGED if seconds > 0.0 else Status.STAGNATED
        return rhs, calls + 1, Info(self.name, status, 1, 1, 0.0 if seconds > 0.0 else 0.5, abs(seconds))


def choice(solvers: dict[str, Any], **options: Any) -> Choice:
    clock = Clock()
    made = [
        Candidate(name, Timed(clock, seconds if callable(seconds) else lambda _, s=seconds: s))
        for name, seconds in solvers.items()
    ]
    return Choice(tuple(made), clock=clock, **options)


def run(solver: Choice, systems: int):
    """Who solved each system, the seconds of each, and the last space."""
    space, methods, seconds = None, [], []
    for _ in range(systems):
        _, space, info = solver.solve(np.eye(2), np.ones(2), space)
        methods.append(info.method)
        seconds.append(info.seconds)
    return methods, seconds, space


FIVE = {"a": 5.0, "b": 3.0, "c": 1.0, "d": 2.0, "e": 9.0}


def test_the_cheapest_wins_after_a_short_trial() -> None:
    solver = choice(FIVE)
    methods, seconds, space = run(solver, 30)
    assert set(methods) == {"c"} and solver.winner(space) == "c"
    # A warm-up and three systems of all five, three of the best three, three of the best two; then one alone.
    assert seconds == [20.0] * 4 + [6.0] * 3 + [3.0] * 3 + [1.0] * 20
    assert {name: out for name, (_, out) in solver.report(space).items()} == {
        "a": "slower", "b": "slower", "c": "", "d": "", "e": "slower"
    }  # fmt: skip
    assert solver.report(space)["d"][0] == 2.0 and np.isnan(choice(FIVE).report(solver.start())["a"][0])


def test_one_noisy_timing_does_not_decide() -> None:
    for call in range(9):
        solver = choice(FIVE | {"c": lambda n, call=call: 15.0 if n == call else 1.0})
        assert run(solver, 30)[0][-1] == "c"


def test_near_ties_are_told_apart_where_that_is_cheap() -> None:
    """In milliseconds, and the better one is hit by noise on the two systems that would have decided."""
    near = {"a": lambda n: 1.5e-3 if n in (1, 2) else 1e-3, "b": 1.1e-3, "c": 1e-2}
    solver = choice(near, timed=2)
    _, _, space = run(solver, 30)
    assert solver.winner(space) == "a" and len(space.records[0].seconds) == 15 and len(space.records[2].seconds) == 2
    slow = {name: (lambda n, one=one: 1e3 * (one(n) if callable(one) else one)) for name, one in near.items()}
    assert solver.winner(run(choice(slow, timed=2), 5)[2]) == "b", "what takes a second is not solved fifteen times"


def test_the_first_solve_does_not_count() -> None:
    assert run(choice(FIVE | {"c": lambda n: 30.0 if n == 0 else 1.0}), 20)[0][-1] == "c"


def test_the_hopeless_drop_out_at_once() -> None:
    _, seconds, _ = run(choice({"a": 1.0, "b": 100.0, "c": 2.0}), 4)
    assert seconds == [103.0, 3.0, 3.0, 3.0]


@pytest.mark.parametrize("seconds", [-0.5, np.nan])
def test_failures_disqualify(seconds: float) -> None:
    solver = choice(FIVE | {"fails": seconds})
    methods, _, space = run(solver, 20)
    assert set(methods) == {"c"} and solver.report(space)["fails"][1] in ("stagnated", "not for this matrix")
    assert space.records[5].space is None


def test_a_winner_that_fails_later_hands_over_at_once_and_is_out() -> None:
    solver = choice(FIVE | {"c": lambda n: -1.0 if n == 15 else 1.0})
    methods, seconds, space = run(solver, 25)
    assert methods == ["c"] * 15 + ["d"] * 10 and seconds[15] == 3.0
    assert solver.report(space)["c"][1] == "stagnated"


def test_where_the_runner_up_fails_too_one_that_was_slower_comes_back() -> None:
    fails = {"c": lambda n: -1.0 if n == 15 else 1.0, "d": lambda n: -1.0 if n == 10 else 2.0}
    solver = choice(FIVE | fails)
    methods, _, space = run(solver, 25)
    assert methods == ["c"] * 15 + ["b"] * 10 and solver.winner(space) == "b"


@pytest.mark.parametrize("when", [0, 2, 4, 20])
def test_a_system_that_nobody_solves_is_nobodys_fault(when: int) -> None:
    solver = choice({"a": 1.0, "b": 2.0, "c": 3.0})
    space = None
    for t in range(30):
        x, space, info = solver.solve(np.eye(2) * (-1.0 if t == when else 1.0), np.ones(2), space)
        assert info.converged == (t != when) and np.all(x == 1.0)
    assert solver.winner(space) == "a" and [out for _, out in solver.report(space).values()] == ["", "", "slower"]


def test_looks_again_every_so_many_systems_and_changes_after_three_wins() -> None:
    solver = choice({"a": lambda n: 1.0 if n < 30 else 1.4, "b": lambda n: 1.2}, every=20)
    methods, seconds, space = run(solver, 80)
    changed = methods.index("b")
    assert solver.winner(space) == "b" and methods[changed:] == ["b"] * (80 - changed)
    challenged = [t for t, s in enumerate(seconds) if t >= 5 and s > 2.0]
    assert challenged[0] == 24 and changed in challenged and challenged[challenged.index(changed) + 1] == changed + 1
    assert len(challenged) <= 6


def test_looks_more_and_more_rarely_at_a_runner_up_that_loses() -> None:
    _, seconds, space = run(choice({"a": 1.0, "b": 5.0}, every=10), 1000)
    looks = [t for t, s in enumerate(seconds) if t >= 5 and s > 5.0]
    gaps = np.diff([3, *looks]).tolist()  # settled after a warm-up and three systems: 0 to 3
    assert gaps == [11, 21, 41, 81, 161, 161, 161, 161, 161] and space.losses == len(looks)


def test_a_win_makes_looks_frequent_again() -> None:
    late = {"a": lambda n: 1.0 if n < 100 else 1.4, "b": 1.2}
    methods, seconds, space = run(choice(late, every=10), 300)
    changed = methods.index("b")
    looks = [t for t, s in enumerate(seconds) if t > changed + 2 and s > 2.0]
    assert methods[changed:] == ["b"] * (300 - changed) and looks[0] <= changed + 13 and space.losses == len(looks)


def test_looks_again_when_the_running_cost_grows_and_settles_for_it() -> None:
    """The runner-up is no faster: one look, and then the new cost is what is compared with."""
    _, seconds, space = run(choice({"a": lambda n: 1.0 if n < 30 else 2.0, "b": lambda n: 5.0}, every=10**6), 80)
    challenged = [t for t, s in enumerate(seconds) if t >= 5 and s > 5.0]
    assert len(challenged) == 1 and 30 < challenged[0] < 36 and space.base == 2.0


def test_one_slow_system_of_the_winner_is_no_reason_to_change() -> None:
    methods, _, _ = run(choice({"a": lambda n: 9.0 if n in (24, 40) else 1.0, "b": 1.2}, every=20), 60)
    assert methods.count("b") == 1 and methods[-1] == "a"


def test_by_name() -> None:
    solver = choice(FIVE, forced="e")
    methods, seconds, _ = run(solver, 60)
    assert set(methods) == {"e"} and set(seconds) == {9.0}
    with pytest.raises(SpinnError, match="choose one of: a, b, c, d, e"):
        choice(FIVE, forced="f")
    _, _, info = choice(FIVE | {"e": -1.0}, forced="e").solve(np.eye(2), np.ones(2))
    assert info.status is Status.STAGNATED and info.method == "e"
    with pytest.raises(ValueError, match="not for this matrix"):
        choice({"a": np.nan}).solve(np.eye(2), np.ones(2))


def test_a_space_may_be_used_twice() -> None:
    solver = choice(FIVE)
    _, _, space = run(solver, 6)
    first, second = (solver.solve(np.eye(2), np.ones(2), space)[1] for _ in range(2))
    assert first.alive == second.alive and [r.space for r in first.records] == [r.space for r in second.records]


def test_real_solvers_on_a_family() -> None:
    solver = Choice((Candidate("qdldl", QDLDL()), Candidate("superlu", SuperLU())))
    space, rng = None, np.random.default_rng(0)
    for _ in range(20):  # near-ties are timed on up to 15
        half = scipy.sparse.random_array((30, 30), density=0.1, rng=rng, format="csr")
        matrix = scipy.sparse.csr_array(half + half.T + 10.0 * scipy.sparse.eye_array(30))
        x, space, info = solver.solve(matrix, np.ones(30), space)
        assert info.converged and info.method in ("qdldl", "superlu")
        np.testing.assert_allclose(matrix @ x, 1.0, rtol=1e-7)
    assert space.settled


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="names of their own"):
        Choice((Candidate("a", QDLDL()), Candidate("a", SuperLU())))
    with pytest.raises(ValueError, match="timed >= 1"):
        choice(FIVE, timed=0)
    solver = choice(FIVE)
    with pytest.raises(ValueError, match="choose anew"):
        solver.solve(np.eye(3), np.ones(3), run(solver, 2)[2])
    with pytest.raises(ValueError, match="right side"):
        solver.solve(np.eye(3), np.ones(2))
    settled = run(solver, 20)[2]
    assert settled.settled
    for matrix, rhs, guess, told in (
        (np.eye(3), np.ones(3), None, "choose anew"),
        (np.eye(2), np.ones(3), None, "right side"),
        (np.eye(2), np.ones(2) * 1j, None, "real"),
        (np.eye(2) * 1j, np.ones(2), None, "real"),
        (np.eye(2), np.ones(2), np.ones(3), "guess"),
        ("matrix", np.ones(2), None, "square"),
    ):
        with pytest.raises(ValueError, match=told):
            solver.solve(matrix, rhs, settled, guess=guess)
    assert solver.solve(np.eye(2), np.ones(2, int), settled)[2].converged
