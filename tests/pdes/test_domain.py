"""Boxes and faces."""

import math

import pytest

from spinn.pdes import Box, Face


@pytest.mark.parametrize("ends", [(1, 0), (1, 1), (0, math.inf), (math.nan, 1)])
def test_upside_down_or_infinite_interval(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="domain of x: expected low < high"):
        Box(x=ends)


@pytest.mark.parametrize("ends", [(1,), (0, 1, 2), ("a", 1), 3, None])
def test_interval_that_is_no_pair_of_numbers(ends: object) -> None:
    with pytest.raises(ValueError, match="domain of x: expected two numbers"):
        Box(x=ends)


def test_axes_space_and_ends() -> None:
    box = Box(t=(0, 2), x=(-1, 1), y=(0, 3))
    assert box.axes == ("t", "x", "y")
    assert box.space == ("x", "y")
    assert box["y"] == (0.0, 3.0)
    assert box.end(Face("x", "low")) == -1.0
    assert box.end(Face("y", "high")) == 3.0
    assert list(box) == ["t", "x", "y"]


def test_faces_are_those_of_space_unless_named() -> None:
    box = Box(t=(0, 2), x=(-1, 1), y=(0, 3))
    assert box.faces() == (Face("x", "low"), Face("x", "high"), Face("y", "low"), Face("y", "high"))
    assert box.faces("t") == (Face("t", "low"), Face("t", "high"))


def test_replace() -> None:
    box = Box(t=(0, 2), x=(-1, 1))
    assert box.replace(t=(0, 5)) == Box(t=(0, 5), x=(-1, 1))
    with pytest.raises(ValueError, match="no axis z; its axes are t, x"):
        box.replace(z=(0, 1))


def test_boxes_are_values() -> None:
    assert Box(x=(0, 1)) == Box(x=(0.0, 1.0))
    assert hash(Box(x=(0, 1))) == hash(Box(x=(0.0, 1.0)))
    assert Box(x=(0, 1)) != Box(x=(0, 2))
    with pytest.raises(AttributeError):
        Box(x=(0, 1)).intervals = {}  # type: ignore[misc]
