"""Functions of the Laplacian on a rectangle by sine transforms that are folded about the middle of each axis.

Sine k of n is even about the middle for odd k and odd for even k. So the product with the matrix of sines (n, n) is two
products with matrices of half its size, on x_j + x_(n+1-j) and x_j - x_(n+1-j): half the operations. Between the
transform and its inverse, modes stay in the order in which they come, even ones first, and every product turns the
array, so that only rows are folded: they are contiguous.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from spinn.solvers.preconditioners.sines import by_product, sines

# Nodes an axis from which half the operations are worth the passes over the array (measured, in two dimensions).
FOLDED = 80


class Halves(NamedTuple):
    """The sines that are even about the middle, at the nodes up to it, and those that are odd, at the nodes before it.

    `even` (m, m) and `odd` (n - m, n - m), m = ceil(n / 2), modes by nodes; `even_nodes`, `odd_nodes`: their transposes
    as arrays of their own, which products read faster.
    """

    even: np.ndarray
    odd: np.ndarray
    even_nodes: np.ndarray
    odd_nodes: np.ndarray


def folds(shape: tuple[int, ...]) -> bool:
    """Whether folding pays on a grid of this shape."""
    return len(shape) == 2 and min(shape) >= FOLDED and all(map(by_product, shape))


@functools.lru_cache(maxsize=16)
def halves(length: int, dtype: str) -> Halves:
    """The matrix of sines of this length, taken apart; computed once."""
    whole = sines(length, dtype)
    even, odd = whole[::2, : (length + 1) // 2].copy(), whole[1::2, : length // 2].copy()
    return Halves(even, odd, even.T.copy(), odd.T.copy())


def diagonal_in_sines(diagonal: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The map r -> S diag(d) S r of vectors (n_1 n_2,) to float64, S the orthonormal sine transform of the rectangle.

    `diagonal` (n_1, n_2): d by modes; all is computed in its precision.
    """
    shape, dtype = diagonal.shape, diagonal.dtype
    rows, columns = (halves(length, dtype.name) for length in shape)
    d = np.concatenate((diagonal[::2], diagonal[1::2]))
    d = np.concatenate((d[:, ::2], d[:, 1::2]), axis=1).ravel()

    def apply(r: np.ndarray) -> np.ndarray:
        values = _modes(r.astype(dtype, copy=False).reshape(shape), rows)
        values = _modes(values, columns).reshape(-1)
        values *= d
        values = _nodes(values.reshape(shape), columns, dtype)
        return _nodes(values, rows, np.dtype(np.float64)).reshape(-1)

    return apply


def _modes(values: np.ndarray, sine: Halves) -> np.ndarray:
    """The transform of an array (n, m) along its first axis, turned: (m, n)."""
    n, h, m = len(values), len(sine.odd), len(sine.even)
    folded = np.empty_like(values)
    np.add(values[:h], values[: m - 1 : -1], out=folded[:h])
    folded[h:m] = values[h:m]  # the middle, where n is odd
    np.subtract(values[:h], values[: m - 1 : -1], out=folded[m:])
    turned = np.empty((values.shape[1], n), values.dtype)
    np.matmul(folded[:m].T, sine.even_nodes, out=turned[:, :m])
    np.matmul(folded[m:].T, sine.odd_nodes, out=turned[:, m:])
    return turned


def _nodes(values: np.ndarray, sine: Halves, dtype: np.dtype) -> np.ndarray:
    """The inverse of `_modes`: an array (m, n), transformed along its last axis and turned: (n, m)."""
    h, m = len(sine.odd), len(sine.even)
    even, odd = sine.even.T @ values[:, :m].T, sine.odd.T @ values[:, m:].T
    unfolded = np.empty((h + m, len(values)), dtype)
    np.add(even[:h], odd, out=unfolded[:h])
    unfolded[h:m] = even[h:]
    np.subtract(even[:h], odd, out=unfolded[: m - 1 : -1])
    return unfolded
