"""Symmetries are those of the problem: all of the square's for Darcy flow, fewer where something has a direction."""

import numpy as np

from spinn.data import ConvectionDiffusion2D, Poisson2D
from spinn.data.formats.samples import opened
from spinn.data.generation import Recipe, generate
from spinn.operators.layout import layout_of
from spinn.operators.origin import family_of
from spinn.operators.streaming import Batch
from spinn.operators.symmetries import Symmetry, candidates, shown, symmetries_of


def found(family, file):
    generate(Recipe(family=family, samples=3, solver="superlu"), file)
    with opened(file) as samples:
        return symmetries_of(family, samples, layout_of(samples, range(3)))


def test_darcy_flow_has_all_seven_of_the_square(darcy):
    with opened(darcy) as samples:
        family = family_of(samples.attributes)
        assert len(symmetries_of(family, samples, layout_of(samples, range(8)))) == 7
        assert symmetries_of(None, samples, layout_of(samples, range(8))) == ()


def test_a_rectangle_has_no_exchange_of_axes(tmp_path):
    assert len(found(Poisson2D(grid=(9, 11)), tmp_path / "p.h5")) == 3


def test_velocities_forbid_what_would_turn_them(tmp_path):
    assert found(ConvectionDiffusion2D(grid=(9, 9), eps=0.5), tmp_path / "c.h5") == ()


def test_symmetries_act_on_inputs_and_outputs_alike():
    a = np.arange(2 * 9.0).reshape(2, 1, 3, 3)
    batch = shown(Batch(a, 10 * a), [Symmetry((1, 0), (True, False))], np.random.default_rng(1))
    assert np.array_equal(batch.outputs, 10 * batch.inputs)
    turned = np.rot90(a[:, 0], axes=(1, 2))
    same = [[np.array_equal(batch.inputs[i, 0], one[i]) for one in (a[:, 0], turned)] for i in range(2)]
    assert all(sum(row) == 1 for row in same)


def test_candidates_leave_circles_unreflected():
    assert len(candidates((5, 5), (False, False))) == 7
    assert len(candidates((5, 5), (True, False))) == 1
