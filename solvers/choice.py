"""A solver that is chosen among several by measurement, on the systems that are to be solved anyway.

The first system warms all candidates up (symbolic analyses, imports, recycled spaces) and is not counted. Then, in
rounds of `timed` systems, every candidate still in solves each system, and the half with the larger median seconds
drops out. Afterwards the winner works alone, and the runner-up is timed again now and then, more rarely as it loses.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from spinn.errors import SpinnError
from spinn.solvers.checks import checked_system, plainly_fits
from spinn.solvers.types import Info, LinearSolver, Space, Status

# A candidate that took this many times the seconds of the fastest on the same system drops out at once.
HOPELESS = 20.0
# Seconds of so many systems at a time are compared, by their median, to tell whether the winner has become slow.
RECENT = 5
# A runner-up takes over once it was faster on so many systems in a row.
WINS = 2
# Each time that the runner-up loses, it is timed again after twice as many systems, up to so many times the first.
RAREST = 16
# Why a candidate is out that could come back.
SLOWER = "slower"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A solver under the name that tables and `Choice(forced=...)` call it by."""

    name: str
    solver: LinearSolver


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """What is known about one candidate: its space, seconds of counted systems, and why it is out, if it is."""

    space: Space | None = None
    seconds: tuple[float, ...] = ()
    out: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class ChoiceSpace:
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


@dataclasses.dataclass(frozen=True, eq=False)
class _Attempt:
    place: int
    x: np.ndarray
    info: Info
    seconds: float
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
    """Solves with the candidate that was fastest in a trial; `forced` names one and leaves the trial out.

    `every`: systems after which the runner-up is timed on one, and again on the next if it was faster, before it takes
    over; twice as many after every time that it was not, up to 16 times `every`. It is timed, too, once the winner's
    running cost is `grow` times what it was. A candidate that fails where another does not is out. Where all fail the
    system is to blame, and the x of the smallest residual comes back. `clock`: seconds.
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
        places = state.alive if not state.settled else state.alive[: 2 if challenged else 1]
        state, attempts = self._attempted(state, places, matrix, rhs, guess)
        if len(attempts) == 1 and state.settled and attempts[0].info.converged:  # mostly so: nothing else is to be done
            return attempts[0].x, self._watched(state, attempts, challenged), self._told(attempts[0], attempts)
        if state.settled and self.forced is None and not any(a.info.converged for a in attempts):
            state, more = self._attempted(state, _rest(state, places), matrix, rhs, guess, until_solved=True)
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
        return dataclasses.replace(self.start() if space is None else space, size=size)

    def _told(self, best: _Attempt, attempts: list[_Attempt]) -> Info:
        """What the best attempt says, by the name of its candidate, at the price of all."""
        seconds = sum(a.seconds for a in attempts)
        return dataclasses.replace(best.info, method=self.candidates[best.place].name, seconds=seconds)

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
        """Solve with each of these; a ValueError or SpinnError says that a solver is not for this matrix: a failure."""
        records, attempts = list(state.records), []
        for place in places:
            begun, refusal = self.clock(), ""
            try:
                solver = self.candidates[place].solver
                x, found, info = solver.solve(matrix, rhs, records[place].space, guess=guess)
            except (ValueError, SpinnError) as error:
                if len(self.candidates) == 1 or self.forced is not None:
                    raise
                x, found, info = np.zeros_like(rhs), None, Info("", Status.BREAKDOWN, 0, 0, 1.0, 0.0)
                refusal = str(error)
            records[place] = dataclasses.replace(records[place], space=found)
            attempts.append(_Attempt(place, x, info, self.clock() - begun, refusal or str(info.status)))
            if until_solved and info.converged:
                break
        return dataclasses.replace(state, records=tuple(records)), attempts

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
        state = dataclasses.replace(state, round=state.round + 1)
        if len(alive) > 1 and state.round < self.timed:
            return _kept(state, records, alive)
        ranked = tuple(sorted(alive, key=lambda p: _median(records[p])))
        if len(ranked) > 2:
            return dataclasses.replace(_kept(state, records, ranked[: (len(ranked) + 1) // 2]), round=0)
        base = _median(records[ranked[0]]) if warmed else 0.0
        return dataclasses.replace(_kept(state, records, ranked), settled=True, base=base)

    def _watched(self, state: ChoiceSpace, attempts: list[_Attempt], challenged: bool) -> ChoiceSpace:
        """After a system once the trial is over."""
        solved = {a.place: a.seconds for a in attempts if a.info.converged}
        if not state.alive or state.alive[0] not in solved:
            return dataclasses.replace(state, since=state.since + 1)
        winner = state.alive[0]
        recent = (*state.recent, solved[winner])[-RECENT:]
        base = state.base or (_middle(recent) if len(recent) == RECENT else 0.0)
        state = dataclasses.replace(state, recent=recent, base=base, since=state.since + 1)
        if not challenged or len(state.alive) < 2:
            return state
        other = state.alive[1]
        wins = state.wins + 1 if solved.get(other, np.inf) < solved[winner] else 0
        if 0 < wins < WINS:
            return dataclasses.replace(state, wins=wins, losses=0)
        if wins == WINS:
            alive = (other, winner, *state.alive[2:])
            return dataclasses.replace(state, alive=alive, base=0.0, recent=(), since=0, wins=0)
        base, losses = _middle(recent), state.losses + 1
        return dataclasses.replace(state, base=base, recent=(), since=0, wins=0, losses=losses)


def _kept(state: ChoiceSpace, records: tuple[Record, ...], alive: tuple[int, ...]) -> ChoiceSpace:
    """Only these stay in; the spaces of the others are let go of."""
    gone = set(state.alive) - set(alive)
    left = tuple(dataclasses.replace(r, space=None, out=SLOWER) if p in gone else r for p, r in enumerate(records))
    return dataclasses.replace(state, records=left, alive=alive)


def _rest(state: ChoiceSpace, places: tuple[int, ...]) -> tuple[int, ...]:
    """Who may help out where these failed: the ones still in, then those that were only slower."""
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
        dataclasses.replace(r, out=failed[p], space=None)
        if p in failed
        else dataclasses.replace(r, out="")
        if p in solved
        else r
        for p, r in enumerate(state.records)
    )
    alive = tuple(p for p in state.alive if p not in failed)
    alive += tuple(p for p in solved if p not in alive)
    return dataclasses.replace(state, records=records, alive=alive, base=0.0, recent=(), wins=0, losses=0)


def _with_seconds(records: tuple[Record, ...], solved: list[_Attempt]) -> tuple[Record, ...]:
    seconds = {a.place: a.seconds for a in solved}
    return tuple(
        dataclasses.replace(r, seconds=(*r.seconds, seconds[p])) if p in seconds else r for p, r in enumerate(records)
    )


def _median(record: Record) -> float:
    return float(np.median(record.seconds)) if record.seconds else float("inf")


def _middle(seconds: tuple[float, ...]) -> float:
    """The median; of a handful of numbers, at a tenth of NumPy's price."""
    ordered, half = sorted(seconds), len(seconds) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _residual(attempt: _Attempt) -> float:
    return attempt.info.residual if np.isfinite(attempt.info.residual) else float("inf")
