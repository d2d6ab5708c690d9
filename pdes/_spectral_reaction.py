"""Periodic reaction-diffusion in one dimension by Fourier collocation: u_t = nu u_xx + reaction(u)."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from spinn.pdes._integration import integrate
from spinn.pdes._interpolation import chebyshev_sqrt_nodes, fourier_nodes
from spinn.pdes._reference import Reference

OVERSAMPLING = 16


def reaction_diffusion(
    nu: float,
    reaction: Callable[[Any], Any],
    initial: Callable[[Any], Any],
    domain: dict[str, tuple[float, float]],
    points: int,
    times: int,
    tolerance: float,
) -> Reference:
    """The solution on `points` Fourier nodes at `times` nodes that are Chebyshev points in sqrt(t).

    Initial data with a kink where the period closes make the solution a function of sqrt(t) there for small t.
    """
    import jax.numpy as jnp

    low, high = domain["x"]
    t = chebyshev_sqrt_nodes(times, *domain["t"])
    symbol = -nu * (2 * np.pi / (high - low) * np.arange(points // 2 + 1)) ** 2

    def slope(u: Any) -> Any:
        return jnp.fft.irfft(symbol * jnp.fft.rfft(u), points) + reaction(u)

    values = integrate(slope, projected(initial, low, high, points), t, tolerance)
    x = fourier_nodes(points, low, high)
    return Reference({"t": t, "x": x}, {"t": "chebyshev_sqrt", "x": "fourier"}, {"u": values}, digits=0.0)


def projected(initial: Callable[[Any], Any], low: float, high: float, points: int) -> Float[np.ndarray, " points"]:
    """Nodal values of the truncated Fourier series of `initial`.

    Sampling a function with a kink gets its mean wrong by O(1/points^2), and diffusion remembers the mean; the series
    from OVERSAMPLING times as many nodes has that error OVERSAMPLING^2 times smaller.
    """
    coefficients = np.fft.rfft(initial(fourier_nodes(OVERSAMPLING * points, low, high))) / OVERSAMPLING
    kept = coefficients[: points // 2 + 1].copy()
    kept[-1] = 0.0  # the highest cosine has no sine to go with it
    return np.fft.irfft(kept, points)
