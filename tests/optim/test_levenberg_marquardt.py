"""Steps of Levenberg-Marquardt: the ladder, what is refused, and minima of small problems."""

from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.optim.levenberg_marquardt import (
    FIRST,
    LADDER,
    dense_normal,
    levenberg_marquardt_init,
    levenberg_marquardt_step,
)

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


def blocks(params: Any) -> dict[str, Any]:
    """Rosenbrock's valley and a row more: nonlinear least squares with the minimum at (1, 1), 0."""
    x, y = params["x"]
    return {"valley": jnp.stack([10.0 * (y - x**2), 1.0 - x]), "rest": params["z"] + 0.1 * x * params["z"] ** 2}


def loss(params: Any) -> Any:
    parts = {name: 0.5 * jnp.sum(block**2) for name, block in blocks(params).items()}
    return sum(parts.values()), parts


def start(x: float, y: float, z: float) -> dict[str, Any]:
    return {"x": jnp.array([x, y]), "z": jnp.array([z])}


@jax.jit
def step(params: Any, state: Any) -> Any:
    return levenberg_marquardt_step(loss, lambda p: dense_normal(blocks, p), params, state)


numbers = st.floats(-3.0, 3.0, allow_nan=False)


@settings(deadline=None, max_examples=30)
@given(x=numbers, y=numbers, z=numbers)
def test_a_step_never_raises_the_loss(x: float, y: float, z: float) -> None:
    with jax.enable_x64(True):
        params = start(x, y, z)
        before = float(loss(params)[0])
        moved, state, parts = step(params, levenberg_marquardt_init(jnp.zeros(())))
        after = float(loss(moved)[0])
        assert after <= before
        assert float(state.loss) == pytest.approx(after, rel=1e-12, abs=1e-300)
        assert float(sum(parts.values())) == pytest.approx(after, rel=1e-12, abs=1e-300)
        assert bool(state.accepted) == (after < before)


def test_the_valley_is_followed_to_its_end() -> None:
    params, state = start(-1.2, 1.0, 0.5), levenberg_marquardt_init(jnp.zeros(()))
    for _ in range(100):
        params, state, _ = step(params, state)
    np.testing.assert_allclose(params["x"], 1.0, atol=1e-10)
    assert float(state.loss) < 1e-20


def test_a_minimum_is_not_left_and_the_ladder_rises() -> None:
    params = start(1.0, 1.0, 0.0)
    moved, state, _ = step(params, levenberg_marquardt_init(jnp.zeros(())))
    assert not state.accepted
    assert float(state.damping) == pytest.approx(min(FIRST * LADDER[-1], 1.0))
    np.testing.assert_array_equal(moved["x"], params["x"])


def test_the_dense_matrix_is_that_of_the_jacobian() -> None:
    params = start(0.3, -0.4, 2.0)
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    jacobian = jax.jacfwd(lambda v: jax.flatten_util.ravel_pytree(blocks(unravel(v)))[0])(flat)
    np.testing.assert_allclose(dense_normal(blocks, params), jacobian.T @ jacobian, rtol=1e-12, atol=1e-12)
