"""Difference matrices of one axis and of the grid: from all nodes to the nodes that carry an unknown."""

import functools

import numpy as np
import scipy.sparse as sp

from spinn.data.stencil.grid import Axis, Grid
from spinn.data.stencil.weights import central, one_sided, weights


@functools.lru_cache(maxsize=64)
def axis_matrix(axis: Axis, derivative: int, order: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """(D, G): the derivative at every node of the axis is D u + G g, with g the outward slope on Neumann faces.

    A Neumann face mirrors: u_-1 = u_1 + 2 h g, of second order (the ghost node of the central difference). Where the
    central difference does not fit otherwise, the nearest nodes give one of the same order.
    """
    count, h = axis.points, axis.spacing
    D, G = sp.lil_matrix((count, count)), sp.lil_matrix((count, count))
    if derivative == 0:
        return sp.identity(count, format="csr"), sp.csr_matrix((count, count))
    offsets = central(derivative, order)
    half = offsets[-1]
    for row in range(count):
        ends = (row < half and axis.ends[0] == "neumann", row >= count - half and axis.ends[1] == "neumann")
        if any(ends) and half > 1:
            raise ValueError(
                f"derivative of order {derivative} at a Neumann face of {axis.name}: only up to the second"
            )
        fits = axis.periodic or half <= row < count - half or any(ends)
        used = offsets if fits else one_sided(derivative, order, row, count)
        for offset, w in zip(used, weights(used, derivative), strict=True):
            column = row + offset
            if axis.periodic:
                column %= count
            elif not 0 <= column < count:
                column = row - offset
                G[row, row] += 2 * h * w / h**derivative
            D[row, column] += w / h**derivative
    return D.tocsr(), G.tocsr()


@functools.lru_cache(maxsize=128)
def grid_matrix(grid: Grid, orders: tuple[int, ...]) -> tuple[sp.csr_matrix, tuple[sp.csr_matrix, ...]]:
    """(D, ghosts): rows are the unknowns, columns all nodes; one ghost matrix an axis, zero without Neumann faces."""
    order = int(grid.order)
    pairs = [axis_matrix(axis, m, order) for axis, m in zip(grid.axes, orders, strict=True)]
    mixed = sum(m > 0 for m in orders) > 1
    if mixed and any("neumann" in axis.ends and m for axis, m in zip(grid.axes, orders, strict=True)):
        raise ValueError("mixed derivatives next to a Neumann face are not supported; use Dirichlet or periodic faces")
    plain = functools.reduce(sp.kron, [D for D, _ in pairs])
    ghosts = tuple(
        functools.reduce(sp.kron, [G if i == j else D for j, (D, G) in enumerate(pairs)]).tocsr()[grid.unknowns]
        for i, (_, G) in enumerate(pairs)
    )
    D = plain.tocsr()[grid.unknowns]
    D.eliminate_zeros()
    return D, ghosts


@functools.lru_cache(maxsize=64)
def neighbours(grid: Grid, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the lower and upper neighbours along an axis of the unknowns; mirrored at Neumann faces."""
    one = grid.axes[axis]
    index = np.indices(grid.shape)[axis][grid.unknown_slices].ravel()
    stride = int(np.prod(grid.shape[axis + 1 :]))
    found = []
    for step in (-1, 1):
        moved = index + step
        moved = (
            moved % one.points if one.periodic else np.where((moved < 0) | (moved >= one.points), index - step, moved)
        )
        found.append(grid.unknowns + (moved - index) * stride)
    return found[0], found[1]


def differentiate(grid: Grid, values: np.ndarray, axis: int) -> np.ndarray:
    """First derivative of a given grid function at all nodes (flat in, flat out); one-sided at faces."""
    one = grid.axes[axis]
    free = one if one.periodic else Axis(one.name, one.low, one.high, one.points, ("dirichlet", "dirichlet"))
    D, _ = axis_matrix(free, 1, int(grid.order))
    lines = np.moveaxis(values.reshape(grid.shape), axis, 0)
    slopes = (D @ lines.reshape(lines.shape[0], -1)).reshape(lines.shape)
    return np.moveaxis(slopes, 0, axis).ravel()


def harmonic_mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """2 a b / (a + b), the conductance of two half cells in series; the arithmetic mean where the signs differ."""
    product, total = a * b, a + b
    if np.min(product, initial=np.inf) > 0:  # the usual case, at a third of the cost
        return 2 * product / total
    return np.where(product > 0, 2 * product / np.where(product > 0, total, 1.0), np.where(product < 0, total / 2, 0.0))
