"""Sparse L D L^T without pivoting, by QDLDL."""

import dataclasses
import importlib
import importlib.util
from typing import Any, ClassVar

import numpy as np
import scipy.sparse

from spinn.errors import SpinnError
from spinn.solvers.direct.pattern import Pattern
from spinn.solvers.direct.refinement import Analysis, solve_directly
from spinn.solvers.types import DEFAULT_STOPPING, Info, Space, Stopping

# Entries of A and A^T that differ by more than this, relative to the largest, make a matrix unsymmetric.
UNSYMMETRIC = 1e-10
# What is added to the diagonal, relative to the largest entry, where a pivot is zero. Refinement undoes it.
SHIFT = 1e-9


@dataclasses.dataclass(frozen=True)
class QDLDL:
    """For symmetric matrices, definite or not: A = L D L^T with D diagonal (Stellato et al. 2020: OSQP).

    The order of elimination (approximate minimum degree, Amestoy, Davis and Duff 2004) and the elimination tree are
    found once for a pattern. There is no pivoting, so an indefinite matrix may lose digits, which refinement regains;
    where one fails for want of a pivot the diagonal is shifted by a little, from then on. ValueError where a matrix is
    not symmetric.
    """

    stopping: Stopping = DEFAULT_STOPPING
    name: ClassVar[str] = "qdldl"

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Analysis | None, Info]:
        """Solution (n,), the analysis for the next system, and how it went."""
        return solve_directly(self.name, _Factor, self.stopping, matrix, rhs, space, guess)


def available() -> bool:
    """Whether QDLDL can be imported."""
    return importlib.util.find_spec("qdldl") is not None


class _Factor:
    """The upper triangle by columns, every diagonal entry present, in the order that QDLDL takes it."""

    def __init__(self, pattern: Pattern):
        try:
            self.qdldl = importlib.import_module("qdldl")
        except ImportError as error:
            raise SpinnError("QDLDL is not installed; install it with: pip install qdldl, or use SuperLU") from error
        rows, columns, size = pattern.rows(), pattern.indices, pattern.size
        self.transposition = pattern.transposition()
        # Row j of a symmetric matrix up to the diagonal is column j of its upper triangle.
        below = np.flatnonzero(columns < rows)
        on = np.flatnonzero(columns == rows)
        row = np.concatenate([rows[below], np.arange(size)])
        column = np.concatenate([columns[below], np.arange(size)])
        order = np.lexsort((column, row))
        self.below, self.on, self.diagonal = below, on, rows[on]
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        self.place_below, self.place_diagonal = place[: len(below)], place[len(below) :]
        self.indices = column[order].astype(np.int32)
        self.indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=size))]).astype(np.int32)
        self.size = size
        self.shifted = False
        self.solver: Any = None

    def update(self, values: np.ndarray) -> None:
        largest = float(np.max(np.abs(values), initial=0.0))
        other = self.transposition
        if other is None or np.max(np.abs(values - values[other]), initial=0.0) > UNSYMMETRIC * largest:
            raise ValueError("expected a symmetric matrix, got one that differs from its transpose: use SuperLU")
        try:
            self._factorise(values)
        except RuntimeError:
            if not self.repair(values):
                raise

    def repair(self, values: np.ndarray) -> bool:
        if self.shifted:
            return False
        self.shifted = True
        self._factorise(values)
        return True

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        return np.asarray(self.solver.solve(rhs))

    def _factorise(self, values: np.ndarray) -> None:
        """RuntimeError where the first factorisation meets a pivot of zero. An update says nothing: refinement will."""
        upper = np.zeros(len(self.indices))
        upper[self.place_below] = values[self.below]
        upper[self.place_diagonal[self.diagonal]] = values[self.on]
        if self.shifted:
            upper[self.place_diagonal] += SHIFT * np.max(np.abs(values), initial=0.0)
        triangle = scipy.sparse.csc_matrix((upper, self.indices, self.indptr), shape=(self.size, self.size))
        if self.solver is None:
            self.solver = self.qdldl.Solver(triangle, upper=True)
        else:
            self.solver.update(triangle, upper=True)
