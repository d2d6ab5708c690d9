"""A solver that is chosen among several by measurement, on the systems that are to be solved anyway.

The first system warms all candidates up (symbolic analyses, imports, recycled spaces) and is not counted. Then, in
rounds of `timed` systems, every candidate still in solves each system, and the half with the larger median seconds
drops out; those that are about as fast as the fastest are told apart on more systems where that costs next to nothing.
Afterwards the winner works alone, and the runner-up is timed again now and then, more rarely as it loses.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from spinn.errors import SpinnError
from spinn.solvers.checks import checked_system, plainly_fits
from spinn.solvers.types import Info, LinearSolver, Space, Status

# A candidate that took this many times the seconds of the fastest on the same system drops out at once.
HOPELESS = 20.0
# Seconds of so many systems at a time are compared, by their median, to tell whether the winner has become slow.
RECENT = 5
# Candidates whose median is at most so many times the least one are timed on more systems, up to so many, as long as
# their systems have taken fewer seconds in all: a few that take a millisecond each tell nothing on a shared machine.
NEAR, MOST_TIMED, CHEAP = 1.2, 15, 0.2
# A runner-up takes over once it was faster on so many systems in a row.
WINS = 3
# Each time that the runner-up loses, it is timed again after twice as many systems, up to so many times the first.
RAREST = 16
# Why a candidate is out that could come back.
SLOWER = "slower"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A solver under the name that tables and `Choice(forced=...)` call it by."""

    name: str
    solver: LinearSolver


class Record(NamedTuple):
    """What is known about one candidate: its space, seconds of counted systems, and why it is out, if it is."""

    space: Space | None = None
    seconds: tuple[float, ...] = ()
    out: str = ""


class ChoiceSpace(NamedTuple):
    """`alive`: candidates still in, best first once the trial is over; `round`: systems of it, -1 before the warm-up.

    `settled`: whether the trial is over; `base`, `recent`: median seconds of the winner when it was last examined, and
    seconds since; `since`: systems since; `wins`, `losses`: of the runner-up in a row; `size`: unknowns, once known.
    """

    records: tuple[Record, ...]
    alive: tuple[int, ...]
    round: int = -1
    settled: bool = False
    base: float = 0.0
    recent: tuple[float, ...] = ()
    since: int = 0
    wins: int = 0
    losses: int = 0
    size: int = 0


