"""The space that GCRO-DR and deflated CG hand from one system to the next."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Recycled:
    """Directions U (n, k) in the space of x, where they mean the same for the next matrix and its preconditioner.

    From GCRO-DR, A U is orthonormal for the last matrix A; from deflated CG, U^T A U is nearly the identity.
    `preconditioned`: M U (n, k) for the last preconditioner M, by which GCRO-DR judges what to keep; else None.
    """

    basis: np.ndarray
    preconditioned: np.ndarray | None = None

    @property
    def dimension(self) -> int:
        """Number of directions."""
        return self.basis.shape[1]


def checked_space(space: Any, size: int) -> Recycled | None:
    """The space, or None where there is nothing in it; ValueError where it is not one for systems of this size."""
    if space is None:
        return None
    if not isinstance(space, Recycled):
        raise ValueError(
            f"expected the space that a recycling Krylov method returned, got {type(space).__name__}: "
            "start a sequence with space=None"
        )
    if space.basis.shape[0] != size:
        raise ValueError(
            f"expected a space for {size} unknowns, got one for {space.basis.shape[0]}: start anew with space=None"
        )
    return space if space.dimension else None
