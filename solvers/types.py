"""What every solver of linear systems here takes and gives: `x, space, info = solver.solve(matrix, rhs, space)`.

A matrix is scipy.sparse CSR of float64, or anything with `@` and `.shape` where no entries are needed. What a solver
learns from one system for the next is the `space`, a value that it hands out and takes back.
"""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

# A recycled basis, a symbolic factorisation, a preconditioner with its age: opaque to all but the solver that made it.
Space: TypeAlias = Any


@dataclasses.dataclass(frozen=True)
class Stopping:
    """The one stopping rule: the true residual ||b - A x|| is at most max(relative * ||b||, absolute)."""

    relative: float = 1e-8
    absolute: float = 0.0
    max_iterations: int = 10_000


DEFAULT_STOPPING = Stopping()


class Status(enum.StrEnum):
    """How a solve ended. All but the first are failures, and x is then the best that was found."""

    CONVERGED = "converged"
    STAGNATED = "stagnated"
    LIMIT = "iteration limit"
    BREAKDOWN = "breakdown"
    INDEFINITE = "not positive definite"
    SINGULAR = "singular"
    NOT_FINITE = "not finite"


@dataclasses.dataclass(frozen=True, eq=False)
class Info:
    """What a solve cost and how it ended.

    `iterations`: applications of the preconditioned operator in the Krylov loop; `products`: products with A all told,
    also those that renew the recycled space and check the residual; `residual`: ||b - A x|| / ||b||, recomputed
    (0 where b is 0); `seconds`: wall time with set-up; `setup_seconds`: of which set-up of preconditioner or
    factorisation; `recycled`: dimension of the space that came in; `history`: relative residual after each iteration.
    """

    method: str
    status: Status
    iterations: int
    products: int
    residual: float
    seconds: float
    setup_seconds: float = 0.0
    recycled: int = 0
    history: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))

    @property
    def converged(self) -> bool:
        """Whether the true residual met the stopping rule."""
        return self.status is Status.CONVERGED


@runtime_checkable
class LinearSolver(Protocol):
    """A frozen recipe of a solver; `solve` never changes what it is given, and failures are a status, not an error."""

    @property
    def name(self) -> str:
        """By which tables and files call it."""
        ...

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Space | None, Info]:
        """Solution (n,), what the next system may use, and how it went. ValueError where shapes or types are wrong."""
        ...


@runtime_checkable
class Preconditioner(Protocol):
    """A frozen recipe of a preconditioner."""

    @property
    def name(self) -> str:
        """By which tables and files call it."""
        ...

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """The map r -> M^-1 r of vectors (n,)."""
        ...
