"""Adaptive Runge-Kutta integration by diffrax, explicit or implicit, in float64."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

Slope = Callable[[Any, Any, Any], Any]  # (t, state, parameters) -> d state / dt
Method = Literal["explicit", "implicit"]
LARGEST_IMPLICIT = 2000  # unknowns: the implicit method factors full Jacobians


def runge_kutta(
    slope: Slope,
    start: np.ndarray,
    times: np.ndarray,
    parameters: Mapping[str, Any],
    tolerance: float,
    method: Method = "explicit",
) -> np.ndarray:
    """States at `times`, of shape (len(times), *start.shape), from `start` at the first.

    Explicit: order 8 (Prince and Dormand 1981). Implicit: order 5, L-stable (Kvaerno 2004), for stiff problems of at
    most 2000 unknowns. The error a step is held to tolerance * (0.1 + |state|). A program is compiled once for a
    slope, number of times and shapes: pass the same function again.

    **Raises:** RuntimeError if the integration fails; ValueError if the implicit method gets too many unknowns.
    """
    if method == "implicit" and start.size > LARGEST_IMPLICIT:
        raise ValueError(
            f"implicit integration: expected at most {LARGEST_IMPLICIT} unknowns (full Jacobians), got {start.size}; "
            "use integrator='explicit', a coarser grid, or 'exponential' on a periodic box"
        )
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(value, dtype=jnp.float64) for name, value in parameters.items()}
        states, succeeded = _run(slope, method, jnp.asarray(start), jnp.asarray(times, float), arrays, tolerance)
        result = np.asarray(states)
    if not succeeded or not np.isfinite(result).all():
        raise RuntimeError(
            f"could not integrate over t in [{times[0]:g}, {times[-1]:g}] to tolerance {tolerance:g}: the problem may "
            "be ill-posed or too stiff; loosen the tolerance, or change the integrator"
        )
    return result


@functools.partial(jax.jit, static_argnums=(0, 1))
def _run(slope: Slope, method: Method, start: Any, times: Any, parameters: Any, tolerance: Any) -> tuple[Any, Any]:
    import diffrax  # here, since importing it takes seconds

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(slope),  # type: ignore[arg-type]
        diffrax.Dopri8() if method == "explicit" else diffrax.Kvaerno5(),
        t0=times[0],
        t1=times[-1],
        dt0=None,
        y0=start,
        args=parameters,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.ClipStepSizeController(  # frames are ends of steps: interpolation is less accurate
            diffrax.PIDController(
                rtol=tolerance, atol=0.1 * tolerance, dtmin=1e-12 * (times[-1] - times[0]), force_dtmin=False
            ),
            step_ts=times,
        ),
        max_steps=10**6,
        adjoint=diffrax.ForwardMode(),
        throw=False,
    )
    return solution.ys, solution.result == diffrax.RESULTS.successful
