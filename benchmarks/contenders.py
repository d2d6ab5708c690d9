"""What can solve a sequence of linear systems, by hand, by SciPy and by choice, and a race between all of that.

In a race every contender solves one system, then every one the next, so that noise of the machine hits all alike.
"""

import contextlib
import dataclasses
import json
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse.linalg
from measuring import median

from spinn.solvers import (
    GCRODR,
    GMRES,
    ILU,
    SSOR,
    Choice,
    FastPoisson,
    Info,
    Jacobi,
    LinearSolver,
    Preconditioner,
    Status,
    Stopping,
    candidates,
)  # fmt: skip

# On a busy machine the processor tells more than the wall, if libraries keep to one thread (OPENBLAS_NUM_THREADS=1 and
# the like). The clock of the process would be no use: Linux counts it in ticks while a timer is set.
CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}
RESTART, RECYCLE = 40, 20
# The computed residual may exceed the tolerance by rounding.
SLACK = 1.01
# Systems after which a trial of the automatic choice is left with what it knows.
TRIAL_SYSTEMS = 24

System = Any  # matrix, rhs, symmetric, definite, shape
WAYS = ("cold", "recycled", "sorted")  # of GCRO-DR


@dataclasses.dataclass(frozen=True)
class Contender:
    """A solver, and whether it carries its space along the sequence, in the order given or in the sorted one.

    `kind`: gmres, cold, recycled, sorted, direct, multigrid, poisson (CG with fast solves), scipy or automatic.
    `preconditioner`: of the first four, where they are compared with each other; else empty.
    """

    name: str
    solver: LinearSolver
    kind: str
    carry: bool = True
    preconditioner: str = ""


