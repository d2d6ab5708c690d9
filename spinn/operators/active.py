"""Which samples to make next: those of a pool on which an operator's residual is largest. No system is solved."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spinn.data.families import SteadyFamily
from spinn.data.formats.samples import Column, Samples
from spinn.data.generation import Recipe
from spinn.data.stencil import System
from spinn.errors import SpinnError
from spinn.evaluation import device_context
from spinn.operators.streaming import Stream
from spinn.operators.surrogate import Learned, load
from spinn.operators.validation import predictor
from spinn.solvers import FastPoisson

TOGETHER = 32  # candidates that are predicted at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """Numbers of samples in their family, in ascending order; residuals of these, and of the whole pool."""

    numbers: tuple[int, ...]
    residuals: np.ndarray
    pool: np.ndarray

    @property
    def told(self) -> str:
        """One line."""
        return (
            f"chose {len(self.numbers)} of {len(self.pool)} candidates: residuals {np.median(self.residuals):.2g} "
            f"(median), {np.median(self.pool):.2g} in the pool"
        )


def choose(
    recipe: Recipe,
    model: str | Path | Learned,
    *,
    pool: int = 8,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Chosen:
    """The `recipe.samples` candidates of `pool` times as many with the largest residuals.

    Candidates are samples of the recipe's seed after those that the operator was trained on, if that was the same. The
    residual is measured in the norm of `dual`.

    **Raises:** SpinnError for a family without linear systems, an operator with other inputs, or a pool below one.
    """
    learned, family = model if isinstance(model, Learned) else load(model), recipe.family
    if not isinstance(family, SteadyFamily):
        raise SpinnError(f"--active: expected a steady family, whose residuals are cheap; got {family.name}")
    if pool < 1:
        raise SpinnError(f"--pool: expected at least 1 candidate a sample, got {pool}")
    first = int(learned.facts.get("next", 0)) if learned.facts.get("seed") == recipe.seed else 0
    count = pool * recipe.samples
    found = np.empty(count)
    with device_context("float32"):
        drawn = [family.parameters(recipe.seed, first + place) for place in range(count)]
        stream = Stream(_candidates(family, drawn), learned.surrogate.layout, memory=0)
        run = predictor(learned.surrogate, stream)
        for start in range(0, count, TOGETHER):
            rows = range(start, min(start + TOGETHER, count))
            for row, values in zip(rows, run(stream.batch(rows).inputs), strict=True):
                system = family.system(drawn[row])
                found[row] = dual(system, system.extract(np.asarray(values[0], float)))
            progress(min(start + TOGETHER, count), count)
    best = np.sort(np.argsort(-found, kind="stable")[: recipe.samples])
    return Chosen(tuple(int(first + place) for place in best), found[best], found)


def _candidates(family: SteadyFamily, drawn: list[dict[str, np.ndarray]]) -> Samples:
    """Parameters as samples without outputs."""
    axes = dict(family.axes)
    names = tuple(axes)

    def column(name: str) -> Column:
        shape: tuple[int, ...] = np.shape(drawn[0][name])
        return Column(lambda place: np.asarray(drawn[place][name]), shape, names if shape else ())

    inputs: dict[str, Any] = {name: column(name) for name in drawn[0]}
    return Samples(Path(family.name), "native", len(drawn), inputs, {}, axes)


def dual(system: System, x: np.ndarray) -> float:
    """The relative residual of x (n,) in the norm dual to that of the energy, as far as sine transforms know it:
    sqrt(r^T M^-1 r / b^T M^-1 b), M the Laplacian. It is close to the relative error in the energy, which the
    Euclidean norm of a residual, being all of rough errors, is not. That norm where the grid has no such transform.
    """
    r, b = system.rhs - system.matrix @ x, system.rhs
    if math.prod(system.shape) != len(b) or not 1 <= len(system.shape) <= 3:
        return system.residual(x)
    solve = FastPoisson(system.shape, shift=0.0).build(system.matrix)
    whole = float(b @ solve(b))
    return math.sqrt(max(float(r @ solve(r)), 0.0) / whole) if whole > 0 else system.residual(x)
