"""Sparse matrices on a grid as diagonals: one array of coefficients for each neighbour that a row reaches.

What the stencil of a PDE comes out as, whichever it is: five or seven points, convection, mixed derivatives, fourth
order with its one-sided rows next to faces (whose neighbours other rows have zeros for).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.solvers.batched.stencil import Values

# A row of a stencil has a few neighbours; a matrix with so many has no stencil.
MOST_NEIGHBOURS = 64
Offset = tuple[int, ...]


class Diagonals(eqx.Module):
    """(A u)_i = sum over offsets o of values_o[i] u[i + o], with u = 0 outside the grid; leading axes are a batch.

    `values`: an array (..., n_1, ..., n_d) for each of `offsets`.
    """

    values: tuple[Values, ...]
    offsets: tuple[Offset, ...] = eqx.field(static=True)

    @property
    def grid(self) -> tuple[int, ...]:
        """The unknowns along each axis."""
        return tuple(self.values[0].shape[-len(self.offsets[0]) :])

    def __call__(self, u: Values) -> Array:
        """The operator on u (..., n_1, ..., n_d)."""
        grid = self.grid
        reach = [max(abs(offset[axis]) for offset in self.offsets) for axis in range(len(grid))]
        padded = jnp.pad(u, [(0, 0)] * (u.ndim - len(grid)) + [(margin, margin) for margin in reach])
        total = jnp.zeros_like(u)
        for value, offset in zip(self.values, self.offsets, strict=True):
            starts = [margin + step for margin, step in zip(reach, offset, strict=True)]
            shifted = padded[(..., *(slice(s, s + n) for s, n in zip(starts, grid, strict=True)))]
            total = total + value * shifted
        return total


@dataclasses.dataclass(frozen=True, eq=False)
class Pattern:
    """Where the entries of a CSR matrix go: its index arrays, the offsets, and of which of these each entry is."""

    indptr: np.ndarray
    indices: np.ndarray
    rows: np.ndarray
    offsets: tuple[Offset, ...]
    which: np.ndarray

    def fits(self, matrix: Any) -> bool:
        """Whether a matrix has its entries in the same places."""
        same = matrix.indices is self.indices and matrix.indptr is self.indptr
        return same or (np.array_equal(matrix.indptr, self.indptr) and np.array_equal(matrix.indices, self.indices))


def pattern_of(matrix: Any, grid: tuple[int, ...]) -> Pattern:
    """Of a CSR matrix (n, n) over a grid (n_1, ..., n_d) in C order.

    ValueError where the grid does not fit, or where rows reach more neighbours than a stencil has.
    """
    n = math.prod(grid)
    if tuple(matrix.shape) != (n, n):
        raise ValueError(f"expected a matrix ({n}, {n}) on a grid of shape {grid}, got {tuple(matrix.shape)}")
    rows = np.repeat(np.arange(n), np.diff(matrix.indptr))
    columns, places = np.unravel_index(matrix.indices, grid), np.unravel_index(rows, grid)
    steps = [column - place for column, place in zip(columns, places, strict=True)]
    # One number for each offset: mixed radix, wide enough that no two share it.
    widths = [2 * length for length in grid]
    keys = np.zeros(len(rows), np.int64)
    for step, width in zip(steps, widths, strict=True):
        keys = keys * width + step
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) > MOST_NEIGHBOURS:
        raise ValueError(
            f"expected the matrix of a stencil, of at most {MOST_NEIGHBOURS} diagonals on the grid {grid}, got "
            f"{len(first)}: take a solver for sparse matrices"
        )
    offsets = tuple(tuple(int(step[place]) for step in steps) for place in first)
    return Pattern(matrix.indptr, matrix.indices, rows, offsets, which.reshape(-1))


def diagonals(matrices: Sequence[Any | None], grid: tuple[int, ...]) -> Diagonals:
    """The operators of a batch of CSR matrices, one a place, on a grid (n_1, ..., n_d); None stands for zero.

    ValueError as `pattern_of`, and where there is no matrix at all.
    """
    patterns: list[Pattern] = []
    chosen: list[tuple[int, Any, Pattern]] = []
    for place, matrix in enumerate(matrices):
        if matrix is None:
            continue
        pattern = next((one for one in patterns if one.fits(matrix)), None)
        if pattern is None:
            pattern = pattern_of(matrix, grid)
            patterns.append(pattern)
        chosen.append((place, matrix, pattern))
    if not chosen:
        raise ValueError("expected at least one matrix, got none")
    offsets = tuple(sorted({offset for pattern in patterns for offset in pattern.offsets}))
    numbers = {offset: number for number, offset in enumerate(offsets)}
    values = np.zeros((len(offsets), len(matrices), math.prod(grid)))
    where = {id(one): np.array([numbers[offset] for offset in one.offsets])[one.which] for one in patterns}
    for place, matrix, pattern in chosen:
        values[where[id(pattern)], place, pattern.rows] = matrix.data
    return Diagonals(tuple(one.reshape(len(matrices), *grid) for one in values), offsets)
