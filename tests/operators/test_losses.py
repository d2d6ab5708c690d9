"""Relative norms against those of functions that are known."""

import jax.numpy as jnp
import pytest

from spinn.operators.losses import relative_h1, relative_l2


def test_norms_of_sines():
    x = jnp.linspace(0, 1, 401)
    truth, found = jnp.sin(jnp.pi * x), jnp.sin(jnp.pi * x) + 0.01 * jnp.sin(5 * jnp.pi * x)
    pair = found[None, None], truth[None, None]
    assert float(relative_l2(*pair)[0]) == pytest.approx(0.01, rel=1e-3)
    assert float(relative_h1(*pair, [x])[0]) == pytest.approx(0.05, rel=1e-2)


def test_axes_count_in_their_own_lengths():
    x, y = jnp.linspace(0, 1, 41), jnp.linspace(0, 1, 81)
    truth = jnp.sin(jnp.pi * x)[:, None] * jnp.ones(81)
    found = truth + 0.1 * jnp.sin(3 * jnp.pi * y)
    error = float(relative_h1(found[None, None], truth[None, None], [x, y])[0])
    assert error == pytest.approx(0.3, rel=0.05)
    assert float(relative_l2(truth[None, None], truth[None, None])[0]) == 0.0
