"""GMRES(m), restarted and preconditioned from the right (Saad and Schultz 1986; directions stored as in Saad 1993)."""

import dataclasses
from typing import Any, ClassVar

import numpy as np

from spinn.solvers.checks import checked_range
from spinn.solvers.krylov.arnoldi import Basis, arnoldi, empty_basis, least_squares
from spinn.solvers.stopping import Run
from spinn.solvers.types import DEFAULT_STOPPING, Info, Preconditioner, Space, Stopping

# Restart cycles that may gain nothing before the solve counts as stagnated.
PATIENCE = 4


@dataclasses.dataclass(frozen=True)
class GMRES:
    """For any square matrix. Minimises the residual over a Krylov space of `restart` vectors, then starts again.

    Memory is two blocks (n, restart). ValueError where restart < 1.
    """

    preconditioner: Preconditioner | None = None
    stopping: Stopping = DEFAULT_STOPPING
    restart: int = 40
    name: ClassVar[str] = "gmres"

    def __post_init__(self) -> None:
        checked_range("restart", self.restart, 1)

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Space | None, Info]:
        """Solution (n,), the space as it came, and how it went. ValueError where shapes or types are wrong."""
        with np.errstate(all="ignore"):  # what is not finite is found and reported as a status
            run = Run(self.name, matrix, rhs, self.preconditioner, self.stopping, guess, patience=PATIENCE)
            x, r = run.start()
            steps = min(self.restart, run.rhs.size)
            basis = empty_basis(run.rhs.size, steps) if run.going else None
            while run.going and basis is not None:
                x = _cycle(run, basis, x, r, steps)
                r = run.check(x)
            return run.best, space, run.info()


def _cycle(run: Run, basis: Basis, x: np.ndarray, r: np.ndarray, steps: int) -> np.ndarray:
    projected = arnoldi(run, basis, 0, r, steps)
    rhs = np.zeros(projected.shape[0])
    rhs[0] = np.linalg.norm(r)
    if projected.shape[1] == 0:
        return x
    return x + basis.directions[:, : projected.shape[1]] @ least_squares(projected, rhs)
