"""One preconditioner for a chain of similar systems, built anew when it has aged."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar, cast, runtime_checkable

import numpy as np

from spinn.solvers.types import Info, LinearSolver, Preconditioner, Space

S = TypeVar("S")

# Iterations that a solve may grow by without the preconditioner being to blame, where it needs very few.
SLACK = 2


@runtime_checkable
class Preconditioned(Protocol):
    """A solver that is a frozen dataclass with a field `preconditioner`, as the Krylov methods are."""

    @property
    def preconditioner(self) -> Preconditioner | None:
        """The recipe that the solver builds for every matrix."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Built:
    """A preconditioner that is there already, whatever the matrix."""

    apply: Callable[[np.ndarray], np.ndarray]
    name: str = "built"

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """The map r (n,) -> M^-1 r as it is."""
        return self.apply


@dataclasses.dataclass(frozen=True, eq=False)
class SharedSpace:
    """What `Shared` hands on: the preconditioner, what it cost when new, its age, and the space of the solver within.

    `apply`: None where it is to be built anew; `size`: rows of the matrix that it was built for; `iterations`: of the
    first solve with it; `age`: systems solved with it; `builds`: preconditioners built so far.
    """

    apply: Callable[[np.ndarray], np.ndarray] | None
    size: int
    iterations: int
    age: int
    builds: int
    inner: Space | None


@dataclasses.dataclass(frozen=True)
class Shared:
    """Solves with `solver`, whose preconditioner is built once and kept along the chain.

    It is renewed for the next system once a solve took `grow` times the iterations that the first solve with it took,
    or after `longest` systems; at once, for the same system again, where an old one made the solve fail. `solver` is
    any frozen dataclass with a field `preconditioner`: `Shared(CG(SmoothedAggregation()))`.
    """

    solver: LinearSolver
    grow: float = 1.5
    longest: int = 1000
    name: ClassVar[str] = "shared"

    def __post_init__(self) -> None:
        recipe = getattr(self.solver, "preconditioner", None)
        if recipe is None:
            raise ValueError(f"expected a solver with a preconditioner to share, got {self.solver}: give it one")
        if self.grow < 1.0 or self.longest < 1:
            raise ValueError(f"expected grow >= 1 and longest >= 1, got {self.grow} and {self.longest}")

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, SharedSpace, Info]:
        """Solution (n,), the space for the next system, and how it went, as the solver within says it."""
        if space is not None and not isinstance(space, SharedSpace):
            raise ValueError(f"expected the space of an earlier solve by Shared, or None, got {type(space).__name__}")
        begun = time.perf_counter()
        apply = space.apply if space is not None and space.size == matrix.shape[0] else None
        if space is None or apply is None:
            return self._anew(matrix, rhs, space, guess)
        x, inner, info = with_preconditioner(self.solver, Built(apply)).solve(matrix, rhs, space.inner, guess=guess)
        if not info.converged and space.age > 0:
            start = x if np.all(np.isfinite(x)) else guess
            x, renewed, second = self._anew(matrix, rhs, dataclasses.replace(space, inner=inner), start)
            return x, renewed, _added(info, second, time.perf_counter() - begun)
        aged = info.iterations > self.grow * space.iterations + SLACK or space.age + 1 >= self.longest
        found = SharedSpace(None if aged else apply, space.size, space.iterations, space.age + 1, space.builds, inner)
        return x, found, info

    def _anew(
        self, matrix: Any, rhs: np.ndarray, space: SharedSpace | None, guess: np.ndarray | None
    ) -> tuple[np.ndarray, SharedSpace, Info]:
        """Solve with a new preconditioner, which is kept if the solver came to build it and converged."""
        before = SharedSpace(None, matrix.shape[0], 0, 0, 0, None) if space is None else space
        recorder = _Recorder(cast(Preconditioner, cast(Preconditioned, self.solver).preconditioner))
        solver = with_preconditioner(self.solver, recorder)
        x, inner, info = solver.solve(matrix, rhs, before.inner, guess=guess)
        apply = recorder.applied[0] if recorder.applied and info.converged else None
        builds = before.builds + len(recorder.applied)
        return x, SharedSpace(apply, matrix.shape[0], info.iterations, 1, builds, inner), info


@dataclasses.dataclass(frozen=True, eq=False)
class _Recorder:
    """Builds by a recipe, inside the solver so that its clock sees it, and writes down what came out."""

    recipe: Preconditioner
    applied: list[Callable[[np.ndarray], np.ndarray]] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        return self.recipe.name

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        apply = self.recipe.build(matrix)
        self.applied[:] = [apply]
        return apply


def with_preconditioner(solver: S, preconditioner: Preconditioner) -> S:
    """The same solver with another preconditioner."""
    return cast(S, dataclasses.replace(cast(Any, solver), preconditioner=preconditioner))


def _added(first: Info, second: Info, seconds: float) -> Info:
    """The result of the second solve at the price of both."""
    return dataclasses.replace(
        second,
        iterations=first.iterations + second.iterations,
        products=first.products + second.products,
        seconds=seconds,
        setup_seconds=first.setup_seconds + second.setup_seconds,
        history=np.concatenate([first.history, second.history]),
    )
