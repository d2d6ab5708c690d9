"""Exponential time differencing on periodic boxes: the linear part exactly, the rest by a fourth-order method.

ETDRK4 of Cox and Matthews (J. Comput. Phys. 176, 2002), with coefficients by contour integrals as in Kassam and
Trefethen (SIAM J. Sci. Comput. 26, 2005, eqs. 26-29). Steps are halved until two runs agree.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Slope = Callable[[Any, Any, Any], Any]  # (t, state, parameters) -> d state / dt, on the grid
CONTOUR = 64  # points
MOST_STEPS = 2**14  # between two output times


class Coefficients(NamedTuple):
    """Of one step of length h, in the layout of the Fourier coefficients."""

    symbol: Any
    full: Any  # exp(h L)
    half: Any  # exp(h L / 2)
    q: Any
    f1: Any
    f2: Any
    f3: Any


def exponential(
    slope: Slope,
    symbol: np.ndarray,
    start: np.ndarray,
    times: np.ndarray,
    parameters: Mapping[str, Any],
    tolerance: float,
) -> np.ndarray:
    """States at the equidistant `times`, of shape (len(times), *start.shape), from `start` at the first.

    `symbol` multiplies the Fourier coefficients (layout of `rfftn`) of the linear part that is treated exactly; any
    other choice is consistent, too. The number of steps is doubled until the states of two runs differ by less than
    `tolerance` (relative, L2, at every time); the finer run, with about a fifteenth of that error, is returned.

    **Raises:** ValueError if the times are not equidistant; RuntimeError if two runs never agree.
    """
    interval = float(times[1] - times[0])
    if not np.allclose(np.diff(times), interval, rtol=1e-9):
        raise ValueError("exponential integration: expected equidistant times; use np.linspace")
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(value, dtype=jnp.float64) for name, value in parameters.items()}
        before, steps = None, 1
        while steps <= MOST_STEPS:
            made = coefficients(symbol, interval / steps)
            states_so_far = [jnp.asarray(start)]
            for time in times[:-1]:  # one program, whatever the number of times
                states_so_far.append(_run(slope, made, states_so_far[-1], time, interval / steps, steps, arrays))
            states = np.stack([np.asarray(state) for state in states_so_far])
            if before is not None and worst_difference(before, states) < tolerance:
                return states
            before, steps = states, 2 * steps
    raise RuntimeError(
        f"exponential integration: {MOST_STEPS} steps an output time do not reach tolerance {tolerance:g}; loosen it, "
        "ask for more output times, or refine the grid"
    )


def worst_difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest relative L2 difference over the times; infinite where a run has blown up."""
    axes = tuple(range(1, one.ndim))
    scale = np.sqrt(np.sum(other**2, axis=axes))
    with np.errstate(invalid="ignore", over="ignore"):
        relative = np.sqrt(np.sum((one - other) ** 2, axis=axes)) / np.where(scale > 0, scale, 1.0)
    return float(relative.max()) if np.isfinite(relative).all() else np.inf


def coefficients(symbol: np.ndarray, h: float) -> Coefficients:
    """Means over a circle of radius 1 about h L, where the closed forms are free of cancellation."""
    z = h * symbol
    around = z[..., None] + np.exp(2j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)
    e = np.exp(around)

    def mean(values: np.ndarray) -> Any:
        return jnp.asarray(h * values.mean(axis=-1))

    return Coefficients(
        symbol=jnp.asarray(symbol),
        full=jnp.asarray(np.exp(z)),
        half=jnp.asarray(np.exp(z / 2)),
        q=mean((np.exp(around / 2) - 1) / around),
        f1=mean((-4 - around + e * (4 - 3 * around + around**2)) / around**3),
        f2=mean((2 + around + e * (-2 + around)) / around**3),
        f3=mean((-4 - 3 * around - around**2 + e * (4 - around)) / around**3),
    )


@functools.partial(jax.jit, static_argnums=0)
def _run(slope: Slope, c: Coefficients, start: Any, time: Any, h: Any, steps: Any, parameters: Any) -> Any:
    """The state after this many steps of length h from the given time."""

    def rest(t: Any, v: Any) -> Any:
        """What is left of the right side without its linear part, for Fourier coefficients v."""
        return jnp.fft.rfftn(slope(t, jnp.fft.irfftn(v, start.shape), parameters)) - c.symbol * v

    def step(i: Any, v: Any) -> Any:
        t = time + i * h
        at_v = rest(t, v)
        a = c.half * v + c.q * at_v
        at_a = rest(t + h / 2, a)
        b = c.half * v + c.q * at_a
        at_b = rest(t + h / 2, b)
        last = c.half * a + c.q * (2 * at_b - at_v)
        return c.full * v + c.f1 * at_v + 2 * c.f2 * (at_a + at_b) + c.f3 * rest(t + h, last)

    return jnp.fft.irfftn(jax.lax.fori_loop(0, steps, step, jnp.fft.rfftn(start)), start.shape)
