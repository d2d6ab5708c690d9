"""The one stopping rule of all iterations here, on the true residual, and the books of one solve.

An iteration runs in sweeps (a restart cycle, or as long as its own recurrence for the residual allows). After each
sweep the residual b - A x is recomputed. Only that one ends a solve as converged; where the recurrence said so and the
true residual does not, sweeps go on from the true one until they stop helping. So the outer loop of every method reads

    run = Run(...)
    x, r = run.start()
    while run.going:
        x = sweep(run, x, r)
        r = run.check(x)
    return run.best, space, run.info()
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from scipy.linalg.blas import ddot, dnrm2

from spinn.solvers.checks import checked_system
from spinn.solvers.types import Info, Preconditioner, Status, Stopping

# Sweeps that do not lower the smallest true residual by this fraction, all together, are stagnation.
LEAST_GAIN = 1e-3
# After a breakdown the Krylov space is exhausted: going on helps only if the sweep lowered the residual by this factor.
GAIN_AT_BREAKDOWN = 0.5
# A recurrence for the residual that reached no new low in so many iterations, or n if that is more, is stagnation: in
# exact arithmetic n iterations solve the system.
LONGEST_PLATEAU = 1000
# What a preconditioner raises where a matrix has none (a zero pivot); anything else is a mistake in code.
NO_PRECONDITIONER = (np.linalg.LinAlgError, ArithmeticError, RuntimeError)

# Squares between these are far from what float64 cannot hold.
SAFE = (1e-200, 1e200)


def two_norm(vector: np.ndarray) -> float:
    """||v|| of a vector (n,): by a product, several times as fast, where squares neither over- nor underflow."""
    square = float(ddot(vector, vector))  # warns of no overflow
    return math.sqrt(square) if SAFE[0] < square < SAFE[1] else float(dnrm2(vector))


class Run:
    """One solve: products counted, the clock, the residuals, the best x. The only thing here that changes in place.

    `patience`: how many sweeps may gain nothing before the solve counts as stagnated.
    """

    def __init__(
        self,
        method: str,
        matrix: Any,
        rhs: np.ndarray,
        preconditioner: Preconditioner | None,
        stopping: Stopping,
        guess: np.ndarray | None,
        *,
        patience: int,
    ):
        self.begun = time.perf_counter()
        self.method, self.matrix, self.stopping, self.patience = method, matrix, stopping, patience
        self.rhs, self.guess = checked_system(matrix, rhs, guess)
        # Products with stored entries are new arrays; an operator may hand out one that it keeps.
        self.stored = scipy.sparse.issparse(matrix) or isinstance(matrix, np.ndarray)
        self.preconditioner = preconditioner
        self.apply: Callable[[np.ndarray], np.ndarray] | None = None
        self.size = float(np.linalg.norm(self.rhs))
        self.target = max(stopping.relative * self.size, stopping.absolute)
        self.iterations = self.products = self.recycled = self.stale = 0
        self.setup_seconds = 0.0
        self.history: list[float] = []
        self.best = np.zeros_like(self.rhs)
        self.smallest = self.reference = self.size
        self.status: Status | None = None
        self.pending: Status | None = None
        self.exhausted_space = False
        self.lowest, self.lowest_at = np.inf, 0
        self.stretch = 0.0  # the largest ||A M^-1 v|| of a unit vector v so far

    @property
    def going(self) -> bool:
        """Whether nothing has ended the solve yet."""
        return self.status is None

    @property
    def at_limit(self) -> bool:
        """Whether no iteration is left."""
        return self.iterations >= self.stopping.max_iterations

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """The first x (n,) and its residual (n,); the preconditioner is built unless there is nothing to solve."""
        x, r = np.zeros_like(self.rhs), self.rhs
        if not np.isfinite(self.size):
            self.smallest, self.status = float("nan"), Status.NOT_FINITE
        elif self.size <= self.target:
            self.status = Status.CONVERGED
        else:
            self._set_up()
        if self.going and self.guess is not None and np.all(np.isfinite(self.guess)):
            r = self.residual(self.guess)
            norm = float(np.linalg.norm(r))
            if norm < self.size:  # a guess worse than zero is no help
                x, self.best, self.smallest, self.reference = self.guess, self.guess.copy(), norm, norm
                self.status = Status.CONVERGED if norm <= self.target else None
            else:
                r = self.rhs
        return x, r

    def _set_up(self) -> None:
        if self.preconditioner is None:
            return
        begun = time.perf_counter()
        try:
            self.apply = self.preconditioner.build(self.matrix)
        except NO_PRECONDITIONER:
            self.status = Status.SINGULAR
        self.setup_seconds = time.perf_counter() - begun

    def product(self, x: np.ndarray) -> np.ndarray:
        """A x (n,), an array of its own."""
        self.products += 1
        found = self.matrix @ x
        if type(found) is np.ndarray and found.dtype == np.float64 and found.shape == x.shape and self.stored:
            return found
        return np.array(found, dtype=np.float64).reshape(x.shape)

    def block_product(self, block: np.ndarray) -> np.ndarray:
        """A U (n, k), Fortran-ordered."""
        if self.stored:
            self.products += block.shape[1]
            return np.asfortranarray(self.matrix @ block)
        out = np.empty_like(block, order="F")
        for column in range(block.shape[1]):
            out[:, column] = self.product(block[:, column])
        return out

    def precondition(self, r: np.ndarray) -> np.ndarray:
        """M^-1 r (n,); r itself where there is no preconditioner."""
        return r if self.apply is None else np.asarray(self.apply(r), dtype=np.float64).reshape(r.shape)

    def residual(self, x: np.ndarray) -> np.ndarray:
        """b - A x (n,)."""
        return self.rhs - self.product(x)

    def note(self, residual: float) -> bool:
        """Write down the norm that the recurrence gives after an iteration; True where the sweep should end."""
        self.iterations += 1
        self.history.append(residual / self.size)
        if residual < self.lowest:
            self.lowest, self.lowest_at = residual, self.iterations
        plateau = self.iterations - self.lowest_at > max(LONGEST_PLATEAU, self.rhs.size)
        if plateau:
            self.stop(Status.STAGNATED)
        return residual <= self.target or self.at_limit or plateau

    def stop(self, status: Status) -> None:
        """End the solve after this sweep for this reason, unless the true residual turns out to be met."""
        self.pending = status

    def space_exhausted(self) -> None:
        """The Krylov space closed in this sweep, and the matrix is singular on it: x is its least-squares solution."""
        self.exhausted_space = True

    def check(self, x: np.ndarray) -> np.ndarray:
        """The true residual (n,) after a sweep, and what follows from it."""
        r = self.residual(x)
        norm = float(np.linalg.norm(r))
        before = self.smallest
        if norm < self.smallest:
            self.best, self.smallest = x, norm
        self.stale = self.stale + 1 if not norm < (1.0 - LEAST_GAIN) * self.reference else 0
        if self.stale == 0:
            self.reference = norm
        self.status = self._verdict(norm, before)
        self.exhausted_space = False
        return r

    def _verdict(self, norm: float, before: float) -> Status | None:
        if norm <= self.target:
            return Status.CONVERGED
        if not np.isfinite(norm):
            return Status.NOT_FINITE
        if self.pending is not None:
            return self.pending
        if self.at_limit:
            return Status.LIMIT
        if self.exhausted_space and not norm <= GAIN_AT_BREAKDOWN * before:
            return Status.BREAKDOWN
        return Status.STAGNATED if self.stale >= self.patience else None

    def info(self) -> Info:
        """What the solve came to. The residual is that of `best`, 0 for a right side of zero."""
        assert self.status is not None, "a solve is asked for its result before it ended"
        relative = 0.0 if self.size == 0.0 else self.smallest / self.size
        return Info(
            self.method,
            self.status,
            self.iterations,
            self.products,
            relative,
            time.perf_counter() - self.begun,
            self.setup_seconds,
            self.recycled,
            np.array(self.history),
        )
