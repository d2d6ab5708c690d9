"""Exponential time differencing: exact for linear parts, of fourth order, and independent of the splitting."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.data.integration import exponential
from spinn.data.integration.exponential import _run, coefficients

X = np.arange(32) / 32
K = 2 * np.pi * np.arange(17)
KEPT = (np.arange(17) < 32 / 3) * 1.0


def burgers(t, u, parameters):
    change = jnp.fft.rfft(-0.5 * u * u) * 1j * K - 0.05 * K**2 * jnp.fft.rfft(u)
    return jnp.fft.irfft(KEPT * change, 32)


def decay(t, u, parameters):
    return -parameters["rate"] * u


def explode(t, u, parameters):
    return u * u


SYMBOL = -0.05 * K**2 * KEPT + 0j


def test_a_linear_problem_takes_one_step() -> None:
    states = exponential(
        decay, np.full(17, -3.0 + 0j), np.sin(X), np.linspace(0, 1, 3), {"rate": np.asarray(3.0)}, 1e-12
    )
    assert np.allclose(states, np.exp(-3 * np.array([0, 0.5, 1]))[:, None] * np.sin(X), atol=1e-14)


def test_it_is_of_fourth_order() -> None:
    with jax.enable_x64(True):
        start = jnp.asarray(np.sin(2 * np.pi * X))
        runs = {}
        for n in (8, 16, 32, 256):
            runs[n] = np.asarray(_run(burgers, coefficients(SYMBOL, 0.4 / n), start, 0.0, 0.4 / n, n, {}))
    errors = np.array([np.abs(runs[n] - runs[256]).max() for n in (8, 16, 32)])
    assert np.all(np.abs(np.log2(errors[:-1] / errors[1:]) - 4) < 0.6), errors


def test_the_splitting_does_not_matter() -> None:
    """Another linear part, and none at all, give the same solution."""
    times = np.linspace(0, 0.2, 3)
    exact = exponential(burgers, SYMBOL, np.sin(2 * np.pi * X), times, {}, 1e-10)
    for symbol in (0.5 * SYMBOL, 0 * SYMBOL):
        assert np.allclose(exponential(burgers, symbol, np.sin(2 * np.pi * X), times, {}, 1e-10), exact, atol=1e-9)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="equidistant"):
        exponential(decay, SYMBOL, X, np.array([0.0, 1.0, 3.0]), {"rate": np.asarray(1.0)}, 1e-6)
    with pytest.raises(RuntimeError, match="do not reach tolerance"):
        exponential(explode, 0 * SYMBOL, 1 + X, np.array([0.0, 3.0]), {}, 1e-9)
