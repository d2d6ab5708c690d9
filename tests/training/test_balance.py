"""Gradient-norm balancing against its formula, on blocks whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.training.balance import KEEP, balanced_scales

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

ONES = {"first": jnp.ones(()), "second": jnp.ones(())}


@pytest.fixture
def problem(make_problem):
    """Gradients of the two halves of squares: 3 (p - 1) in norm 9, and (q - 1) in norm 1."""

    def blocks(params, context):
        return {"first": 3.0 * (params["p"] - 1.0), "second": params["q"] - 1.0}

    return make_problem(blocks)


PARAMS = {"p": jnp.asarray(2.0), "q": jnp.asarray(2.0)}


def test_the_formula(problem):
    """Wanted are (9 + 1) / 9 and (9 + 1) / 1, over their mean; a tenth of that enters."""
    scales = balanced_scales(problem, PARAMS, None, ONES)
    wanted = np.array([10.0 / 9.0, 10.0])
    wanted /= wanted.mean()
    assert float(scales["first"]) == pytest.approx(KEEP + (1 - KEEP) * wanted[0])
    assert float(scales["second"]) == pytest.approx(KEEP + (1 - KEEP) * wanted[1])


def test_the_old_scales_decay_and_do_not_feed_back(problem):
    """The gradients are those of unscaled blocks: scales only enter by the moving average."""
    first = balanced_scales(problem, PARAMS, None, ONES)
    other = balanced_scales(problem, PARAMS, None, {name: 5.0 * scale for name, scale in ONES.items()})
    for name in ONES:
        assert float(other[name] - first[name]) == pytest.approx(4.0 * KEEP)


def test_in_the_end_scaled_gradients_are_equal_and_the_mean_is_one(problem):
    again, scales = jax.jit(lambda scales: balanced_scales(problem, PARAMS, None, scales)), ONES
    for _ in range(200):
        scales = again(scales)
    slopes = jax.grad(lambda p: problem.loss(p, None, scales)[0])(PARAMS)
    assert float(slopes["p"]) == pytest.approx(float(slopes["q"]), rel=1e-6)
    assert sum(map(float, scales.values())) / 2 == pytest.approx(1.0)


def test_a_block_without_gradient_stays_finite(problem):
    scales = balanced_scales(problem, {"p": jnp.asarray(1.0), "q": jnp.asarray(2.0)}, None, ONES)
    assert all(np.isfinite(float(scale)) for scale in scales.values())


def test_without_any_gradient_scales_stay(problem):
    scales = balanced_scales(problem, {"p": jnp.asarray(1.0), "q": jnp.asarray(1.0)}, None, ONES)
    assert {name: float(scale) for name, scale in scales.items()} == pytest.approx(dict.fromkeys(ONES, 1.0))
