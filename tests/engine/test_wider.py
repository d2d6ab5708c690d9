"""Bases of corrections: more modes within a budget, and one size for windows that are cut alike."""

import math

import pytest

from spinn.growth import MAX_UNKNOWNS
from spinn.wider import SMALL, wider_bases, wider_modes

CUTS = {"few": (-1.0, 0.0, 1.0), "many": (-1.0, -0.5, 0.0, 0.25, 1.0)}


@pytest.mark.parametrize("modes", [{"x": 5, "y": 7}, {"x": 60, "y": 60}, {"x": 200, "y": 200}, {"x": 260, "y": 300}])
@pytest.mark.parametrize("periodic", [frozenset(), frozenset({"x"})])
def test_wider_modes_stay_within_the_budget(modes, periodic):
    wider = wider_modes(modes, periodic, 1)
    assert all(wider[axis] > modes[axis] for axis in modes)
    size, before = (math.prod(2 * n + 1 if axis in periodic else n for axis, n in m.items()) for m in (wider, modes))
    smallest = all(wider[axis] - modes[axis] <= 2 for axis in modes)
    assert size <= max(SMALL, min(2.5 * before, MAX_UNKNOWNS["windows"])) or smallest


def test_windows_that_are_cut_alike_get_one_size():
    modes = [{"t": 20, "x": 15}, {"t": 16, "x": 15}, {"t": 16, "x": 40}]
    first, second, whole = wider_bases(modes, [{"x": CUTS["few"]}, {"x": CUTS["many"]}, {}], frozenset(), 1)
    assert first.modes == second.modes
    assert all(first.modes[axis] > modes[0][axis] for axis in "tx")
    assert len(first.breaks["x"]) == len(second.breaks["x"]) == 5
    assert set(CUTS["few"]) < set(first.breaks["x"])
    assert second.breaks["x"] == CUTS["many"]
    assert whole.breaks == {} and whole.modes["x"] > 40


def test_elements_count_in_the_budget():
    few, many = (wider_modes({"t": 60, "x": 15}, frozenset(), 1, {"x": CUTS[name]}) for name in CUTS)
    assert few == many
    cuts = tuple(-1.0 + i / 20 for i in range(41))
    modes = wider_modes({"t": 60, "x": 15}, frozenset(), 4, {"x": cuts})
    assert 15 < modes["x"] < wider_modes({"t": 60, "x": 15}, frozenset(), 1)["x"]
