"""Cells fill the box, interfaces join neighbours, and owners share cells."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.errors import SpinnError
from spinn.networks.decomposition import Decomposition
from spinn.pdes import Box, Face

BOX = Box(t=(0, 1), x=(-1, 1), y=(2, 5))


def volume(box: Box) -> float:
    return math.prod(high - low for low, high in box.intervals.values())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
def test_cells_fill_the_box_and_points_find_theirs(t: int, x: int, y: int, seed: int) -> None:
    found = Decomposition.uniform(BOX, {"t": t, "x": x, "y": y})
    assert found.count == t * x * y == len(found.cells)
    assert sum(map(volume, found.cells)) == pytest.approx(volume(BOX))
    rng = np.random.default_rng(seed)
    points = {axis: rng.uniform(*BOX[axis], 50) for axis in BOX}
    for number, cell in enumerate(found.located(points)):
        assert all(found.cells[cell][a][0] <= points[a][number] <= found.cells[cell][a][1] for a in BOX)


@pytest.mark.parametrize("axis", BOX.axes)
def test_interfaces_join_cells_that_share_a_face(axis: str) -> None:
    found = Decomposition.uniform(BOX, {"t": 3, "x": 2, "y": 4})
    pairs = found.interfaces(axis)
    assert len(pairs) == {"t": 2 * 8, "x": 12, "y": 18}[axis]
    for low, high in pairs:
        below, above = found.cells[low], found.cells[high]
        assert below[axis][1] == above[axis][0]
        assert all(below[other] == above[other] for other in BOX if other != axis)


def test_every_face_of_a_cell_is_an_interface_or_the_boundary() -> None:
    found = Decomposition.uniform(BOX, {"t": 3, "x": 2, "y": 4})
    sides = sum(2 * len(found.interfaces(axis)) for axis in BOX)
    outer = sum(int(np.sum(found.outer(face))) for face in BOX.faces(*BOX.axes))
    assert sides + outer == 6 * found.count
    assert np.sum(found.outer(Face("t", "high"))) == 8


def test_a_strip_against_the_rest() -> None:
    found = Decomposition.strip(Box(t=(0, 1), x=(-1, 1)), "x", -0.1, 0.1)
    assert (found.count, found.networks) == (3, 2)
    assert found.boxes[0]["x"] == (-1, 1) and found.boxes[1]["x"] == (-0.1, 0.1)
    np.testing.assert_array_equal(found.owner[found.interfaces("x")], [[0, 1], [1, 0]])
    assert found.located({"t": np.array([0.5]), "x": np.array([0.0])}) == [1]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Decomposition(BOX, {"z": (0.5,)}), "no axis 'z'"),
        (lambda: Decomposition(BOX, {"x": (2.0,)}), "between -1 and 1"),
        (lambda: Decomposition(BOX, {"x": (0.5, 0.1)}), "ascend"),
        (lambda: Decomposition(BOX, {"x": (0.0,)}, (0,)), "an owner for each of 2"),
        (lambda: Decomposition(BOX, {"x": (0.0,)}, (0, 2)), "without gaps"),
        (lambda: Decomposition.uniform(BOX, {"x": 0}), "at least one part"),
        (lambda: Decomposition.uniform(BOX, {"q": 2}), "no axis q"),
    ],
)
def test_cuts_that_cannot_be(make, match: str) -> None:
    with pytest.raises(SpinnError, match=match):
        make()
