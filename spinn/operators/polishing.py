"""From a prediction to a solution of its linear system: a recycling Krylov method that starts from it.

What the solver learns from one system serves the next. The same systems solved from zero, with a recycled space of
their own, say how many iterations the prediction saved.

A prediction is right in what is smooth, and its residual is all in what is not: that of an operator with an error of a
percent is as large as that of zero. Where matrices are definite, a few sweeps of Chebyshev's semi-iteration over the
upper part of the spectrum take that away first (Saad, Iterative Methods for Sparse Linear Systems, 2003, algorithm
12.1), a product with the matrix each, and no preconditioner; without them nothing is gained in the residual's norm.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from spinn.data.families import SteadyFamily
from spinn.data.stencil import System
from spinn.solvers import GCRODR, ILU, DeflatedCG, FastPoisson, LinearSolver, Shared, Stopping

# Sweeps of smoothing, and the part of the spectrum that they damp: from the highest eigenvalue down to one of so many.
SWEEPS, PART = 4, 12.0


@dataclasses.dataclass(frozen=True, eq=False)
class Polished:
    """One system: solution (n,), residual of the prediction, iterations from it and, if asked for, from zero."""

    x: np.ndarray
    before: float
    iterations: int
    alone: int | None
    converged: bool


@dataclasses.dataclass(eq=False)
class Polisher:
    """Solves the systems of a family one after the other. Not frozen: it keeps what was learned from those before."""

    family: SteadyFamily
    tolerance: float
    solver: LinearSolver | None = None
    space: Any = None
    space_alone: Any = None

    @property
    def name(self) -> str:
        """Of the solver."""
        return self.solver.name if self.solver is not None else "none"

    def solve(self, system: System, guess: np.ndarray, *, compare: bool) -> Polished:
        """From a guess (n,); `compare`: from zero as well."""
        if self.solver is None:
            self.solver = recycling(system, self.family, Stopping(relative=0.9 * self.tolerance))
        before = system.residual(guess)
        start = (smoothed(system, guess) if system.definite else guess) if np.isfinite(before) else None
        x, self.space, info = self.solver.solve(system.matrix, system.rhs, self.space, guess=start)
        alone = None
        if compare:
            _, self.space_alone, cold = self.solver.solve(system.matrix, system.rhs, self.space_alone)
            alone = cold.iterations
        return Polished(x, before, info.iterations, alone, system.residual(x) <= self.tolerance)


def smoothed(system: System, x: np.ndarray, sweeps: int = SWEEPS) -> np.ndarray:
    """x (n,) after sweeps that damp errors of the upper part of the spectrum of D^-1 A, D the diagonal."""
    inverse = 1.0 / system.matrix.diagonal()
    high = float(np.max(inverse * np.asarray(abs(system.matrix).sum(axis=1)).ravel()))  # Gershgorin's circles
    middle, half = 0.5 * high * (1 + 1 / PART), 0.5 * high * (1 - 1 / PART)
    sigma = middle / half
    rho, residual = 1.0 / sigma, inverse * (system.rhs - system.matrix @ x)
    step = residual / middle
    for _ in range(sweeps):
        x = x + step
        residual = residual - inverse * (system.matrix @ step)
        after = 1.0 / (2.0 * sigma - rho)
        step, rho = after * rho * step + 2.0 * after / half * residual, after
    return x


def recycling(system: System, family: SteadyFamily, stopping: Stopping) -> LinearSolver:
    """The recycling solver for such systems: deflated CG where they are definite, GCRO-DR elsewhere.

    On boxes CG is preconditioned by sine transforms, of A itself or scaled by its diagonal: whichever needs fewer
    iterations on this system.
    """
    layout = getattr(family, "layout", None)
    box = layout is not None and not any(axis.periodic for axis in layout.axes)
    fits = box and math.prod(system.shape) == len(system.rhs) and len(system.shape) <= 3
    if system.definite and fits:
        both = [DeflatedCG(FastPoisson(system.shape, scaled=scaled), stopping) for scaled in (False, True)]
        infos = [solver.solve(system.matrix, system.rhs)[2] for solver in both]
        return both[int(not infos[0].converged or (infos[1].converged and infos[1].iterations < infos[0].iterations))]
    if system.definite:
        return DeflatedCG(None, stopping)
    return GCRODR(FastPoisson(system.shape, shift=None), stopping) if fits else Shared(GCRODR(ILU(), stopping))
