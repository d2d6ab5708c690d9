"""Conjugate gradients for symmetric positive definite matrices (Hestenes and Stiefel 1952; preconditioned)."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
from scipy.linalg.blas import daxpy

from spinn.solvers.stopping import Run, two_norm
from spinn.solvers.types import DEFAULT_STOPPING, Info, Preconditioner, Space, Status, Stopping

# Sweeps whose own residual met the rule while the true one gained nothing: more of them would not help.
PATIENCE = 2


@dataclasses.dataclass(frozen=True)
class CG:
    """For symmetric positive definite A and M. Either one found not to be so ends the solve as `Status.INDEFINITE`.

    Symmetry itself is not checked; the residual at the end is the true one in any case.
    """

    preconditioner: Preconditioner | None = None
    stopping: Stopping = DEFAULT_STOPPING
    name: ClassVar[str] = "cg"

    def solve(
        self, matrix: Any, rhs: np.ndarray, space: Space | None = None, *, guess: np.ndarray | None = None
    ) -> tuple[np.ndarray, Space | None, Info]:
        """Solution (n,), the space as it came, and how it went. ValueError where shapes or types are wrong."""
        with np.errstate(all="ignore"):  # what is not finite is found and reported as a status
            run = Run(self.name, matrix, rhs, self.preconditioner, self.stopping, guess, patience=PATIENCE)
            x, r = run.start()
            while run.going:
                x = _sweep(run, x.copy(), r.copy())
                r = run.check(x)
            return run.best, space, run.info()


def _sweep(run: Run, x: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Iterate until the recurrence for the residual meets the rule; x and r are changed in place."""
    z = run.precondition(r)
    p = z.copy()
    gamma = float(r @ z)
    while positive(run, gamma):
        q = run.product(p)
        curvature = float(p @ q)
        if not positive(run, curvature):
            break
        alpha = gamma / curvature
        daxpy(p, x, a=alpha)
        daxpy(q, r, a=-alpha)
        if run.note(two_norm(r)):
            break
        z = run.precondition(r)
        gamma, before = float(r @ z), gamma
        p *= gamma / before
        p += z
    return x


def positive(run: Run, number: float) -> bool:
    """Whether an energy (r, M^-1 r) or (p, A p) is one; if not, the solve ends with the reason."""
    if number > 0.0 and np.isfinite(number):
        return True
    run.stop(Status.INDEFINITE if np.isfinite(number) else Status.NOT_FINITE)
    return False
