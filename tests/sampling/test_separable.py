"""Batches of axis points: where they lie, and that a key fixes them."""

import jax
import numpy as np
import pytest

from spinn.pdes import Box
from spinn.sampling import AxisSampler
from spinn.sampling.rules import RuleName

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

BOX = Box(t=(0, 10), x=(-1, 3))
COUNTS = {"t": 4, "x": 5}
FIRST, SECOND = jax.random.key(0), jax.random.key(1)


@pytest.mark.parametrize("rule", ["gauss", "uniform", "random"])
def test_batches_lie_in_the_box_and_know_its_ends(rule: RuleName) -> None:
    batch = AxisSampler(COUNTS, rule).draw(BOX, key=FIRST)
    for axis, count in COUNTS.items():
        low, high = BOX[axis]
        points = np.asarray(batch.points[axis])
        assert points.shape == (count,) and points.min() >= low and points.max() <= high
        assert np.all(np.diff(points) > 0)
        assert batch.weights[axis].sum() == pytest.approx(1.0)
        np.testing.assert_array_equal(batch.ends[axis], [low, high])


@pytest.mark.parametrize("rule", ["gauss", "uniform", "random"])
def test_a_key_fixes_the_batch(rule: RuleName) -> None:
    sampler = AxisSampler(COUNTS, rule)
    first, again, other = (sampler.draw(BOX, key=key) for key in (FIRST, FIRST, SECOND))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), first, again)
    assert all(jax.tree.leaves(same))
    moved = bool((first.points["t"] != other.points["t"]).any())
    assert moved == (rule == "random")


def test_random_axes_are_drawn_independently_and_uniformly() -> None:
    batch = AxisSampler({"t": 4000, "x": 4000}, "random").draw(BOX, key=FIRST)
    unit = [(np.asarray(batch.points[a]) - BOX[a][0]) / (BOX[a][1] - BOX[a][0]) for a in BOX]
    for points in unit:
        np.testing.assert_allclose(np.histogram(points, 5, (0, 1))[0] / 4000, 0.2, atol=0.03)
    assert not np.allclose(unit[0], unit[1])


def test_periodic_axes_take_the_rule_without_the_right_end() -> None:
    batch = AxisSampler(COUNTS, "gauss", frozenset({"x"})).draw(BOX, key=FIRST)
    np.testing.assert_allclose(batch.points["x"], -1 + 4 * np.arange(5) / 5)
    np.testing.assert_allclose(batch.points["t"], 5 + 5 * np.polynomial.legendre.leggauss(4)[0])


def test_single_precision_stays_single() -> None:
    with jax.enable_x64(False):
        batch = AxisSampler(COUNTS, "gauss").draw(BOX, key=FIRST)
    assert {leaf.dtype for leaf in jax.tree.leaves(batch)} == {np.dtype(np.float32)}
