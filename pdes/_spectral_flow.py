"""Incompressible flow on a two-dimensional torus by a dealiased Fourier pseudo-spectral method, vorticity form."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from spinn.pdes._integration import integrate
from spinn.pdes._interpolation import chebyshev_nodes, fourier_nodes
from spinn.pdes._reference import Reference


class Wavenumbers(NamedTuple):
    """Wave numbers in the layout of `rfft2`, and what is kept of them."""

    x: Float[np.ndarray, "points 1"]
    y: Float[np.ndarray, "1 half"]
    squared: Float[np.ndarray, "points half"]
    inverse: Float[np.ndarray, "points half"]  # of the square, 0 for the mean
    kept: Float[np.ndarray, "points half"]  # 1 below two thirds of the highest wave number, else 0


def wavenumbers(points: int, lengths: tuple[float, float]) -> Wavenumbers:
    """For `points` nodes an axis on a torus with sides `lengths`."""
    full = np.fft.fftfreq(points, 1 / points)[:, None]
    half = np.arange(points // 2 + 1)[None, :] * 1.0
    x, y = 2 * np.pi / lengths[0] * full, 2 * np.pi / lengths[1] * half
    squared = x**2 + y**2
    inverse = np.where(squared > 0, 1 / np.where(squared > 0, squared, 1.0), 0.0)
    # products of two kept waves then alias onto waves that are dropped only (Orszag, J. Atmos. Sci. 28, 1971)
    kept = ((np.abs(full) < points / 3) & (half < points / 3)) * 1.0
    return Wavenumbers(x, y, squared, inverse, kept)


def torus_flow(
    nu: float,
    vorticity: Callable[[Any, Any], Any],
    domain: dict[str, tuple[float, float]],
    points: int,
    times: int,
    tolerance: float,
) -> Reference:
    """Velocities `u`, `v` and their `vorticity` on `points` Fourier nodes an axis at `times` Chebyshev nodes in time.

    The state is the transform of w with real and imaginary parts stacked: the integrator knows real arrays.
    """
    import jax.numpy as jnp

    t = chebyshev_nodes(times, *domain["t"])
    x, y = (fourier_nodes(points, *domain[axis]) for axis in "xy")
    k = wavenumbers(points, tuple(domain[axis][1] - domain[axis][0] for axis in "xy"))  # type: ignore[arg-type]

    def slope(state: Any) -> Any:
        w = state[0] + 1j * state[1]
        psi = w * k.inverse
        waves = jnp.stack([1j * k.y * psi, -1j * k.x * psi, 1j * k.x * w, 1j * k.y * w])
        u, v, w_x, w_y = jnp.fft.irfft2(waves, (points, points))
        change = -k.kept * jnp.fft.rfft2(u * w_x + v * w_y) - nu * k.squared * w
        return jnp.stack([change.real, change.imag])

    start = k.kept * np.fft.rfft2(vorticity(x[:, None], y[None, :]))
    states = integrate(slope, np.stack([start.real, start.imag]), t, tolerance)
    w = states[:, 0] + 1j * states[:, 1]
    psi = w * k.inverse
    values = {"u": 1j * k.y * psi, "v": -1j * k.x * psi, "vorticity": w}
    values = {name: np.fft.irfft2(waves, (points, points)) for name, waves in values.items()}
    return Reference({"t": t, "x": x, "y": y}, {"t": "chebyshev", "x": "fourier", "y": "fourier"}, values, digits=0.0)
