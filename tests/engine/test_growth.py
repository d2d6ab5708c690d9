"""What follows a level on which more modes did not help."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from spinn import growth
from spinn.growth import Growth, Outcome, Place
from spinn.pdes import PDE, Box, Dirichlet, Initial
from spinn.recipes import resolve
from spinn.session import Session

pytestmark = pytest.mark.usefixtures("x64")


class Steady(PDE):
    """u_xx = u."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(-1, 1))

    def residual(self, u, x):
        return u.d("xx") - u

    def conditions(self):
        return [Dirichlet("u")]


class Moving(Steady):
    """u_t = u_xx."""

    coordinates = ("t", "x")
    domain = Box(t=(0, 1), x=(-1, 1))

    def residual(self, u, t, x):
        return u.d("t") - u.d("xx")

    def conditions(self):
        return [Initial("u"), Dirichlet("u")]


def stagnated(pde, config, listen):
    """A level with as large a loss as the one before, and a solution that its modes do not resolve."""
    plan = resolve(config, pde)
    session = Session(plan, pde, listen(), lambda record: None)
    modes = {axis: 24 if axis == "x" else 8 for axis in pde.coordinates}
    session.place = Place(modes=(modes,), breaks=({},), maps=({},), ends=(1.0,), level=1, level_loss=1e-3)
    network = session.network(0, modes)
    rough = 1.0 / (1.0 + np.arange(network.core.shape[-1]))
    core = jnp.zeros_like(network.core).at[(0, 0) if "t" in pde.coordinates else (0,)].set(rough)
    return Growth(plan, pde), session.place, eqx.tree_at(lambda n: n.core, network, core)


@pytest.mark.parametrize("pde", [Steady(), Moving()])
def test_elements_are_tried_before_a_solution_counts_as_rough(pde, configure, listen):
    rule, place, network = stagnated(pde, configure(network={}), listen)
    found, doubts = rule.grown(place, network, Outcome(1e-3, 1.0, 24))
    assert doubts == []
    assert len(found.breaks[-1]["x"]) > 4
    assert found.modes[-1]["x"] == growth.ELEMENT_DEGREE
    # Once they have been, it is rough.
    cut = dataclasses.replace(place, breaks=found.breaks)
    found, (doubt,) = rule.grown(cut, network, Outcome(1e-3, 1.0, 24))
    assert found is None
    assert "the solution may be rough" in doubt


def test_they_are_not_tried_in_time_where_they_cost_too_much(configure, listen, monkeypatch):
    monkeypatch.setattr(growth, "CHEAP", 100)
    for pde, tried in ((Moving(), False), (Steady(), True)):
        rule, place, network = stagnated(pde, configure(network={}), listen)
        found, _ = rule.grown(place, network, Outcome(1e-3, 1.0, 24))
        assert (found is not None) == tried


def test_a_level_that_gains_goes_on_with_modes(configure, listen):
    rule, place, network = stagnated(Steady(), configure(network={}), listen)
    found, _ = rule.grown(place, network, Outcome(1e-4, 1.0, 24))
    assert found is not None
    assert found.modes[-1]["x"] > 24
