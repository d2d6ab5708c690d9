"""Planes and times that show something."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spinn.output.slices import plane, telling_index, times


def test_a_vanishing_middle_plane_is_avoided() -> None:
    z = np.linspace(0, 2 * np.pi, 33)
    values = np.broadcast_to(np.sin(z), (4, 5, 33))
    index = telling_index(values, 2)
    assert abs(np.sin(z[index])) >= 0.7
    assert abs(index - 16) <= 6


def test_the_middle_is_kept_where_it_shows_the_field() -> None:
    assert telling_index(np.ones((5, 9)), 1) == 4
    assert telling_index(np.zeros((5, 9)), 1) == 4
    assert telling_index(np.full((5, 9), np.nan), 1) == 4


@given(st.integers(1, 30), st.integers(2, 6))
def test_times_are_first_last_and_distinct(length: int, count: int) -> None:
    axis = np.cumsum(np.random.default_rng(length).random(length))
    chosen = times(axis, count)
    assert chosen[0] == 0
    assert chosen[-1] == length - 1
    assert len(chosen) == len(set(chosen)) <= count


def test_a_plane_takes_the_right_values() -> None:
    axes = {"t": np.arange(2.0), "x": np.arange(3.0), "y": np.arange(4.0), "z": np.arange(5.0)}
    values = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    part = plane(axes, ("x", "z"), {"t": 1, "y": 2}, ("t", "y"))
    np.testing.assert_array_equal(part.of(values), values[1, :, 2, :])
    assert part.title == "$t$ = 1, $y$ = 2"
