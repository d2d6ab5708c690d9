"""Method-of-lines integration in time for the reference solutions, in float64 whatever the caller's precision."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float


def integrate(
    slope: Callable[[Any], Any],
    start: Float[np.ndarray, "*state"],
    times: Float[np.ndarray, " times"],
    tolerance: float,
) -> Float[np.ndarray, "times ..."]:
    """Solve dy/dt = slope(y) from `start` at `times[0]`; the states at all `times`. See `integrate_timed`."""
    return integrate_timed(lambda t, y: slope(y), start, times, tolerance)


def integrate_timed(
    slope: Callable[[Any, Any], Any],
    start: Float[np.ndarray, "*state"],
    times: Float[np.ndarray, " times"],
    tolerance: float,
) -> Float[np.ndarray, "times ..."]:
    """Solve dy/dt = slope(t, y) from `start` at `times[0]`; the states at all `times`.

    Explicit, of order 8 with adaptive steps (Prince and Dormand 1981): spectral discretisations at the resolutions
    used here are bound by accuracy or mildly stiff, so that linear solves would not pay.

    **Raises:** RuntimeError if the solution blows up or the step size collapses.
    """
    import diffrax  # here, since importing it takes seconds that only a first computation should pay
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: slope(t, y)),
            diffrax.Dopri8(),
            t0=float(times[0]),
            t1=float(times[-1]),
            dt0=None,
            y0=jnp.asarray(start, dtype=jnp.float64),
            saveat=diffrax.SaveAt(ts=jnp.asarray(times, dtype=jnp.float64)),
            stepsize_controller=diffrax.PIDController(
                rtol=tolerance, atol=0.1 * tolerance, dtmin=1e-12 * float(times[-1] - times[0]), force_dtmin=False
            ),
            max_steps=10**6,
            throw=False,
        )
        states = np.asarray(solution.ys)
    if solution.result != diffrax.RESULTS.successful or not np.isfinite(states).all():
        raise RuntimeError(
            f"the reference solution could not be integrated over t in [{times[0]:g}, {times[-1]:g}]: the parameters "
            "may make the problem ill-posed, or too stiff for the reference's resolution"
        )
    return states
