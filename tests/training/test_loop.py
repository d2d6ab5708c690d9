"""The loop: limits, chunks, batches, rollbacks, balancing, progress, and going on from a snapshot."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spinn.training import loop
from spinn.training.loop import MAX_ROLLBACKS, DivergenceError, LoopSettings

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


def assert_same(one, other):
    """Two snapshots to the last bit."""
    left, right = jax.tree.leaves(one.arrays()), jax.tree.leaves(other.arrays())
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "steps"), [("adam", 7), ("adam", 150), ("lbfgs", 40)])
def test_as_many_steps_as_asked_for(linear, make_run, train, optimizer, steps):
    last, records = train(make_run(linear.problem, optimizer, steps=steps), linear.start)
    assert last.step == steps
    assert records[-1]["step"] == steps


def test_seconds_end_a_stage(linear, make_run, train, clock):
    """A chunk looks at the clock three times here: the seconds are those of the clock, not counting the compiler."""
    last, records = train(make_run(linear.problem, "adam", seconds=9.0), linear.start)
    assert last.seconds >= 9.0
    assert records[-2]["seconds"] < 9.0


def test_a_tolerance_ends_a_stage(linear, make_run, train):
    run = make_run(linear.problem, "adam", steps=3000, tolerance=1e-2, learning_rate=0.1)
    last, records = train(run, linear.start)
    assert math.sqrt(2.0 * last.loss) < 1e-2
    assert last.step < 3000
    assert all(math.sqrt(2.0 * record["loss"]) >= 1e-2 for record in records[:-1])


def test_gauss_newton_ends_at_the_floor(linear, make_run, train):
    last, _ = train(make_run(linear.problem, "gauss_newton", steps=10, settings=LoopSettings(floor=1e-6)), linear.start)
    assert last.loss < 1e-6
    assert last.step < 10


@pytest.mark.parametrize(("largest", "left"), [(1.0, False), (1e7, True)])
def test_float64_goes_on_where_float32_does_not_do(make_problem, make_run, train, largest, left):
    """Directions across the unknowns that count differently by far: no scaling of single unknowns undoes it."""
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0] * np.geomspace(largest, 1.0, 12)

    def blocks(params, context):
        return {"first": turned @ (basis @ params["w"]) - 1.0, "second": 1e-3 * params["w"] ** 2}

    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    problem = dataclasses.replace(make_problem(blocks), mixed=True)
    run = make_run(problem, "gauss_newton", steps=6, compiled={})
    assert run.left_float32(train(run, {"w": jnp.zeros(12)})[0]) == left


def test_gauss_newton_ends_when_nothing_is_gained(make_problem, make_run, train):
    def inconsistent(params, context):
        return {"first": params["w"] - 1.0, "second": params["w"] + 1.0}

    last, _ = train(make_run(make_problem(inconsistent), "gauss_newton", steps=500), {"w": jnp.asarray([3.0])})
    np.testing.assert_allclose(last.params["w"], 0.0, atol=1e-6)
    assert last.step < 30


def test_a_stage_that_has_ended_does_nothing(linear, make_run, train):
    run = make_run(linear.problem, "adam", steps=50)
    last, _ = train(run, linear.start)
    again, records = train(run, last)
    assert records == []
    assert_same(again, last)


# --- chunks and batches -----------------------------------------------------------------------------------------------


def test_chunks_do_not_change_the_numbers(linear, make_run, train, monkeypatch):
    settings = LoopSettings(resample_every=12)
    ends = []
    for chunk in (12, 4):
        monkeypatch.setattr(loop, "CHUNK", chunk)
        last, records = train(make_run(linear.shifted, "adam", {}, settings, steps=48), linear.start)
        assert len(records) == 48 // chunk
        ends.append(last)
    np.testing.assert_allclose(ends[1].params["w"], ends[0].params["w"], rtol=1e-13)
    assert ends[1].loss == pytest.approx(ends[0].loss, rel=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "steps", "every", "weighting", "chunk"),
    [
        ("adam", 1000, 0, "fixed", 50),
        ("adam", 4096, 0, "fixed", 32),
        ("adam", 49, 0, "fixed", 49),
        ("adam", None, 0, "fixed", 50),
        ("adam", 1000, 8, "fixed", 8),
        ("adam", 1000, 100, "fixed", 50),
        ("adam", None, 96, "gradient_norm", 8),
        ("lbfgs", 50, 0, "fixed", 10),
        ("lbfgs", 1000, 0, "fixed", 20),
        ("gauss_newton", 30, 0, "fixed", 1),
    ],
)
def test_chunks_divide_the_stage_and_all_periods(linear, make_run, optimizer, steps, every, weighting, chunk):
    settings = LoopSettings(resample_every=every, weighting=weighting)
    assert make_run(linear.problem, optimizer, steps=steps, seconds=1.0, settings=settings).method().chunk == chunk


def test_points_are_redrawn_exactly_every_k_steps(linear, make_run, train):
    """The same steps by hand, with a new batch at steps 0, 6, 12, 18."""
    settings = LoopSettings(seed=3, resample_every=6)
    last, _ = train(make_run(linear.shifted, "adam", steps=24, learning_rate=0.01, settings=settings), linear.start)
    adam = optax.adam(0.01)
    params, state = linear.start, adam.init(linear.start)
    for step in range(24):
        batch = linear.shifted.draw(jax.random.fold_in(jax.random.key(3), step // 6))
        slope = jax.grad(lambda p, batch: linear.shifted.loss(p, batch, {})[0])(params, batch)
        updates, state = adam.update(slope, state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(last.params["w"], params["w"], rtol=1e-12)


def test_without_resampling_the_first_draw_stays(linear, make_run, train):
    batch = linear.shifted.draw(jax.random.fold_in(jax.random.key(0), 0))
    last, _ = train(make_run(linear.shifted, "gauss_newton", steps=40, learning_rate=0.02), linear.start)
    slope = jax.grad(lambda p: linear.shifted.loss(p, batch, {})[0])(last.params)
    assert float(jnp.max(jnp.abs(slope["w"]))) < 1e-6


def test_the_seed_chooses_the_points(linear, make_run, train):
    ends = [
        train(make_run(linear.shifted, "adam", steps=10, settings=LoopSettings(seed=seed)), linear.start)[0]
        for seed in (0, 0, 1)
    ]
    assert_same(ends[0], ends[1])
    assert not np.array_equal(ends[0].params["w"], ends[2].params["w"])


# --- divergence -------------------------------------------------------------------------------------------------------


def wall(params, context):
    """A bowl about 0.4 that is no number beyond 0.5."""
    w = params["w"]
    return {"first": jnp.where(w > 0.5, jnp.nan, w - 0.4), "second": 0.0 * w}


def test_not_a_number_is_undone_at_half_the_step_size(make_problem, make_run, train, listener):
    run = make_run(make_problem(wall), "adam", steps=40, learning_rate=0.2)
    last, _ = train(run, {"w": jnp.zeros(())})
    assert last.step == 40
    assert 1 <= last.rollbacks <= MAX_ROLLBACKS
    assert float(last.rate) == 0.5**last.rollbacks
    assert math.isfinite(last.loss)
    assert float(last.params["w"]) <= 0.5
    level, text = listener.messages[0]
    assert level == "warning"
    assert text == "stage: the loss became not a number after step 0; back to that step with half the step size"
    assert len(listener.messages) == last.rollbacks


def test_a_rise_counts_as_divergence_from_the_first_chunk_on(make_problem, make_run, train, listener):
    def bowl(params, context):
        return {"first": params["w"] ** 2, "second": 0.0 * params["w"]}

    run = make_run(make_problem(bowl), "adam", steps=10, learning_rate=100.0)
    last, _ = train(run, {"w": jnp.asarray(1.0)})
    assert "rose to" in listener.messages[0][1]
    assert last.rollbacks >= 1
    assert last.loss < loop.DIVERGED


@pytest.fixture
def doomed(make_problem):
    """Fine on the first two batches, no number ever after."""

    def blocks(params, context):
        return {"first": jnp.where(context < 2, params["w"] - 1.0, jnp.nan), "second": 0.0 * params["w"]}

    numbers = {jax.random.key_data(jax.random.fold_in(jax.random.key(0), n)).tobytes(): n for n in range(5)}
    return make_problem(blocks, lambda key: jnp.asarray(numbers[jax.random.key_data(key).tobytes()]))


def test_it_gives_up_and_keeps_the_last_good_parameters(doomed, make_run, train, listener):
    settings, start = LoopSettings(resample_every=10), {"w": jnp.asarray(0.0)}
    good, _ = train(make_run(doomed, "adam", steps=20, learning_rate=0.01, settings=settings), start)
    with pytest.raises(DivergenceError, match="stage stage diverged at step 20") as caught:
        train(make_run(doomed, "adam", steps=100, learning_rate=0.01, settings=settings), start)
    kept = caught.value.snapshot
    assert kept.step == 20
    np.testing.assert_array_equal(kept.params["w"], good.params["w"])
    assert kept.rollbacks == MAX_ROLLBACKS + 1
    assert len(listener.messages) == MAX_ROLLBACKS + 1


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "gauss_newton"])
def test_a_problem_without_numbers_diverges_with_every_optimiser(make_problem, make_run, train, optimizer):
    def nothing(params, context):
        return {"first": params["w"] * jnp.nan, "second": params["w"]}

    with pytest.raises(DivergenceError) as caught:
        train(make_run(make_problem(nothing), optimizer, steps=20), {"w": jnp.ones(2)})
    np.testing.assert_array_equal(caught.value.snapshot.params["w"], 1.0)


def test_parameters_spoilt_by_the_last_step_of_a_chunk_are_not_kept(make_problem, make_run, train):
    """The loss before that step is fine: only the loss after it tells."""
    run = make_run(make_problem(wall), "adam", steps=1, learning_rate=0.9)
    last, _ = train(run, {"w": jnp.zeros(())})
    assert float(last.params["w"]) <= 0.5
    assert last.rollbacks >= 1


# --- balancing --------------------------------------------------------------------------------------------------------


def test_balancing_changes_scales_every_so_many_steps(linear, make_run, train, monkeypatch):
    monkeypatch.setattr(loop, "EVERY_STEPS", 20)
    run = make_run(linear.problem, "adam", steps=40, settings=LoopSettings(weighting="gradient_norm"))
    first, second = (float(snapshot.scales["first"]) for snapshot, _ in run.run(run.start(linear.start)))
    assert first != 1.0
    assert second != first


def test_fixed_weights_stay(linear, make_run, train):
    last, _ = train(make_run(linear.problem, "adam", steps=10), linear.start)
    assert {float(scale) for scale in last.scales.values()} == {1.0}


# --- progress ---------------------------------------------------------------------------------------------------------


def test_records_and_progress_tell_the_same(linear, make_run, train, listener):
    problem = dataclasses.replace(linear.problem, error=lambda params: 0.25)
    _, records = train(make_run(problem, "adam", steps=100), linear.start)
    assert [record["step"] for record in records] == [50, 100]
    for record, progress in zip(records, listener.updates, strict=True):
        assert (progress.stage, progress.step, progress.total_steps) == ("stage", record["step"], 100)
        assert (progress.loss, progress.error) == (record["loss"], 0.25)
        assert record["error"] == 0.25
        assert record["loss"] == pytest.approx(sum(record["blocks"].values()))
        assert progress.points_per_second == record["points_per_second"] > 0


def test_time_left_by_steps(linear, make_run, train, listener, clock):
    train(make_run(linear.problem, "adam", steps=200), linear.start)
    for progress in listener.updates:
        expected = progress.seconds_elapsed / progress.step * (200 - progress.step)
        assert progress.seconds_left == pytest.approx(expected)
    assert listener.updates[-1].seconds_left == 0.0


def test_time_left_by_seconds_and_by_the_nearer_limit(linear, make_run, train, listener, clock):
    train(make_run(linear.problem, "adam", seconds=10.0), linear.start)
    assert [p.seconds_left for p in listener.updates] == [max(10.0 - p.seconds_elapsed, 0) for p in listener.updates]
    listener.updates.clear()
    train(make_run(linear.problem, "adam", steps=100, seconds=1e6), linear.start)
    assert listener.updates[-1].seconds_left == 0.0
    assert listener.updates[0].seconds_left < 1e3


def test_time_left_is_unknown_with_a_tolerance_alone(linear, make_run, train, listener):
    train(make_run(linear.problem, "adam", tolerance=1e-2, learning_rate=0.1), linear.start)
    assert {progress.seconds_left for progress in listener.updates} == {None}
    assert {progress.total_steps for progress in listener.updates} == {None}


# --- going on from a snapshot -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "soap", "lbfgs", "gauss_newton"])
def test_a_snapshot_goes_on_to_the_same_bits(linear, make_run, train, monkeypatch, optimizer):
    monkeypatch.setattr(loop, "EVERY_STEPS", 20)
    settings = LoopSettings(resample_every=8, weighting="gradient_norm")
    run = make_run(linear.shifted, optimizer, settings=settings, steps=40, learning_rate=0.02)
    whole, _ = train(run, linear.start)
    for number, (snapshot, _) in enumerate(run.run(run.start(linear.start))):
        if number in (0, 3):
            fresh = make_run(linear.shifted, optimizer, settings=settings, steps=40, learning_rate=0.02)
            assert_same(train(fresh, snapshot)[0], whole)


def test_compiled_steps_are_shared_by_stages_alike(linear, make_run, train):
    compiled = {}
    train(make_run(linear.problem, "adam", compiled, steps=10), linear.start)
    assert len(compiled) == 1
    train(make_run(linear.problem, "adam", compiled, steps=10), linear.start)
    assert len(compiled) == 1
    train(make_run(linear.problem, "adam", compiled, steps=10, learning_rate=0.5), linear.start)
    assert len(compiled) == 2


def test_other_shapes_are_compiled_anew(make_problem, make_run, train):
    def blocks(params, context):
        return {"first": params["w"] - 1.0, "second": 0.0 * params["w"]}

    compiled = {}
    for size in (2, 3):
        last, _ = train(make_run(make_problem(blocks), "gauss_newton", compiled, steps=5), {"w": jnp.zeros(size)})
        np.testing.assert_allclose(last.params["w"], np.ones(size), atol=1e-6)
    assert len(compiled) == 2
