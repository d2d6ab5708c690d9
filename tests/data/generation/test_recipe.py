"""Recipes: what makes two of them the same, and which make no sense."""

import numpy as np
import pytest

from spinn.data import Darcy2D
from spinn.data.generation.choosing import Chosen, Watch
from spinn.data.generation.description import differences


def test_equal_recipes_have_equal_fingerprints(recipe):
    assert recipe().fingerprint == recipe().fingerprint


@pytest.mark.parametrize(
    "other",
    [{"seed": 1}, {"samples": 11}, {"tolerance": 1e-6}, {"family": Darcy2D(grid=(17, 17), source=2.0)}, {"piece": 5}],
)
def test_every_setting_counts(recipe, other):
    assert recipe(**other).fingerprint != recipe().fingerprint
    assert differences(recipe().described, recipe(**other).described)


@pytest.mark.parametrize(
    "wrong",
    [{"samples": 0}, {"tolerance": 0.0}, {"tolerance": 2.0}, {"piece": -1}],
)
def test_what_makes_no_sense(recipe, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected"):
        recipe(**wrong)


def test_pieces_share_out_all_samples(recipe):
    one, chain = recipe(), np.random.default_rng(0).permutation(10)
    assert one.pieces == 3
    found = np.concatenate([one.members(chain, piece) for piece in range(one.pieces)])
    np.testing.assert_array_equal(found, chain)


def test_a_solver_that_became_slow_is_chosen_anew(recipe, monkeypatch):
    from spinn.data.generation import choosing

    asked = []
    monkeypatch.setattr(choosing, "choose", lambda recipe, first: asked.append(first) or Chosen("other", {}))
    watch = Watch(Chosen("superlu", {"superlu": 1.0}))
    auto = recipe(solver="auto")
    for seconds in (1.0, 1.2, 0.9):
        watch = watch.after(auto, np.full(4, seconds), 7)
    assert watch.chosen.name == "superlu" and not asked
    assert watch.after(auto, np.full(4, 2.0), 7).chosen.name == "other" and asked == [7]
    assert watch.after(recipe(), np.full(4, 2.0), 7) is watch  # forced
