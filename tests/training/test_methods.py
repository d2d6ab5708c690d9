"""Optimisers in one shape: each lowers a loss, solves a linear problem, and says the loss of what it returns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spinn.errors import SpinnError
from spinn.training.methods import StageSpec, method

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

OPTIMIZERS = ("adam", "adamw", "soap", "lbfgs", "gauss_newton")
TIGHT = {
    "adam": {"steps": 3000, "learning_rate": 0.1, "schedule": "exponential"},
    "adamw": {"steps": 3000, "learning_rate": 0.1, "schedule": "cosine"},
    "soap": {"steps": 3000, "learning_rate": 0.1, "schedule": "cosine"},
    "lbfgs": {"steps": 40},
    "gauss_newton": {"steps": 10},
}


def curved(params, context):
    """Rosenbrock's valley as two blocks."""
    x, y = params["w"][0], params["w"][1]
    return {"first": 10.0 * (y - x**2), "second": 1.0 - x}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_lowers_a_nonlinear_loss(make_problem, make_run, train, optimizer):
    problem, start = make_problem(curved), {"w": jnp.asarray([-1.2, 1.0])}
    before = problem.loss(start, None, {})[0]
    last, _ = train(make_run(problem, optimizer, steps=20, learning_rate=0.02), start)
    assert last.loss < 0.5 * before


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_solves_linear_equations(linear, make_run, train, optimizer):
    last, _ = train(make_run(linear.problem, optimizer, **TIGHT[optimizer]), linear.start)
    np.testing.assert_allclose(last.params["w"], linear.exact, atol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_is_that_of_the_parameters_returned(linear, make_run, train, optimizer):
    run = make_run(linear.problem, optimizer, **TIGHT[optimizer])
    first, record = next(run.run(run.start(linear.start)))
    loss, parts = linear.problem.loss(first.params, None, {})
    assert first.loss == pytest.approx(float(loss), rel=1e-9, abs=1e-25)
    assert record["blocks"] == pytest.approx({name: float(part) for name, part in parts.items()}, rel=1e-9, abs=1e-25)


def test_the_loss_before_the_first_step_is_returned_too(linear):
    chosen = method(linear.problem, StageSpec("adam", steps=4), 4)
    scales = {name: jnp.ones(()) for name in linear.problem.names}
    state = chosen.init(linear.start, None, scales)
    _, _, losses, _ = chosen.advance(linear.start, state, None, scales, jnp.ones(()), jnp.zeros((), jnp.int32))
    assert losses[0] == linear.problem.loss(linear.start, None, {})[0]
    assert losses[1] < losses[0]


@pytest.mark.parametrize("optimizer", ["adam", "soap", "lbfgs"])
def test_a_rate_of_zero_stands_still(linear, make_run, train, optimizer):
    run = make_run(linear.problem, optimizer, **TIGHT[optimizer])
    still, _ = next(run.run(dataclasses.replace(run.start(linear.start), rate=jnp.zeros(()))))
    np.testing.assert_array_equal(still.params["w"], linear.start["w"])


def test_a_lower_rate_slows_l_bfgs_and_still_converges(linear, make_run, train):
    run = make_run(linear.problem, "lbfgs", **TIGHT["lbfgs"])
    full, _ = train(run, linear.start)
    slow, _ = train(run, dataclasses.replace(run.start(linear.start), rate=jnp.asarray(0.5)))
    assert slow.loss > 1e3 * full.loss
    np.testing.assert_allclose(slow.params["w"], linear.exact, atol=1e-4)


def test_l_bfgs_looks_at_the_new_points(linear):
    """After a change of batch the first step goes down the gradient of the new batch, not of the old one."""
    chosen = method(linear.shifted, StageSpec("lbfgs", steps=1), 1)
    scales, zero = {name: jnp.ones(()) for name in linear.shifted.names}, jnp.zeros((), jnp.int32)
    batches = [jnp.full((4, 2), 5.0), jnp.full((4, 2), -50.0)]
    state = chosen.init(linear.start, batches[0], scales)
    params, state, *_ = chosen.advance(linear.start, state, batches[0], scales, jnp.ones(()), zero)
    _, _, losses, _ = chosen.advance(params, state, batches[1], scales, jnp.ones(()), zero)
    assert losses[0] == pytest.approx(float(linear.shifted.loss(params, batches[1], {})[0]), rel=1e-12)
    assert losses[1] < losses[0]


def test_the_schedule_reaches_the_optimiser(make_problem, make_run, train):
    """On a constant gradient every Adam step is as long as the learning rate of that step."""

    def plane(params, context):
        return {"first": jnp.sqrt(2.0 * (params["w"] + 100.0)), "second": 0.0 * params["w"]}

    for name, rates in {
        "constant": optax.constant_schedule(0.1),
        "cosine": optax.cosine_decay_schedule(0.1, 20),
        "exponential": optax.exponential_decay(0.1, 20, 0.01),
    }.items():
        run = make_run(make_problem(plane), "adam", steps=20, learning_rate=0.1, schedule=name)
        last, _ = train(run, {"w": jnp.zeros(())})
        travelled = sum(float(rates(step)) for step in range(20))
        assert -float(last.params["w"]) == pytest.approx(travelled, rel=1e-6), name


def test_warm_up_starts_slowly(linear, make_run, train):
    def first_step(**settings):
        run = make_run(linear.problem, "adam", steps=1, learning_rate=0.1, **settings)
        return float(jnp.max(jnp.abs(train(run, linear.start)[0].params["w"])))

    assert first_step() == pytest.approx(0.1, rel=1e-3)
    warmed = StageSpec("adam", 100, schedule="warmup_cosine", warmup=10, learning_rate=0.1)
    chosen = method(linear.problem, warmed, 1)
    scales = {name: jnp.ones(()) for name in linear.problem.names}
    state = chosen.init(linear.start, None, scales)
    params, *_ = chosen.advance(linear.start, state, None, scales, jnp.ones(()), jnp.zeros((), jnp.int32))
    assert float(jnp.max(jnp.abs(params["w"]))) == pytest.approx(0.01, rel=1e-3)


def test_adamw_pulls_to_zero(make_problem, make_run, train):
    def flat(params, context):
        return {"first": 0.0 * params["w"], "second": 0.0 * params["w"]}

    start = {"w": jnp.asarray(2.0)}
    last, _ = train(make_run(make_problem(flat), "adamw", steps=10, learning_rate=0.1, weight_decay=0.5), start)
    assert float(last.params["w"]) == pytest.approx(2.0 * (1 - 0.1 * 0.5) ** 10, rel=1e-9)


def test_learning_rates_have_defaults(linear, make_run, train):
    last, _ = train(make_run(linear.problem, "adam", steps=1), linear.start)
    np.testing.assert_allclose(np.abs(last.params["w"]), 1e-3, rtol=1e-4)


def test_an_unknown_optimizer_is_refused(linear):
    with pytest.raises(SpinnError, match="unknown optimizer 'sgd'; expected adam"):
        method(linear.problem, StageSpec("sgd", steps=1), 1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_single_precision_stays_single(optimizer, make_problem):
    with jax.enable_x64(False):
        problem, params = make_problem(curved), {"w": jnp.asarray([-1.2, 1.0])}
        chosen = method(problem, StageSpec(optimizer, steps=2), 2)
        scales = {name: jnp.ones(()) for name in problem.names}
        state = chosen.init(params, None, scales)
        step = jnp.zeros((), jnp.int32)
        params, state, losses, _ = jax.eval_shape(chosen.advance, params, state, None, scales, jnp.ones(()), step)
        floats = [leaf for leaf in jax.tree.leaves((params, state, losses)) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        assert {leaf.dtype for leaf in floats} == {jnp.dtype("float32")}
