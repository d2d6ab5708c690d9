"""The one loop of the direct solvers: factorise if the entries are new, then refine until the true residual is small.

What passes from system to system is an `Analysis`: the pattern, and a factorisation that can be renewed for other
entries in it. The libraries renew in place, so the factorisation is a cache that knows which entries it holds: a space
that is used twice, or in any order, gives the same results.
"""

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np

from spinn.solvers.checks import checked_system
from spinn.solvers.direct.pattern import Pattern, split
from spinn.solvers.types import Info, Space, Status, Stopping

# Steps of iterative refinement, and by how much each must lower the residual to be worth another.
MOST_STEPS, WORTH = 20, 0.5
# max|A| max|x| / max|b| is a lower bound of the condition number. From here on a system that could not be solved to
# tolerance counts as singular.
SINGULAR = 1e8
# What the libraries raise where there is no factorisation.
NO_FACTOR = (np.linalg.LinAlgError, ArithmeticError, RuntimeError)


@runtime_checkable
class Factor(Protocol):
    """A library's factorisation of matrices with one pattern."""

    def update(self, values: np.ndarray) -> None:
        """Factorise anew with these entries (nonzeros,). RuntimeError or LinAlgError where a pivot is zero."""
        ...

    def repair(self, values: np.ndarray) -> bool:
        """Factorise more carefully, after refinement failed; False where there is nothing else to try."""
        ...

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """(n,) -> (n,), with the entries of the last update."""
        ...


@dataclasses.dataclass(eq=False)
class Cache:
    """A factorisation and the entries that it holds, None where the last update failed. Changed under its lock only."""

    factor: Factor
    values: np.ndarray | None = None
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)


@dataclasses.dataclass(frozen=True, eq=False)
class Analysis:
    """The space of a direct solver: pattern and factorisation, and how many of either were made along the sequence."""

    method: str
    pattern: Pattern
    cache: Cache
    analyses: int = 1
    factorisations: int = 0


def solve_directly(
    method: str,
    analyse: Callable[[Pattern], Factor],
    stopping: Stopping,
    matrix: Any,
    rhs: np.ndarray,
    space: Space | None,
    guess: np.ndarray | None,
) -> tuple[np.ndarray, Analysis | None, Info]:
    """x += (L U)^-1 (b - A x) until the stopping rule is met or nothing is gained (Higham 2002, chapter 12).

    `Info.iterations` counts solves with the factors. A matrix is singular where it has no factors, or where x grows
    beyond bounds and the rule is not met.
    """
    begun = time.perf_counter()
    if space is not None and not (isinstance(space, Analysis) and space.method == method):
        raise ValueError(f"expected the space of an earlier solve by {method}, or None, got {type(space).__name__}")
    b, start = checked_system(matrix, rhs, guess)
    size = float(np.linalg.norm(b))
    book = _Book(method, b, size, max(stopping.relative * size, stopping.absolute), begun)
    if not np.isfinite(size):
        return np.zeros_like(b), space, book.info(Status.NOT_FINITE, float("nan"))
    if size <= book.target:
        return np.zeros_like(b), space, book.info(Status.CONVERGED, size)
    pattern, values = split(matrix)
    if not np.all(np.isfinite(values)):
        return np.zeros_like(b), space, book.info(Status.NOT_FINITE, size)
    analysis = _analysed(method, analyse, pattern, space)
    csr = pattern.matrix(values)
    with analysis.cache.lock:
        factorised = _factorised(analysis.cache, values)
        analysis = dataclasses.replace(analysis, factorisations=analysis.factorisations + factorised)
        book.setup_seconds = time.perf_counter() - begun
        if analysis.cache.values is None:
            return np.zeros_like(b), analysis, book.info(Status.SINGULAR, size)
        x, norm, status = _refined(book, analysis.cache.factor, csr, start, stopping.max_iterations)
        if status in (Status.STAGNATED, Status.SINGULAR) and _repaired(analysis.cache, values):
            analysis = dataclasses.replace(analysis, factorisations=analysis.factorisations + 1)
            x, norm, status = _refined(book, analysis.cache.factor, csr, x, stopping.max_iterations)
    return x, analysis, book.info(status, norm)


@dataclasses.dataclass
class _Book:
    method: str
    rhs: np.ndarray
    size: float
    target: float
    begun: float
    setup_seconds: float = 0.0
    products: int = 0
    history: list[float] = dataclasses.field(default_factory=list)

    def info(self, status: Status, norm: float) -> Info:
        relative = norm / self.size if self.size != 0.0 else 0.0
        seconds = time.perf_counter() - self.begun
        steps, history = len(self.history), np.array(self.history)
        return Info(self.method, status, steps, self.products, relative, seconds, self.setup_seconds, history=history)


def _analysed(method: str, analyse: Callable[[Pattern], Factor], pattern: Pattern, space: Analysis | None) -> Analysis:
    """The analysis that came in if it fits the pattern, else a new one."""
    if space is not None and space.pattern.same(pattern):
        return space
    analyses, factorisations = (1, 0) if space is None else (space.analyses + 1, space.factorisations)
    return Analysis(method, pattern, Cache(analyse(pattern)), analyses, factorisations)


def _factorised(cache: Cache, values: np.ndarray) -> int:
    """Bring the cache to these entries; 1 where that took a factorisation, 0 where it held them already."""
    if cache.values is not None and np.array_equal(cache.values, values):
        return 0
    cache.values = None
    try:
        cache.factor.update(values)
    except NO_FACTOR:
        return 1
    cache.values = values
    return 1


def _repaired(cache: Cache, values: np.ndarray) -> bool:
    cache.values = None
    try:
        repaired = cache.factor.repair(values)
    except NO_FACTOR:
        return False
    cache.values = values if repaired else None
    return repaired


def _refined(
    book: _Book, factor: Factor, csr: Any, start: np.ndarray | None, limit: int
) -> tuple[np.ndarray, float, Status]:
    """The best x (n,), the norm of its residual, and how it ended."""
    best, r, smallest = _start(book, csr, start)
    reach = 0.0
    steps = min(MOST_STEPS, limit - len(book.history))
    for _ in range(steps):
        if smallest <= book.target:
            break
        with np.errstate(all="ignore"):  # what is not finite is found below
            x = best + factor.solve(r)
            found = book.rhs - csr @ x
            norm = float(np.linalg.norm(found))
            reach = max(reach, float(np.max(np.abs(x)))) if np.all(np.isfinite(x)) else np.inf
        book.products += 1
        book.history.append(norm / book.size)
        if not norm < smallest:
            break
        before, best, r, smallest = smallest, x, found, norm
        if norm > WORTH * before:
            break
    if smallest <= book.target:
        return best, smallest, Status.CONVERGED
    if len(book.history) >= limit:
        return best, smallest, Status.LIMIT
    growth = reach * float(np.max(np.abs(csr.data))) / float(np.max(np.abs(book.rhs)))
    return best, smallest, Status.STAGNATED if growth < SINGULAR else Status.SINGULAR


def _start(book: _Book, csr: Any, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, float]:
    """x (n,), its residual (n,) and norm: the guess, unless zero is better."""
    if start is not None and np.all(np.isfinite(start)):
        r = book.rhs - csr @ start
        book.products += 1
        norm = float(np.linalg.norm(r))
        if norm < book.size:
            return start.copy(), r, norm
    return np.zeros_like(book.rhs), book.rhs, book.size
