"""Solve systems one after the other with what earlier ones taught, and sum up what that cost."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from spinn.solvers.types import Info, LinearSolver, Space


def solve_sequence(
    systems: Iterable[tuple[Any, np.ndarray]],
    solver: LinearSolver,
    *,
    space: Space | None = None,
    carry: bool = True,
    warm: bool = False,
) -> Iterator[tuple[np.ndarray, Info]]:
    """Solution (n,) and `Info` of each system (matrix (n, n), right side (n,)), as soon as it is there.

    `space`: what to start from; `carry`: hand the space on (False solves each on its own, from `space`); `warm`: start
    from the last solution, where the last system converged. A system that fails yields its best x, and its status says
    so. ValueError where a system does not fit the one before it.
    """
    current, guess = space, None
    for matrix, rhs in systems:
        x, found, info = solver.solve(matrix, rhs, current, guess=guess)
        if carry:
            current = found
        guess = x if warm and info.converged else None
        yield x, info


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a sequence cost: totals, medians a system, the worst true relative residual, and failures by status."""

    systems: int
    iterations: int
    products: int
    seconds: float
    setup_seconds: float
    median_iterations: float
    median_products: float
    median_seconds: float
    worst_residual: float
    failures: dict[str, int]

    @property
    def converged(self) -> int:
        """How many systems met the stopping rule."""
        return self.systems - sum(self.failures.values())


def summarise(infos: Iterable[Info]) -> Summary:
    """Of any number of solves; medians and the worst residual of none are nan."""
    every = list(infos)
    failures = collections.Counter(str(info.status) for info in every if not info.converged)

    def median(values: list[float]) -> float:
        return float(np.median(values)) if values else float("nan")

    return Summary(
        systems=len(every),
        iterations=sum(info.iterations for info in every),
        products=sum(info.products for info in every),
        seconds=sum(info.seconds for info in every),
        setup_seconds=sum(info.setup_seconds for info in every),
        median_iterations=median([info.iterations for info in every]),
        median_products=median([info.products for info in every]),
        median_seconds=median([info.seconds for info in every]),
        worst_residual=float(np.max([info.residual for info in every])) if every else float("nan"),
        failures=dict(failures),
    )
