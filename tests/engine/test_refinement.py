"""Tensor trains are solved for a second time; the difference is of the size of the error."""

import pytest

import spinn
from spinn.pdes import get
from spinn.refinement import more_modes

QUIET = {"figures": False, "report": False, "vtkhdf": False}


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("poisson_5d", {"modes": 5}),
        ("poisson_5d", {"modes": 9}),
        ("poisson_5d", {"modes": 9, "head": "cp", "rank": 2}),
        ("poisson_2d", {"modes": 8, "head": "tt"}),
    ],
)
def test_the_difference_is_of_the_size_of_the_error(name, network):
    summary = spinn.solve(get(name)(), network=network, output=QUIET).summary
    estimate = summary["error_estimate"]
    assert 0.1 < estimate["relative_l2"]["all"] / summary["relative_l2"]["all"] < 10.0
    assert estimate["reliable"], estimate["note"]
    assert estimate["residual"] > 0.0


def test_modes_grow_along_every_axis_up_to_a_limit():
    assert more_modes({"x": 8, "y": 199, "z": 200}) == {"x": 14, "y": 200, "z": 200}
