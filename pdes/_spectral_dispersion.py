"""Periodic nonlinear waves by a dealiased Fourier pseudo-spectral method: u_t + eta u u_x + mu^2 u_xxx = 0."""

from collections.abc import Callable
from typing import Any

import numpy as np

from spinn.pdes._integration import integrate_timed
from spinn.pdes._interpolation import chebyshev_nodes, fourier_nodes
from spinn.pdes._reference import Reference


def dispersive_waves(
    eta: float,
    mu: float,
    initial: Callable[[Any], Any],
    domain: dict[str, tuple[float, float]],
    points: int,
    times: int,
    tolerance: float,
) -> Reference:
    """The solution on `points` Fourier nodes at `times` Chebyshev nodes in time.

    The third derivative turns wave k by exp(i mu^2 k^3 t), which is exact in a turning frame; the state in that frame
    changes by advection alone, and explicit steps are not stiff (integrating factor: Milewski and Tabak, SIAM J. Sci.
    Comput. 21, 1999). Real and imaginary parts are stacked: the integrator knows real arrays.
    """
    import jax.numpy as jnp

    low, high = domain["x"]
    t, x = chebyshev_nodes(times, *domain["t"]), fourier_nodes(points, low, high)
    waves = np.arange(points // 2 + 1)
    k = 2 * np.pi / (high - low) * waves
    # products of two kept waves then alias onto waves that are dropped only (Orszag, J. Atmos. Sci. 28, 1971)
    kept = waves < points / 3
    speed = mu**2 * k**3
    flux = -0.5j * eta * k * kept

    def slope(time: Any, state: Any) -> Any:
        turn = jnp.exp(1j * speed * (time - t[0]))
        u = jnp.fft.irfft(turn * (state[0] + 1j * state[1]), points)
        change = flux * jnp.fft.rfft(u**2) / turn
        return jnp.stack([change.real, change.imag])

    start = kept * np.fft.rfft(initial(x))
    states = integrate_timed(slope, np.stack([start.real, start.imag]), t, tolerance)
    turns = np.exp(1j * speed * (t - t[0])[:, None])
    values = np.fft.irfft(turns * (states[:, 0] + 1j * states[:, 1]), points)
    return Reference({"t": t, "x": x}, {"t": "chebyshev", "x": "fourier"}, {"u": values}, digits=0.0)
