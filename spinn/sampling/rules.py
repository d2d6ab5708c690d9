"""One-dimensional rules: points in an interval and weights that sum to one (so that sums are averages)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

RuleName = Literal["gauss", "uniform", "random"]


def gauss(count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Gauss-Legendre on [0, 1]: exact for polynomials of degree 2 count - 1."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return (points + 1.0) / 2.0, weights / 2.0


def uniform(count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Equispaced with both ends on [0, 1]; trapezoidal weights."""
    weights = np.full(count, 1.0 / (count - 1))
    weights[[0, -1]] /= 2.0
    return np.linspace(0.0, 1.0, count), weights


def periodic(count: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Equispaced without the right end on [0, 1): spectrally accurate for periodic integrands."""
    return np.arange(count) / count, np.full(count, 1.0 / count)


def broken_rule(breaks: Sequence[float], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Composite Gauss-Legendre rule with `count` points in all, equally many on each element, on the unit interval."""
    elements = len(breaks) - 1
    points, weights = np.polynomial.legendre.leggauss(-(-count // elements))
    edges = (np.asarray(breaks, float) + 1.0) / 2.0
    lengths = np.diff(edges)
    nodes = edges[:-1, None] + lengths[:, None] * (points + 1.0) / 2.0
    return nodes.reshape(-1), (lengths[:, None] * weights / 2.0).reshape(-1)


def axis_rule(name: RuleName, count: int, is_periodic: bool) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The rule for one axis on the unit interval. `random` starts from midpoints; its draws come from the sampler."""
    if name == "gauss":
        return periodic(count) if is_periodic else gauss(count)
    if name == "uniform":
        return periodic(count) if is_periodic else uniform(count)
    return (np.arange(count) + 0.5) / count, np.full(count, 1.0 / count)