class _Attempt(NamedTuple):
    place: int
    x: np.ndarray
    space: Space | None
    info: Info
    seconds: float
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
    """Solves with the candidate that was fastest in a trial; `forced` names one and leaves the trial out.

    `every`: systems after which the runner-up is timed on one, and on two more if it was faster, before it takes over;
    twice as many after every time that it was not, up to 16 times `every`. It is timed, too, once the winner's running
    cost is `grow` times what it was. A candidate that fails where another does not is out. Where all fail the system is
    to blame, and the x of the smallest residual comes back. `clock`: seconds.
    """

    candidates: tuple[Candidate, ...]
    forced: str | None = None
    timed: int = 3
    every: int = 50
    grow: float = 1.5
    clock: Callable[[], float] = time.perf_counter
    name: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        names = [candidate.name for candidate in self.candidates]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"expected candidates with names of their own, at least one, got {names}")
        if self.forced is not None and self.forced not in names:
            raise SpinnError(f"there is no solver {self.forced!r} to choose; choose one of: {', '.join(names)}")
        if self.timed < 1 or self.every < 1 or self.grow <= 1.0:
            raise ValueError(
                f"expected timed >= 1, every >= 1 and grow > 1, got {self.timed}, {self.every} and {self.grow}"
            )

    def start(self) -> ChoiceSpace:
        """The space before the first system."""
        records = tuple(Record() for _ in self.candidates)
        if self.forced is not None:
            place = [candidate.name for candidate in self.candidates].index(self.forced)
            return ChoiceSpace(records, (place,), settled=True)
        alive = tuple(range(len(self.candidates)))
        return ChoiceSpace(records, alive, settled=len(alive) == 1)

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, ChoiceSpace, Info]:
        """Solution (n,), the space for the next system, and how it went.

        `Info.method` is the name of the candidate that solved it, `Info.seconds` what all that tried took. ValueError
        where the size of the systems changes.
        """
        state = self._fitting(matrix, rhs, guess, space)
        challenged = state.settled and self._due(state)
        if state.settled and not challenged:
            alone = self._attempt(state, state.alive[0], matrix, rhs, guess)
            if alone.info.status is Status.CONVERGED:  # mostly so, and then in the fewest steps
                return alone.x, _gone_on(state, alone), self._named(alone)
            state, attempts = _with_spaces(state, [alone]), [alone]
        else:
            places = state.alive[:2] if challenged else state.alive
            state, attempts = self._attempted(state, places, matrix, rhs, guess)
        if state.settled and self.forced is None and not any(a.info.converged for a in attempts):
            state, more = self._attempted(state, _rest(state, attempts), matrix, rhs, guess, until_solved=True)
            attempts += more
        state = _without_failures(state, attempts)
        best = min(attempts, key=lambda a: (not a.info.converged, a.seconds if a.info.converged else _residual(a)))
        following = self._watched(state, attempts, challenged) if state.settled else self._tried(state, attempts)
        return best.x, following, self._told(best, attempts)

    def _fitting(self, matrix: Any, rhs: np.ndarray, guess: np.ndarray | None, space: Space | None) -> ChoiceSpace:
        """The space to go on from. ValueError where it, or the system, is not one for this."""
        if isinstance(space, ChoiceSpace) and plainly_fits(matrix, rhs, guess, space.size):
            return space
        size = len(checked_system(matrix, rhs, guess)[0])
        if space is not None and not (isinstance(space, ChoiceSpace) and space.size in (0, size)):
            raise ValueError(
                f"expected the space of an earlier solve by Choice with {size} unknowns, or None, got "
                f"{getattr(space, 'size', type(space).__name__)}: choose anew for systems of another size"
            )
        return (self.start() if space is None else space)._replace(size=size)

    def _told(self, best: _Attempt, attempts: list[_Attempt]) -> Info:
        """What the best attempt says, by the name of its candidate, at the price of all."""
        seconds = sum(a.seconds for a in attempts)
        return dataclasses.replace(best.info, method=self.candidates[best.place].name, seconds=seconds)

    def _named(self, attempt: _Attempt) -> Info:
        """What an attempt says, by the name of its candidate."""
        name = self.candidates[attempt.place].name
        return attempt.info if attempt.info.method == name else dataclasses.replace(attempt.info, method=name)

    def winner(self, space: ChoiceSpace) -> str:
        """The name of the candidate that works now, or is fastest so far."""
        ranked = space.alive if space.settled else sorted(space.alive, key=lambda p: _median(space.records[p]))
        return self.candidates[ranked[0]].name

    def report(self, space: ChoiceSpace) -> dict[str, tuple[float, str]]:
        """By name: median seconds of the systems counted (nan without one), and why it is out ("" if it is not)."""
        return {
            candidate.name: (float(np.median(record.seconds)) if record.seconds else float("nan"), record.out)
            for candidate, record in zip(self.candidates, space.records, strict=True)
        }

    def _attempted(
        self,
        state: ChoiceSpace,
        places: tuple[int, ...],
        matrix: Any,
        rhs: np.ndarray,
        guess: np.ndarray | None,
        *,
        until_solved: bool = False,
    ) -> tuple[ChoiceSpace, list[_Attempt]]:
        """Solve with each of these, or up to the first that does."""
        attempts: list[_Attempt] = []
        for place in places:
            attempts.append(self._attempt(state, place, matrix, rhs, guess))
            if until_solved and attempts[-1].info.converged:
                break
        return _with_spaces(state, attempts), attempts

    def _attempt(
        self, state: ChoiceSpace, place: int, matrix: Any, rhs: np.ndarray, guess: np.ndarray | None
    ) -> _Attempt:
        """Solve with one; a ValueError or SpinnError says that a solver is not for this matrix: a failure."""
        begun, refusal = self.clock(), ""
        try:
            solver = self.candidates[place].solver
            x, found, info = solver.solve(matrix, rhs, state.records[place].space, guess=guess)
        except (ValueError, SpinnError) as error:
            if len(self.candidates) == 1 or self.forced is not None:
                raise
            x, found, info = np.zeros_like(rhs), None, Info("", Status.BREAKDOWN, 0, 0, 1.0, 0.0)
            refusal = str(error)
        return _Attempt(place, x, found, info, self.clock() - begun, refusal or info.status)

    def _due(self, state: ChoiceSpace) -> bool:
        """Whether the runner-up is to be timed on the system to come."""
        if len(state.alive) < 2:
            return False
        slow = len(state.recent) == RECENT and state.base > 0.0 and _middle(state.recent) > self.grow * state.base
        return slow or state.wins > 0 or state.since >= self.every * min(2**state.losses, RAREST)

    def _tried(self, state: ChoiceSpace, attempts: list[_Attempt]) -> ChoiceSpace:
        """After a system of the trial."""
        solved = [a for a in attempts if a.info.converged]
        if not solved:
            return state
        warmed = state.round >= 0
        fastest = min(a.seconds for a in solved)
        # What is set up for the first system may serve all others.
        least = {a.place: a.seconds if warmed else a.seconds - a.info.setup_seconds for a in solved}
        alive = tuple(p for p in state.alive if least[p] <= HOPELESS * fastest)
        records = _with_seconds(state.records, solved) if warmed else state.records
        state = state._replace(round=state.round + 1)
        if len(alive) > 1 and state.round < self.timed:
            return _kept(state, records, alive)
        ranked = tuple(sorted(alive, key=lambda p: _median(records[p])))
        near = tuple(p for p in ranked if _median(records[p]) <= NEAR * _median(records[ranked[0]]))
        if len(near) > 1 and _worth_timing([records[p] for p in near]):
            return _kept(state, records, near)
        if len(ranked) > 2:
            return _kept(state, records, ranked[: (len(ranked) + 1) // 2])._replace(round=0)
        base = _median(records[ranked[0]]) if warmed else 0.0
        return _kept(state, records, ranked)._replace(settled=True, base=base)

    def _watched(self, state: ChoiceSpace, attempts: list[_Attempt], challenged: bool) -> ChoiceSpace:
        """After a system once the trial is over."""
        solved = {a.place: a.seconds for a in attempts if a.info.converged}
        if not state.alive or state.alive[0] not in solved:
            return state._replace(since=state.since + 1)
        winner = state.alive[0]
        recent = (*state.recent, solved[winner])[-RECENT:]
        base = state.base or (_middle(recent) if len(recent) == RECENT else 0.0)
        state = state._replace(recent=recent, base=base, since=state.since + 1)
        if not challenged or len(state.alive) < 2:
            return state
        other = state.alive[1]
        wins = state.wins + 1 if solved.get(other, np.inf) < solved[winner] else 0
        if 0 < wins < WINS:
            return state._replace(wins=wins, losses=0)
        if wins == WINS:
            alive = (other, winner, *state.alive[2:])
            return state._replace(alive=alive, base=0.0, recent=(), since=0, wins=0)
        base, losses = _middle(recent), state.losses + 1
        return state._replace(base=base, recent=(), since=0, wins=0, losses=losses)


def _worth_timing(records: list[Record]) -> bool:
    """Whether the candidates of these records are cheaply told apart."""
    least, spent = min(len(record.seconds) for record in records), sum(sum(record.seconds) for record in records)
    return 0 < least < MOST_TIMED and spent < CHEAP


def _kept(state: ChoiceSpace, records: tuple[Record, ...], alive: tuple[int, ...]) -> ChoiceSpace:
    """Only these stay in; the spaces of the others are let go of."""
    gone = set(state.alive) - set(alive)
    left = tuple(r._replace(space=None, out=SLOWER) if p in gone else r for p, r in enumerate(records))
    return state._replace(records=left, alive=alive)


def _with_spaces(state: ChoiceSpace, attempts: list[_Attempt]) -> ChoiceSpace:
    """With what those who tried hand on to the next system."""
    found = {a.place: a.space for a in attempts}
    records = (r._replace(space=found[p]) if p in found else r for p, r in enumerate(state.records))
    return state._replace(records=tuple(records))


def _gone_on(state: ChoiceSpace, alone: _Attempt) -> ChoiceSpace:
    """After a system that the winner has solved alone. In the fewest steps: systems may take no longer."""
    place, record = alone.place, state.records[alone.place]
    recent = (*state.recent, alone.seconds)[-RECENT:]
    return ChoiceSpace(
        (*state.records[:place], Record(alone.space, record.seconds, record.out), *state.records[place + 1 :]),
        state.alive, state.round, True, state.base or (_middle(recent) if len(recent) == RECENT else 0.0), recent,
        state.since + 1, state.wins, state.losses, state.size,
    )  # fmt: skip


def _rest(state: ChoiceSpace, attempts: list[_Attempt]) -> tuple[int, ...]:
    """Who may help out where these failed: the ones still in, then those that were only slower."""
    places = {a.place for a in attempts}
    slower = [p for p, record in enumerate(state.records) if record.out == SLOWER]
    ranked = sorted(slower, key=lambda p: _median(state.records[p]))
    return tuple(p for p in (*state.alive, *ranked) if p not in places)


def _without_failures(state: ChoiceSpace, attempts: list[_Attempt]) -> ChoiceSpace:
    """Those that failed where another one did not are out; who solved it instead comes in."""
    solved = tuple(a.place for a in attempts if a.info.converged)
    failed = {a.place: a.reason for a in attempts if not a.info.converged}
    if not solved or not failed:
        return state
    records = tuple(
        r._replace(out=failed[p], space=None) if p in failed else r._replace(out="") if p in solved else r
        for p, r in enumerate(state.records)
    )
    alive = tuple(p for p in state.alive if p not in failed)
    alive += tuple(p for p in solved if p not in alive)
    return state._replace(records=records, alive=alive, base=0.0, recent=(), wins=0, losses=0)


def _with_seconds(records: tuple[Record, ...], solved: list[_Attempt]) -> tuple[Record, ...]:
    seconds = {a.place: a.seconds for a in solved}
    return tuple(r._replace(seconds=(*r.seconds, seconds[p])) if p in seconds else r for p, r in enumerate(records))


def _median(record: Record) -> float:
    return float(np.median(record.seconds)) if record.seconds else float("inf")


def _middle(seconds: tuple[float, ...]) -> float:
    """The median; of a handful of numbers, at a tenth of NumPy's price."""
    ordered, half = sorted(seconds), len(seconds) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _residual(attempt: _Attempt) -> float:
    return attempt.info.residual if np.isfinite(attempt.info.residual) else float("inf")
