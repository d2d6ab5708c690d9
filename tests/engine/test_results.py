"""What a run leaves behind: the parts of the summary and of the output grid that need no training."""

import dataclasses

import numpy as np
import pytest

from spinn.evaluation import Piece
from spinn.pdes import PDE, Box, get
from spinn.results import SAVED_TIMES, covered, saved_counts
from spinn.solution import Solution


def solution_of(pde, config, pieces=()):
    return Solution(pde, config, {}, tuple(pieces), ())


def test_the_saved_grid_as_given(configure):
    config = configure(pde="heat", output={"grid": [6, 7]})
    assert saved_counts(solution_of(get("heat")(), config)) == {"t": 6, "x": 7}


@pytest.mark.parametrize("name", ["heat", "poisson_2d", "klein_gordon_2d", "navier_stokes_3d"])
def test_the_saved_grid_by_default(configure, name):
    pde = get(name)()
    counts = saved_counts(solution_of(pde, configure(pde=name, output={})))
    assert list(counts) == list(pde.coordinates)
    assert np.prod(list(counts.values())) < 2e6
    if len(counts) > 2 and "t" in counts:
        assert counts["t"] == SAVED_TIMES


def test_times_that_were_not_solved_are_left_out(configure):
    pieces = [Piece(None, 0.0, 0.25), Piece(None, 0.25, 0.5)]
    axes = {"t": np.linspace(0, 1, 9), "x": np.linspace(0, 1, 3)}
    found = covered(solution_of(get("heat")(), configure(pde="heat"), pieces), axes)
    np.testing.assert_array_equal(found["t"], axes["t"][:5])
    np.testing.assert_array_equal(found["x"], axes["x"])


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-3.0, -1.0), (-1.0, 0.0), (1e3, 1e3 + 0.1)])
def test_the_last_time_is_kept_wherever_time_lies(configure, decay, ends):
    pde = decay(domain=Box(t=ends))
    axes = {"t": np.linspace(*ends, 7)}
    found = covered(solution_of(pde, configure(), [Piece(None, *ends)]), axes)
    np.testing.assert_array_equal(found["t"], axes["t"])


def test_steady_problems_have_no_times(configure):
    pde = get("poisson_2d")()
    axes = {"x": np.linspace(0, 1, 3), "y": np.linspace(0, 1, 3)}
    assert covered(solution_of(pde, configure(pde="poisson_2d"), [Piece(None, 0.0, 0.0)]), axes).keys() == axes.keys()


def test_nothing_was_solved(configure, decay):
    axes = {"t": np.linspace(0, 1, 3)}
    np.testing.assert_array_equal(covered(solution_of(decay(), configure()), axes)["t"], axes["t"])


def test_solutions_are_frozen(configure, decay):
    with pytest.raises(dataclasses.FrozenInstanceError):
        solution_of(decay(), configure()).summary = {}
    assert isinstance(decay(), PDE)
