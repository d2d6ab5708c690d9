"""Finite-difference weights on uniform nodes."""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=256)
def weights(offsets: tuple[int, ...], derivative: int) -> tuple[float, ...]:
    """Weights w with sum w_j u(j h) = h^m u^(m)(0) for polynomials of degree below len(offsets), m = `derivative`."""
    nodes = np.array(offsets, dtype=float)
    powers = np.vander(nodes, increasing=True).T
    right = np.zeros(len(offsets))
    right[derivative] = math.factorial(derivative)
    return tuple(float(w) for w in np.linalg.solve(powers, right))


def central(derivative: int, order: int) -> tuple[int, ...]:
    """Offsets of the central difference of this order of accuracy."""
    half = (derivative + 1) // 2 - 1 + order // 2
    return tuple(range(-half, half + 1))


def one_sided(derivative: int, order: int, index: int, count: int) -> tuple[int, ...]:
    """Offsets of the nearest nodes 0..count-1 around node `index` that give the same order where the central fails."""
    wanted = derivative + order
    first = min(max(index - wanted // 2, 0), count - wanted)
    return tuple(range(first - index, first - index + wanted))
