"""Solving one piece: some samples in a row, from a fresh start, so that it does not matter where or when it is done."""

import dataclasses
import math
import time
from typing import Any

import numpy as np

from spinn.data.families import EvolvingFamily, Family, SteadyFamily
from spinn.data.families.family import Fields
from spinn.data.generation.recipe import Recipe
from spinn.solvers import Info, LinearSolver, Stopping, SuperLU

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


class FailedSampleError(Exception):
    """A sample that must not be stored, and why."""


def solve_piece(recipe: Recipe, members: np.ndarray, solver: LinearSolver | None) -> Piece:
    """Make the samples of the indices `members` (samples,), in this order; `solver` for steady families."""
    space: Any = None
    samples: list[Sample] = []
    indices, failures = [], {}
    for index in members.tolist():
        try:
            if isinstance(recipe.family, EvolvingFamily):
                sample = trajectory(recipe.family, recipe, index)
            else:
                assert isinstance(recipe.family, SteadyFamily) and solver is not None
                sample, space = solution(recipe.family, recipe, index, solver, space)
        except FailedSampleError as error:
            failures[index], space = str(error), None
            continue
        except TROUBLES as error:
            failures[index], space = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}", None
            continue
        samples.append(sample)
        indices.append(index)
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


def solution(family: SteadyFamily, recipe: Recipe, index: int, solver: LinearSolver, space: Any) -> tuple[Sample, Any]:
    """One system solved; by a direct solver where `solver` fails. What the solver learned goes back with it.

    **Raises:** FailedSampleError where neither meets the tolerance, or the system holds numbers that are not finite.
    """
    began = time.perf_counter()
    parameters = family.parameters(recipe.seed, index)
    _finite(parameters, "inputs")
    system = family.system(parameters)
    x, after, info = solver.solve(system.matrix, system.rhs, space)
    iterations, method = info.iterations, info.method
    if not _good(info, recipe.tolerance):
        first = info
        x, _, info = SuperLU(Stopping(relative=recipe.tolerance)).solve(system.matrix, system.rhs)
        if not _good(info, recipe.tolerance):
            raise FailedSampleError(
                f"{first.method}: {first.status}, residual {first.residual:.1e}; "
                f"{info.method}: {info.status}, residual {info.residual:.1e}"
            )
        after, method = None, info.method
    residual = system.residual(x)
    if not residual <= recipe.tolerance:
        raise FailedSampleError(f"{method} reports success, but the true residual is {residual:.1e}")
    fields = {**parameters, family.outputs[0]: np.asarray(system.insert(x))}
    _finite(fields, "fields")
    return Sample(fields, residual, iterations, time.perf_counter() - began, method), after


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
