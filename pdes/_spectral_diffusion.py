"""Degenerate (porous-medium) diffusion in a box by Chebyshev collocation: u_t = (a/2) Lap(u^2), u = 0 on the faces."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from spinn.pdes._integration import integrate
from spinn.pdes._interpolation import chebyshev_nodes, chebyshev_sqrt_nodes
from spinn.pdes._reference import Reference


def porous_medium(
    a: float,
    initial: Callable[[Any, Any], Any],
    domain: dict[str, tuple[float, float]],
    points: int,
    times: int,
    tolerance: float,
) -> Reference:
    """The solution on `points` Chebyshev nodes in x and y, at `times` nodes that are Chebyshev points in sqrt(t).

    At a face at distance s, u^2 = c s + O(s^(5/2)): the flux stays finite, u itself is like sqrt(s). So the derivatives
    are taken of u^2, whose Chebyshev series converges like n^-6, and u is interpolated by sines of the angle
    arccos(x), which vanish like sqrt(s). Initial data that do not vanish on the faces make layers of width sqrt(a u t),
    hence sqrt(t). Explicit steps suffice, since the diffusivity a u vanishes where the nodes crowd.
    """
    import jax.numpy as jnp

    t = chebyshev_sqrt_nodes(times, *domain["t"])
    x, y = (chebyshev_nodes(points, *domain[axis]) for axis in "xy")
    across, along = (_second_derivative(points) * (2 / (domain[k][1] - domain[k][0])) ** 2 * a / 2 for k in "xy")
    across_inner, along_inner = across[1:-1, 1:-1], along.T[1:-1, 1:-1]

    def slope(u: Any) -> Any:
        square = u * jnp.abs(u)  # not u^2: where rounding or a steep front makes u < 0, -u would diffuse backwards
        return jnp.asarray(across_inner) @ square + square @ jnp.asarray(along_inner)

    inner = integrate(slope, initial(x[1:-1, None], y[None, 1:-1]), t, tolerance)
    values = np.pad(inner, ((0, 0), (1, 1), (1, 1)))
    return Reference({"t": t, "x": x, "y": y}, {"t": "chebyshev_sqrt", "x": "sine", "y": "sine"}, {"u": values}, 0.0)


def _second_derivative(points: int) -> Float[np.ndarray, "points points"]:
    """Chebyshev differentiation twice on [-1, 1], ascending nodes (Trefethen, Spectral Methods in MATLAB, ch. 6).

    Node differences come from a product of sines, which keeps their digits where nodes crowd.
    """
    angle = np.pi * np.arange(points) / (points - 1)
    difference = 2 * np.sin((angle[:, None] + angle) / 2) * np.sin((angle[:, None] - angle) / 2)
    weights = (-1.0) ** np.arange(points)
    weights[[0, -1]] *= 2
    first = np.outer(weights, 1 / weights) / (difference + np.eye(points))
    first -= np.diag(first.sum(axis=1))
    return first @ first
