"""Active data: those samples are chosen whose residuals are largest, and files of them are as good as others."""

import numpy as np
import pytest

from spinn.data import Burgers1D, Darcy2D
from spinn.data.formats.samples import joined, opened
from spinn.data.generation import Recipe, generate, verify
from spinn.errors import SpinnError
from spinn.operators.active import choose, dual
from spinn.solvers import SuperLU

FAMILY = Darcy2D(grid=(17, 17))


@pytest.fixture(scope="module")
def chosen(run):
    return choose(Recipe(family=FAMILY, samples=5, seed=0), run.learned, pool=4)


def test_the_worst_of_the_pool_are_chosen_beyond_those_learned_from(chosen):
    assert len(chosen.pool) == 20 and len(chosen.numbers) == 5
    assert all(number >= 24 for number in chosen.numbers)
    assert sorted(chosen.residuals) == pytest.approx(sorted(chosen.pool)[-5:])
    assert "chose 5 of 20 candidates" in chosen.told


def test_another_seed_has_a_pool_from_its_start(run):
    found = choose(Recipe(family=FAMILY, samples=2, seed=1), run.learned, pool=1)
    assert found.numbers == (0, 1)


def test_files_of_chosen_samples_resume_and_are_verified(chosen, darcy, tmp_path):
    recipe = Recipe(family=FAMILY, samples=5, seed=0, chosen=chosen.numbers, piece=2, solver="superlu")
    generate(recipe, tmp_path / "more.h5")
    assert verify(tmp_path / "more.h5", FAMILY, share=1.0).good
    with opened(tmp_path / "more.h5") as more, opened(darcy) as first:
        assert tuple(more.index.tolist()) == chosen.numbers
        assert np.array_equal(more.inputs["a"].read(2), FAMILY.parameters(0, chosen.numbers[2])["a"])
        both = joined([first, more])
        assert len(both) == 29 and both.index[-1] == chosen.numbers[-1]
        assert np.array_equal(both.outputs["u"].read(25), more.outputs["u"].read(1))
        assert np.array_equal(both.outputs["u"].read(23), first.outputs["u"].read(23))


def test_other_numbers_are_another_recipe_and_none_is_what_it_was():
    one, other = (Recipe(family=FAMILY, samples=2, chosen=numbers) for numbers in ((1, 5), (1, 6)))
    assert one.fingerprint != other.fingerprint
    assert "chosen" not in Recipe(family=FAMILY, samples=2).described
    with pytest.raises(ValueError, match="chosen: expected 2 different numbers in ascending order"):
        Recipe(family=FAMILY, samples=2, chosen=(5, 1))


def test_the_dual_norm_tells_the_error_in_the_energy():
    system = FAMILY.system(FAMILY.parameters(0, 3))
    exact = SuperLU().solve(system.matrix, system.rhs)[0]
    rough = exact * (1 + 0.01 * np.random.default_rng(0).standard_normal(exact.shape))
    error = rough - exact
    energy = np.sqrt(error @ (system.matrix @ error) / (exact @ system.rhs))
    assert energy / 2.5 < dual(system, rough) < 2.5 * energy
    assert dual(system, exact) < 1e-7 and dual(system, 0 * exact) == pytest.approx(1.0)


def test_what_cannot_be_chosen_from_is_told(run):
    with pytest.raises(SpinnError, match="expected a steady family"):
        choose(Recipe(family=Burgers1D(), samples=2), run.learned)
    with pytest.raises(SpinnError, match="at least 1 candidate"):
        choose(Recipe(family=FAMILY, samples=2), run.learned, pool=0)
