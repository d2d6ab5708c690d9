"""Solving one piece: some samples in a row, from a fresh start, so that it does not matter where or when it is done."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from spinn.data.families import EvolvingFamily, Family, SteadyFamily
from spinn.data.families.family import Fields
from spinn.data.generation.recipe import Recipe
from spinn.data.stencil import System
from spinn.errors import SpinnError
from spinn.solvers import Info, LinearSolver, SideBySide, Stopping, SuperLU

Made = TypeVar("Made")
TROUBLES = (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError)  # of one sample, not of the run


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """The samples of a piece that could be made, in the order in which they were solved, and what became of the others.

    `fields[name]` (samples, ...); `residuals`, `iterations`, `seconds` (samples,); `methods`: the solver of each;
    `failures`: by index, why a sample is left out.
    """

    indices: np.ndarray
    fields: dict[str, np.ndarray]
    residuals: np.ndarray
    iterations: np.ndarray
    seconds: np.ndarray
    methods: tuple[str, ...]
    failures: dict[int, str]


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """One sample that was made."""

    fields: Fields
    residual: float
    iterations: int
    seconds: float
    method: str


@dataclasses.dataclass(frozen=True, eq=False)
class Posed:
    """The inputs of a sample, its system, and the seconds that these took."""

    parameters: Fields
    system: System
    seconds: float


class FailedSampleError(Exception):
    """A sample that must not be stored, and why."""


def solve_piece(recipe: Recipe, members: np.ndarray, solver: LinearSolver | SideBySide | None) -> Piece:
    """Make the samples of the indices `members` (samples,), in this order; `solver` for steady families."""
    samples: list[Sample] = []
    indices, failures = [], {}
    for index, made in outcomes(recipe, members, solver):
        if isinstance(made, Sample):
            samples.append(made)
            indices.append(index)
        else:
            failures[index] = made
    names = samples[0].fields if samples else {}
    return Piece(
        np.array(indices, dtype=np.int64),
        {
            name: np.stack([sample.fields[name] for sample in samples]).astype(recipe.dtype, copy=False)
            for name in names
        },
        np.array([sample.residual for sample in samples]),
        np.array([sample.iterations for sample in samples], dtype=np.int64),
        np.array([sample.seconds for sample in samples]),
        tuple(sample.method for sample in samples),
        failures,
    )


def outcomes(
    recipe: Recipe, members: np.ndarray, solver: LinearSolver | SideBySide | None
) -> Iterator[tuple[int, Sample | str]]:
    """Index of each member, and its sample or why there is none."""
    if isinstance(recipe.family, EvolvingFamily):
        for index in members.tolist():
            yield index, attempted(trajectory, recipe.family, recipe, index)
    elif isinstance(solver, SideBySide):
        for start in range(0, len(members), solver.width):
            yield from together(recipe, members[start : start + solver.width].tolist(), solver)
    else:
        assert solver is not None
        yield from one_by_one(recipe, members.tolist(), solver)


def one_by_one(recipe: Recipe, members: list[int], solver: LinearSolver) -> Iterator[tuple[int, Sample | str]]:
    """Each system with what the solver learned from those before; from nothing after a sample that failed."""
    space: Any = None
    for index in members:
        made = attempted(solution, recipe, index, solver, space)
        sample, space = (made, None) if isinstance(made, str) else made
        yield index, sample


def together(recipe: Recipe, members: list[int], solver: SideBySide) -> Iterator[tuple[int, Sample | str]]:
    """All systems side by side. A sample that has none leaves its place empty, so that nothing shifts."""
    problems = [attempted(posed, recipe, index) for index in members]
    systems = [None if isinstance(one, str) else (one.system.matrix, one.system.rhs) for one in problems]
    try:
        solved = solver.solve_many(systems)
    except TROUBLES as error:  # of the batch: out of memory, or matrices of another kind
        why = (str(error).splitlines() or [""])[0][:200]
        raise SpinnError(
            f"solver: {solver.name} failed on {len(members)} systems side by side ({why}); "
            "give a smaller piece, or another solver"
        ) from error
    for index, problem, (x, info) in zip(members, problems, solved, strict=True):
        made = problem if isinstance(problem, str) else attempted(accepted, recipe, problem, x, info)
        yield index, made if isinstance(made, str) else made[0]


def attempted(make: Callable[..., Made], *arguments: Any) -> Made | str:
    """What a step in the making of one sample gives, or in words why it fails."""
    try:
        return make(*arguments)
    except FailedSampleError as error:
        return str(error)
    except TROUBLES as error:
        return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"


def posed(recipe: Recipe, index: int) -> Posed:
    """The system of a sample.

    **Raises:** FailedSampleError for inputs that are not finite.
    """
    began = time.perf_counter()
    assert isinstance(recipe.family, SteadyFamily)
    parameters = recipe.family.parameters(recipe.seed, index)
    _finite(parameters, "inputs")
    system = recipe.family.system(parameters)
    return Posed(parameters, system, time.perf_counter() - began)


def solution(recipe: Recipe, index: int, solver: LinearSolver, space: Any) -> tuple[Sample, Any]:
    """One system solved. What the solver learned goes back with it.

    **Raises:** FailedSampleError as `posed` and `accepted`.
    """
    problem = posed(recipe, index)
    x, after, info = solver.solve(problem.system.matrix, problem.system.rhs, space)
    sample, direct = accepted(recipe, problem, x, info)
    return sample, None if direct else after


def accepted(recipe: Recipe, problem: Posed, x: np.ndarray, info: Info) -> tuple[Sample, bool]:
    """The sample of a solution x (n,), and whether it had to be found by a direct solver, x being no good.

    **Raises:** FailedSampleError where that does not meet the tolerance either, or fields are not finite.
    """
    began, system = time.perf_counter(), problem.system
    iterations, method, seconds, direct = info.iterations, info.method, info.seconds, False
    if not _good(info, recipe.tolerance):
        first, direct = info, True
        x, _, info = SuperLU(Stopping(relative=recipe.tolerance)).solve(system.matrix, system.rhs)
        if not _good(info, recipe.tolerance):
            raise FailedSampleError(
                f"{first.method}: {first.status}, residual {first.residual:.1e}; "
                f"{info.method}: {info.status}, residual {info.residual:.1e}"
            )
        method = info.method
    residual = system.residual(x)
    if not residual <= recipe.tolerance:
        raise FailedSampleError(f"{method} reports success, but the true residual is {residual:.1e}")
    assert isinstance(recipe.family, SteadyFamily)
    fields = {**problem.parameters, recipe.family.outputs[0]: np.asarray(system.insert(x))}
    _finite(fields, "fields")
    seconds += problem.seconds + time.perf_counter() - began
    return Sample(fields, residual, iterations, seconds, method), direct


def trajectory(family: EvolvingFamily, recipe: Recipe, index: int) -> Sample:
    """One trajectory, checked step by step against a tighter tolerance.

    **Raises:** FailedSampleError where it is not finite or does not pass.
    """
    began = time.perf_counter()
    parameters = family.parameters(recipe.seed, index)
    _finite(parameters, "inputs")
    _, fields = family.trajectory(parameters)
    _finite(fields, "fields")
    residual = family.residual(parameters, fields)
    if not residual <= allowed(family, recipe.tolerance, "float64"):
        raise FailedSampleError(f"a step differs by {residual:.1e} from one at a tenth of the tolerance")
    return Sample(fields, residual, 0, time.perf_counter() - began, type(family).__name__)


def allowed(family: Family, tolerance: float, dtype: str) -> float:
    """The residual that a stored sample may have.

    Steps in time are within a hundred times the integrator's tolerance, which is of each of its many steps. Rounding of
    stored float32 fields alone gives residuals of 1e-7 times the condition of the system.
    """
    if isinstance(family, EvolvingFamily):
        return max(100.0 * family.tolerance, 1e-5 if dtype == "float32" else 0.0)
    return tolerance if dtype == "float64" else math.inf


def _good(info: Info, tolerance: float) -> bool:
    return info.converged and info.residual <= tolerance


def _finite(fields: Fields, what: str) -> None:
    bad = [name for name, values in fields.items() if not np.all(np.isfinite(values))]
    if bad:
        raise FailedSampleError(f"{what} that are not finite: {', '.join(bad)}")
