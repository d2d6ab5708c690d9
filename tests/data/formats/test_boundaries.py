"""Boundaries are known of every family that ships, and of those made from a PDE."""

import numpy as np
import pytest

from spinn.data import FAMILIES
from spinn.data.formats.boundaries import periodic_axes
from spinn.errors import SpinnError

GRIDS = {1: (16,), 2: (16, 16), 3: (8, 8, 8)}
TORUS = {"advection_1d": {"x"}, "burgers_1d": {"x"}, "reaction_diffusion_1d": {"x"}, "navier_stokes_2d": {"x", "y"}}


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "thermal_2d"])
def test_of_every_family_that_ships(name):
    grid = GRIDS[int(name[-2])]
    axes = {"t": np.arange(3.0), **FAMILIES[name](grid=grid).axes}
    assert periodic_axes({"name": name, "grid": list(grid)}, axes) == TORUS.get(name, set())


def test_of_a_pde_the_recipe_tells_the_domain():
    described = {"name": "from_pde", "given": {"kind": "Mine", "domain": {"t": [0, 1], "x": [-1, 1], "y": [0, 3]}}}
    axes = {"t": np.linspace(0, 1, 3), "x": np.linspace(-1, 1, 9)[:-1], "y": np.linspace(0, 3, 9)}
    assert periodic_axes(described, axes) == {"x"}


def test_a_family_of_someone_else_is_refused():
    with pytest.raises(SpinnError, match="domain of the family mine is not known.*made from_pde"):
        periodic_axes({"name": "mine", "grid": [3]}, {"x": np.arange(3.0)})
