"""Schedules by name: where they start, where they end, and what they refuse."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from spinn.optim import SCHEDULES, schedule


def rates(name: str, rate: float, steps: int, warmup: int = 0) -> np.ndarray:
    chosen = schedule(name, rate, steps, warmup)
    return np.array([float(chosen(step)) for step in range(steps + 1)])


def test_constant_stays() -> None:
    np.testing.assert_allclose(rates("constant", 3e-3, 10), 3e-3, rtol=1e-6)


def test_constant_needs_no_number_of_steps() -> None:
    assert float(schedule("constant", 0.5)(10**6)) == 0.5
    assert float(schedule("constant", 0.5, warmup=5)(0)) == pytest.approx(0.1)


def test_cosine_halves_in_the_middle_and_ends_at_zero() -> None:
    values = rates("cosine", 2.0, 20)
    np.testing.assert_allclose(values[[0, 10, 20]], [2.0, 1.0, 0.0], atol=1e-6)
    assert np.all(np.diff(values) < 0)


def test_exponential_ends_at_a_hundredth_by_equal_ratios() -> None:
    values = rates("exponential", 2.0, 20)
    np.testing.assert_allclose(values[[0, 10, 20]], [2.0, 0.2, 0.02], rtol=1e-5)
    np.testing.assert_allclose(values[1:] / values[:-1], 0.01 ** (1 / 20), rtol=1e-4)


def test_warmup_rises_in_equal_steps_and_the_decay_still_ends_in_time() -> None:
    values = rates("cosine", 1.0, 50, warmup=10)
    np.testing.assert_allclose(values[:10], np.arange(1, 11) / 10, rtol=1e-5)
    assert values[10] < 1.0
    np.testing.assert_allclose(values[50], 0.0, atol=1e-6)


def test_warmup_cosine_warms_up_over_a_twentieth_unless_told_otherwise() -> None:
    np.testing.assert_allclose(rates("warmup_cosine", 1.0, 100), rates("cosine", 1.0, 100, warmup=5))
    np.testing.assert_allclose(rates("warmup_cosine", 1.0, 100, 20), rates("cosine", 1.0, 100, warmup=20))


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(name=st.sampled_from(SCHEDULES), steps=st.integers(1, 60), data=st.data())
def test_the_peak_is_the_learning_rate_and_nothing_is_negative(name: str, steps: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, steps - 1))
    values = rates(name, 0.25, steps, warmup)
    assert np.max(values) == pytest.approx(0.25)
    assert np.all(values >= -1e-9)
    assert np.all(values[:steps] > 0), "no step of the stage is wasted on a rate of zero"


@pytest.mark.parametrize("name", ["cosine", "exponential", "warmup_cosine"])
def test_a_decay_without_steps_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=rf"'{name}'.*give `steps`, or `schedule: constant`"):
        schedule(name, 1e-3)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown schedule 'cosin'; the schedules are constant, cosine"):
        schedule("cosin", 1e-3, 10)


@pytest.mark.parametrize("warmup", [-1, 10, 11])
def test_a_warmup_that_does_not_fit_is_refused(warmup: int) -> None:
    with pytest.raises(ValueError, match="shorten the warm-up"):
        schedule("cosine", 1e-3, 10, warmup)
