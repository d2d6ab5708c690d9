"""Scattered points: inside, on faces and for averages, by every rule."""

from typing import Any

import jax
import numpy as np
import pytest

from spinn.pdes import Box
from spinn.sampling import AxisSampler, PointSampler, scattered
from spinn.sampling.points import MEAN_POINTS, flattened

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

BOX = Box(t=(0, 2), x=(-1, 3), y=(0, 1))
COUNTS = {"t": 3, "x": 4, "y": 5}
RULES = ["random", "sobol", "gauss", "uniform"]
KEY, OTHER = jax.random.key(3), jax.random.key(4)


@pytest.mark.parametrize("rule", RULES)
def test_as_many_points_as_a_tensor_grid_unless_told_otherwise(rule: Any) -> None:
    batch = PointSampler(COUNTS, rule).draw(BOX, key=KEY)
    assert batch.weights.shape == (60,)
    assert {axis: face.weights.shape for axis, face in batch.faces.items()} == {"t": (20,), "x": (15,), "y": (12,)}
    if rule in ("random", "sobol"):
        batch = PointSampler(COUNTS, rule, interior=100, face=7).draw(BOX, key=KEY)
        assert batch.weights.shape == (100,)
        assert {face.weights.shape for face in batch.faces.values()} == {(7,)}


@pytest.mark.parametrize("rule", RULES)
def test_points_lie_in_the_box_and_weights_sum_to_one(rule: Any) -> None:
    batch = PointSampler(COUNTS, rule).draw(BOX, key=KEY)
    for points, weights in [(batch.points, batch.weights), *batch.faces.values()]:
        assert float(weights.sum()) == pytest.approx(1.0)
        for axis, values in points.items():
            assert values.shape == weights.shape
            assert float(values.min()) >= BOX[axis][0] and float(values.max()) <= BOX[axis][1]
    assert set(batch.points) == set(BOX)
    assert {axis: set(face.points) for axis, face in batch.faces.items()} == {axis: set(BOX) - {axis} for axis in BOX}


@pytest.mark.parametrize("rule", RULES)
def test_a_key_fixes_the_batch(rule: Any) -> None:
    first, again, other = (PointSampler(COUNTS, rule).draw(BOX, key=key) for key in (KEY, KEY, OTHER))
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), first, again)))
    assert bool((first.points["x"] != other.points["x"]).any()) == (rule in ("random", "sobol"))


def test_sobol_points_are_more_even_than_random_ones() -> None:
    def worst(rule: Any) -> float:
        errors = []
        for seed in range(5):
            batch = PointSampler(COUNTS, rule, interior=256).draw(BOX, key=jax.random.key(seed))
            errors.append(abs(float(np.mean(np.asarray(batch.points["t"]) * np.asarray(batch.points["y"]))) - 0.5))
        return max(errors)

    assert worst("sobol") < 0.3 * worst("random")


def test_faces_are_drawn_apart_from_each_other() -> None:
    batch = PointSampler(COUNTS, "random", interior=12, face=12).draw(BOX, key=KEY)
    drawn = [(np.asarray(s["t"]) / 2.0) for s in (batch.points, batch.faces["x"].points, batch.faces["y"].points)]
    assert not np.allclose(drawn[0], drawn[1]) and not np.allclose(drawn[1], drawn[2])


def test_a_scattered_grid_has_the_grids_averages() -> None:
    grid = AxisSampler(COUNTS, "gauss").draw(BOX, key=KEY)
    batch = scattered(grid)
    t, x, y = (np.asarray(batch.points[axis]) for axis in "txy")
    assert float(np.sum(batch.weights * t**5 * x**7 * y**9)) == pytest.approx((64 / 12) * (6560 / 32) / 10)
    face = batch.faces["x"]
    assert float(np.sum(face.weights * face.points["t"] ** 2)) == pytest.approx(4 / 3)
    assert batch.means is grid


def test_flattening_follows_the_axes_and_not_the_dict() -> None:
    """Dicts come out of jit with their keys sorted."""
    grid = AxisSampler({"x": 2, "b": 3}, "gauss").draw(Box(x=(0, 1), b=(0, 1)), key=KEY)
    outside = flattened(grid, ("x", "b"))
    inside = jax.jit(lambda batch: flattened(batch, ("x", "b")))(grid)
    for axis in ("x", "b"):
        np.testing.assert_array_equal(inside.points[axis], outside.points[axis])
    np.testing.assert_array_equal(inside.points["x"], np.repeat(grid.points["x"], 3))


@pytest.mark.parametrize("rule", RULES)
def test_a_line_has_faces_of_one_point(rule: Any) -> None:
    batch = PointSampler({"x": 6}, rule).draw(Box(x=(0, 1)), key=KEY)
    points, weights = batch.faces["x"]
    assert points == {} and weights.shape == (1,) and float(weights[0]) == 1.0


def test_averages_take_few_points() -> None:
    batch = PointSampler({"t": 40, "x": 3, "y": 40}, "random", frozenset({"y"}), 50, 10).draw(BOX, key=KEY)
    assert {axis: len(p) for axis, p in batch.means.points.items()} == {"t": MEAN_POINTS, "x": 3, "y": MEAN_POINTS}
    np.testing.assert_allclose(batch.means.points["y"], np.arange(MEAN_POINTS) / MEAN_POINTS)


def test_single_precision_stays_single() -> None:
    with jax.enable_x64(False):
        for rule in ("random", "sobol", "gauss"):
            batch = PointSampler(COUNTS, rule).draw(BOX, key=KEY)  # type: ignore[arg-type]
            assert {leaf.dtype for leaf in jax.tree.leaves(batch)} == {np.dtype(np.float32)}
