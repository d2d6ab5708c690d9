"""Sparse LU by PARDISO, from Intel's MKL."""

import copy
import dataclasses
import functools
import importlib
import importlib.util
import weakref
from typing import Any, ClassVar

import numpy as np
import scipy.sparse

from spinn.errors import SpinnError
from spinn.solvers.direct.pattern import Pattern
from spinn.solvers.direct.refinement import Analysis, solve_directly
from spinn.solvers.types import DEFAULT_STOPPING, Info, Space, Stopping

# PARDISO's numbers for its phases.
ANALYSIS, FACTORISATION, SOLUTION = 11, 22, 33


@dataclasses.dataclass(frozen=True)
class Pardiso:
    """For any square matrix: nested dissection and matching once for a pattern, supernodal LU with pivots perturbed
    where they are small, which refinement undoes (Schenk and Gaertner 2004).
    """

    stopping: Stopping = DEFAULT_STOPPING
    name: ClassVar[str] = "pardiso"

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Analysis | None, Info]:
        """Solution (n,), the analysis for the next system, and how it went."""
        return solve_directly(self.name, _Factor, self.stopping, matrix, rhs, space, guess)


def available() -> bool:
    """Whether PARDISO can be imported."""
    return importlib.util.find_spec("pypardiso") is not None


@functools.cache
def _loaded() -> Any:
    """A solver without a matrix. Making one searches the disk for MKL, so the others are copies of it."""
    return importlib.import_module("pypardiso").PyPardisoSolver()


class _Factor:
    """PARDISO's own memory, freed with this object."""

    def __init__(self, pattern: Pattern):
        try:
            library = importlib.import_module("pypardiso")
            self.solver = copy.copy(_loaded())
        except ImportError as error:
            raise SpinnError(
                "PARDISO needs pypardiso and MKL, which are not installed; install them with: "
                'pip install "spinn-pde[pardiso]"'
            ) from error
        self.solver.pt, self.solver.iparm = np.zeros_like(self.solver.pt), np.zeros_like(self.solver.iparm)
        self.pattern = pattern
        self.matrix: Any = None
        self.analysed = False
        self.errors: type[Exception] = type(library.pardiso_wrapper.PyPardisoError(-1))
        self.empty_row = bool(np.any(np.diff(pattern.indptr) == 0))
        weakref.finalize(self, self.solver.free_memory, everything=True)

    def update(self, values: np.ndarray) -> None:
        if self.empty_row:  # PARDISO crashes on one
            raise np.linalg.LinAlgError("a row of the matrix is empty")
        shape = (self.pattern.size, self.pattern.size)
        arrays = (values, self.pattern.indices.astype(np.int32), self.pattern.indptr.astype(np.int32))
        self.matrix = scipy.sparse.csr_matrix(arrays, shape=shape)
        if not self.analysed:
            self._call(ANALYSIS, np.zeros(self.pattern.size))
            self.analysed = True
        self._call(FACTORISATION, np.zeros(self.pattern.size))

    def repair(self, values: np.ndarray) -> bool:
        """The matching that was found for other entries may not suit these: analyse anew."""
        self.analysed = False
        self.update(values)
        return True

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        return np.asarray(self._call(SOLUTION, rhs))

    def _call(self, phase: int, rhs: np.ndarray) -> np.ndarray:
        """LinAlgError with PARDISO's number where it fails. pypardiso has no public call for one phase alone."""
        self.solver.set_phase(phase)
        try:
            return self.solver._call_pardiso(self.matrix, rhs)
        except self.errors as error:
            raise np.linalg.LinAlgError(f"PARDISO failed in phase {phase}: {error}") from error
