"""Flax modules as bodies: the same function as the module, and clear refusals."""

from typing import Any

import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.networks.flax_adapter import flax_body, flax_function
from spinn.networks.taylor import variable

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(5)
POINTS = np.linspace(-1.0, 1.0, 6)[:, None]


class Linen(flax.linen.Module):
    features: int = 3

    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        return flax.linen.Dense(self.features)(jnp.tanh(flax.linen.Dense(5)(x)))


class WithState(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        return flax.linen.BatchNorm(use_running_average=True)(x)


class Flat(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x: Any) -> Any:
        return flax.linen.Dense(1)(x)[:, 0]


class Nnx(flax.nnx.Module):
    def __init__(self, inputs: int, rngs: flax.nnx.Rngs):
        self.first = flax.nnx.Linear(inputs, 4, rngs=rngs)
        self.last = flax.nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(jnp.sin(self.first(x)))


def test_linen_body_is_the_module_itself() -> None:
    body = flax_body(Linen(), key=KEY)
    expected = Linen().apply(Linen().init(KEY, jnp.zeros((1, 1))), POINTS)
    np.testing.assert_allclose(body(variable(jnp.asarray(POINTS[:, 0]), 0)).coefficients[0], expected, rtol=1e-14)
    assert body.width == 3


def test_nnx_body_is_the_module_itself() -> None:
    module = Nnx(1, flax.nnx.Rngs(0))
    body = flax_body(module, key=KEY)
    np.testing.assert_allclose(body(variable(jnp.asarray(POINTS[:, 0]), 0)).coefficients[0], module(POINTS), rtol=1e-14)


def test_the_parameters_of_a_module_can_be_trained() -> None:
    parameters, function = flax_function(Nnx(2, flax.nnx.Rngs(0)), 2, key=KEY)
    slopes = jax.grad(lambda p: jnp.sum(function(p, jnp.ones((3, 2))) ** 2))(parameters)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(slopes))
    assert len(jax.tree.leaves(slopes)) == 4


def test_a_module_with_state_is_refused() -> None:
    with pytest.raises(SpinnError, match="WithState keeps batch_stats"):
        flax_body(WithState(), key=KEY)


def test_a_module_that_drops_the_feature_axis_is_refused() -> None:
    with pytest.raises(SpinnError, match=r"must map \(points, 1\) to \(points, features\)"):
        flax_body(Flat(), key=KEY)


def test_what_is_no_flax_module_is_refused() -> None:
    with pytest.raises(SpinnError, match="expected a flax.linen or flax.nnx module, got function"):
        flax_body(lambda x: x, key=KEY)