@dataclasses.dataclass(frozen=True)
class Spsolve:
    """SciPy's `spsolve` as it is usually called: everything anew for every system."""

    name: ClassVar[str] = "spsolve"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: Any = None) -> tuple[Any, None, Info]:
        """Solution, no space, and what it cost."""
        x = scipy.sparse.linalg.spsolve(matrix.tocsc(), rhs)
        return x, None, Info(self.name, Status.CONVERGED, 1, 0, 0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Gcrotmk:
    """SciPy's GCROT(m, k), whose pairs (None, u) are carried to the next system; iterations are products with A."""

    preconditioner: Preconditioner | None
    stopping: Stopping
    name: ClassVar[str] = "gcrotmk"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: Any = None) -> tuple[Any, Any, Info]:
        """Solution, the pairs for the next system, and what it cost."""
        products = 0

        def product(x: np.ndarray) -> np.ndarray:
            nonlocal products
            products += 1
            return matrix @ x

        operator = scipy.sparse.linalg.LinearOperator(matrix.shape, matvec=product, dtype=np.float64)
        inverse = None
        if self.preconditioner is not None:
            apply = self.preconditioner.build(matrix)
            inverse = scipy.sparse.linalg.LinearOperator(matrix.shape, matvec=apply, dtype=np.float64)
        kept = [] if space is None else list(space)
        inner = RESTART - RECYCLE
        x, failure = scipy.sparse.linalg.gcrotmk(
            operator, rhs, M=inverse, rtol=self.stopping.relative, atol=0.0, m=inner, k=RECYCLE, CU=kept,
            maxiter=-(-self.stopping.max_iterations // inner), discard_C=True,
        )  # fmt: skip
        status = Status.LIMIT if failure else Status.CONVERGED
        return x, kept, Info(self.name, status, products, products, 0.0, 0.0)


def paired(
    preconditioners: Mapping[str, Preconditioner | None], stopping: Stopping, label: str = ""
) -> list[Contender]:
    """GMRES(40), and GCRO-DR(40, 20) in three ways, with each preconditioner."""
    found = []
    for name, one in preconditioners.items():
        gmres, gcrodr = GMRES(one, stopping, RESTART), GCRODR(one, stopping, RESTART, RECYCLE)
        found.append(Contender(f"gmres {name}{label}", gmres, "gmres", carry=False, preconditioner=name))
        for way in WAYS:
            found.append(Contender(f"gcro-dr {way} {name}{label}", gcrodr, way, way != "cold", name))
    return found


def kind_of(name: str) -> str:
    """Of a solver in the catalogue."""
    if name in ("qdldl", "pardiso", "superlu"):
        return "direct"
    if name.endswith("gcrodr"):
        return "recycled"
    return "poisson" if "poisson" in name else "multigrid"


def contenders(system: System, stopping: Stopping) -> list[Contender]:
    """All for systems like this one, but for the automatic choice."""
    poisson = FastPoisson(system.shape, shift=0.0 if system.definite else None)
    known = {"none": None, "jacobi": Jacobi(), "ilu": ILU(), "ssor": SSOR(), "fast poisson": poisson}
    catalogue = candidates(system.symmetric, system.definite, system.shape, len(system.rhs), stopping=stopping)
    return [
        *paired(known, stopping),
        *(Contender(one.name, one.solver, kind_of(one.name)) for one in catalogue),
        Contender("scipy spsolve", Spsolve(), "scipy", carry=False),
        *(Contender(f"scipy gcrotmk {name}", Gcrotmk(known[name], stopping), "scipy") for name in ("none", "ilu")),
    ]


@dataclasses.dataclass(frozen=True)
class Trial:
    """The automatic choice after its trial: what it chose, and what the trial took."""

    choice: Choice
    space: Any
    winner: str
    seconds: float
    systems: int


def trial(systems: Iterator[System], first: System, stopping: Stopping, clock: Callable[[], float]) -> Trial:
    """Choose on systems that are not part of the race, as the generation of data does."""
    catalogue = candidates(first.symmetric, first.definite, first.shape, len(first.rhs), stopping=stopping)
    choice = Choice(catalogue, timed=2, clock=clock)
    space, seconds, number = choice.start(), 0.0, 0
    while not space.settled and number < TRIAL_SYSTEMS:
        system = next(systems)
        begun = clock()
        _, space, _ = choice.solve(system.matrix, system.rhs, space)
        seconds, number = seconds + clock() - begun, number + 1
    return Trial(choice, space, choice.winner(space), seconds, number)


OVER = "over the limit"


class OverLimitError(BaseException):
    """The clock ran out. No `Exception`: solvers turn those of a preconditioner into a status."""


@contextlib.contextmanager
def alarm(seconds: float, clock: str) -> Iterator[None]:
    """Interrupt what runs within after so many seconds, where the system can (the main thread of a Unix process)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    timer, number = (signal.ITIMER_PROF, signal.SIGPROF) if clock == "cpu" else (signal.ITIMER_REAL, signal.SIGALRM)

    def ring(*_: Any) -> None:
        raise OverLimitError

    before = signal.signal(number, ring)
    signal.setitimer(timer, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(timer, 0.0)
        signal.signal(number, before)


@dataclasses.dataclass
class Lap:
    """What a contender has done so far. `failure`: why it is out, if it is."""

    space: Any = None
    failure: str = ""
    seconds: list[float] = dataclasses.field(default_factory=list)
    iterations: list[int] = dataclasses.field(default_factory=list)
    residuals: list[float] = dataclasses.field(default_factory=list)
    failed: int = 0


def race(
    entries: Sequence[Contender],
    systems: Sequence[System],
    order: Sequence[int],
    tolerance: float,
    limit: float,
    clock: str,
    spaces: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """One row a contender: all solve the first system, then all the second, and so on, each time in another order.

    Sorted contenders follow `order`. `limit`: seconds that one contender may take for all systems. `spaces`: what some
    start from.
    """
    laps = {entry.name: Lap(space=(spaces or {}).get(entry.name)) for entry in entries}
    random = np.random.default_rng(0)
    for position in range(len(systems)):
        for place in random.permutation(len(entries)):  # what ran before leaves its mark on the caches
            entry = entries[place]
            if not laps[entry.name].failure:
                system = systems[order[position] if entry.kind == "sorted" else position]
                _step(entry, laps[entry.name], system, tolerance, limit, clock)
    return [_row(entry, laps[entry.name]) for entry in entries]


def _step(entry: Contender, lap: Lap, system: System, tolerance: float, limit: float, clock: str) -> None:
    read = CLOCKS[clock]
    try:
        with alarm(limit - sum(lap.seconds), clock):
            start = read()
            x, found, info = entry.solver.solve(system.matrix, system.rhs, lap.space)
            lap.seconds.append(read() - start)
    except OverLimitError:
        lap.failure = OVER
        return
    except Exception as error:
        lap.failure = f"{type(error).__name__}: {error}".splitlines()[0][:100]
        return
    lap.space = found if entry.carry else None
    residual = float(np.linalg.norm(system.rhs - system.matrix @ x) / np.linalg.norm(system.rhs))
    lap.iterations.append(info.iterations)
    lap.residuals.append(residual)
    lap.failed += not residual <= SLACK * tolerance
    if sum(lap.seconds) > limit:
        lap.failure = OVER


def _row(entry: Contender, lap: Lap) -> dict[str, Any]:
    solved = len(lap.seconds)
    return {
        "method": entry.name,
        "kind": entry.kind,
        "preconditioner": entry.preconditioner,
        "seconds": median(lap.seconds) if solved else None,
        "iterations": statistics.median(lap.iterations) if solved else None,
        "systems": solved,
        "unconverged": lap.failed,
        "worst_residual": max(lap.residuals, default=None),
        "failure": lap.failure,
        "every_seconds": [float(f"{value:.4g}") for value in lap.seconds],
        "every_iterations": lap.iterations,
    }


def counted(row: Mapping[str, Any]) -> bool:
    """Whether it solved all that it was given, within the limit."""
    return row["seconds"] is not None and not row["failure"] and not row["unconverged"]


def ratio(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> float | None:
    """Of seconds or iterations; None where one of both has none."""
    return one[key] / other[key] if one[key] and other[key] else None


def cell_of(row: Mapping[str, Any]) -> str:
    """Milliseconds (iterations) to read: `*` where not all systems converged, `>` where the limit cut it short."""
    if row["seconds"] is None:
        return row["failure"] or "-"
    mark = ("*" if row["unconverged"] else "") + (">" if row["failure"] else "")
    return f"{mark}{1e3 * row['seconds']:.3g} ({row['iterations']:.0f})"


def found(rows: Sequence[Mapping[str, Any]], kind: str, preconditioner: str) -> Mapping[str, Any]:
    """The row of a Krylov method."""
    return next(row for row in rows if (row["kind"], row["preconditioner"]) == (kind, preconditioner))


def ratios(rows: Sequence[Mapping[str, Any]], way: str, preconditioner: str) -> tuple[float, float] | None:
    """GMRES over GCRO-DR in this way: seconds and iterations. None where the latter did not solve everything.

    Where GMRES failed they are lower bounds: it took so much and was not done.
    """
    gmres, gcrodr = found(rows, "gmres", preconditioner), found(rows, way, preconditioner)
    if gcrodr["unconverged"]:
        return None
    seconds, iterations = (ratio(gmres, gcrodr, key) for key in ("seconds", "iterations"))
    return (seconds, iterations) if seconds and iterations else None


def duels(head: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """GMRES against GCRO-DR for people, a line for each preconditioner; ratios are of seconds / iterations."""
    lines = []
    for name in dict.fromkeys(row["preconditioner"] for row in rows if row["preconditioner"]):
        line = {**head, "preconditioner": name, "gmres": cell_of(found(rows, "gmres", name))}
        line |= {way: cell_of(found(rows, way, name)) for way in WAYS}
        bound = ">" if found(rows, "gmres", name)["unconverged"] else ""
        line |= {f"gmres/{way}": paired_text(ratios(rows, way, name), bound) for way in WAYS}
        lines.append(line)
    return lines


def paired_text(pair: tuple[float, float] | None, bound: str = "") -> str:
    """Seconds / iterations."""
    return "-" if pair is None else f"{bound}{pair[0]:.2g} / {bound}{pair[1]:.2g}"


def merged(path: Path, cells: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Mapping[str, Any]]:
    """The cells of a results file, of which those with the same values under these names are replaced."""
    before = json.loads(path.read_text())["cells"] if path.exists() else []

    def key(cell: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(cell[name] for name in names)

    fresh = {key(cell): cell for cell in cells}
    kept = [fresh.pop(key(cell), cell) for cell in before]
    return [*kept, *fresh.values()]


def conditions(cells: Sequence[Mapping[str, Any]]) -> str:
    """How the cells were measured; ranges where they differ."""

    def span(name: str) -> str:
        values = sorted({cell[name] for cell in cells})
        return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g}"

    words = {"wall": "seconds on the wall", "cpu": "seconds of one thread on its processor"}
    clocks = " or ".join(words[clock] for clock in dict.fromkeys(cell["clock"] for cell in cells))
    return (
        f"{span('systems')} systems a cell; medians a system in ms (iterations in brackets), {clocks}; limit "
        f"{span('limit')} s a method."
    )
