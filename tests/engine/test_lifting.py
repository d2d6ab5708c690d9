"""Conditions held exactly: whatever is prescribed at the ends of axes is there before anything is trained."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.assembly import build_network, build_objective, build_sampler
from spinn.config import Config, PdeSpec
from spinn.embedding import Trace, traced_embedding_of
from spinn.evaluation import Piece, grid_values
from spinn.lifting import lifted
from spinn.pdes import PDE, Box, Dirichlet, Face, Initial, Neumann, Periodic, Robin, cos, get, sin
from spinn.recipes import resolve

pytestmark = pytest.mark.usefixtures("x64")


class Prescribed(PDE):
    """Two unknowns with values, slopes and a mixture given on the faces, and value and slope at the start."""

    coordinates = ("t", "x", "y")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(-1, 1), y=(0, 1))

    def residual(self, u, v, t, x, y):
        return u.d("tt") - u.d("xx") - v, v.d("tt") - v.d("yy") - u

    def conditions(self):
        return [
            *(Initial(name, value=self.exact) for name in self.unknowns),
            *(Initial(name, value=self.slope, order=1) for name in self.unknowns),
            *(Dirichlet(name, value=self.exact, faces=("x",)) for name in self.unknowns),
            Neumann("u", value=lambda t, x, y: 2.0 * self.exact(t, x, y)[0] * 0.0 + self.across(t, x, y)[0],
                    faces=(Face("y", "high"),)),
            Neumann("v", value=lambda t, x, y: self.across(t, x, y)[1], faces=(Face("y", "high"),)),
            Robin("u", value=lambda t, x, y: self.mixed(t, x, y)[0], a=2.0, b=0.5, faces=(Face("y", "low"),)),
            Robin("v", value=lambda t, x, y: self.mixed(t, x, y)[1], a=2.0, b=0.5, faces=(Face("y", "low"),)),
        ]  # fmt: skip

    def exact(self, t, x, y):
        return cos(t) * sin(x) * sin(y), sin(t) * cos(x) * cos(y)

    def slope(self, t, x, y):
        return -1.0 * sin(t) * sin(x) * sin(y), cos(t) * cos(x) * cos(y)

    def across(self, t, x, y):
        """Derivatives in y."""
        return cos(t) * sin(x) * cos(y), -1.0 * sin(t) * cos(x) * sin(y)

    def mixed(self, t, x, y):
        """2 u - u_y / 2: outward is down at the low face."""
        return tuple(2.0 * u - 0.5 * slope for u, slope in zip(self.exact(t, x, y), self.across(t, x, y), strict=True))


def prepared(pde, modes=9):
    plan = resolve(Config(pde=PdeSpec(name="own"), network={"modes": modes}), pde)
    widths = dict.fromkeys(pde.coordinates, modes)
    sampler = build_sampler(plan, pde, widths)
    network = build_network(plan, pde, pde.domain, widths, key=jax.random.key(0))
    return plan, network, build_objective(plan, pde, sampler), sampler.draw(pde.domain, key=jax.random.key(0))


def test_every_condition_holds_before_training_and_after_any_change_of_the_free_core():
    pde = Prescribed()
    plan, network, objective, batch = prepared(pde)
    assert set(plan.embedding.traces) == {"t", "x", "y"}
    assert network.core.shape == (2, 9, 9, 9)
    assert network.spaces is None  # all unknowns hold the same
    ready = lifted(network, plan.embedding.traces, objective, batch)
    noise = jax.random.normal(jax.random.key(1), ready.core.shape)
    for core in (ready.core, ready.core + noise):
        found = objective.conditions(eqx.tree_at(lambda n: n.core, ready, core), batch)
        assert max(float(jnp.max(jnp.abs(value))) for value in found.values()) < 1e-7  # nine modes resolve the data
    assert max(float(jnp.max(jnp.abs(value))) for value in objective.conditions(network, batch).values()) > 0.5


def test_a_bilinear_solution_is_its_own_lift():
    """Transfinite interpolation is exact for it."""
    pde = get("klein_gordon_2d")()
    plan, network, objective, batch = prepared(pde, 28)
    ready = lifted(network, plan.embedding.traces, objective, batch)
    axes = {axis: np.linspace(*pde.domain[axis], 7) for axis in pde.coordinates}
    t, x, y = np.meshgrid(*axes.values(), indexing="ij")
    exact = (x + y) * np.cos(2 * t) + x * y * np.sin(2 * t)
    np.testing.assert_allclose(grid_values(pde, Piece(ready, 0, 0), axes, False)["u"], exact, atol=1e-5)


def test_the_next_window_starts_where_the_last_one_ended():
    pde = get("heat")()
    plan, network, objective, batch = prepared(pde)
    before = lifted(network, plan.embedding.traces, objective, batch)
    before = eqx.tree_at(lambda n: n.core, before, jax.random.normal(jax.random.key(2), before.core.shape))
    shifted = build_network(plan, pde, pde.domain, dict.fromkeys("tx", 9), key=jax.random.key(0))
    after = lifted(shifted, plan.embedding.traces, objective, batch, before)
    x = np.linspace(0, 1, 11)
    low = np.array([pde.domain["t"][0]])
    start, end = (grid_values(pde, Piece(one, 0, 0), {"t": low, "x": x}, False)["u"] for one in (after, before))
    np.testing.assert_allclose(start, end, atol=1e-8)


def traces_of(*conditions):
    class Rod(PDE):
        """A rod."""

        coordinates = ("t", "x")
        unknowns = ("u",)
        domain = Box(t=(0, 1), x=(0, 1))

        def residual(self, u, t, x):
            return u.d("t") - u.d("xx")

        def conditions(self):
            return conditions

    return traced_embedding_of(Rod())


def test_traces_are_read_off_the_conditions():
    found = traces_of(Initial("u"), Initial("u", order=1), Robin("u", a=3.0, b=2.0))
    assert found.traces["t"] == (
        Trace("low", (1.0,), {"u": "initial_u"}),
        Trace("low", (0.0, 1.0), {"u": "initial_dt_u"}),
    )
    assert [(trace.side, trace.weights) for trace in found.traces["x"]] == [("low", (3.0, -2.0)), ("high", (3.0, 2.0))]
    assert found.skip == {"initial_u", "initial_dt_u", "robin_u_x_low", "robin_u_x_high"}


def test_conditions_that_follow_from_others_are_left_to_the_loss():
    found = traces_of(Dirichlet("u"), Neumann("u"), Robin("u"))
    assert len(found.traces["x"]) == 4
    assert "robin_u_x_low" not in found.skip and "neumann_u_x_low" in found.skip


def test_conditions_on_quantities_are_left_to_the_loss():
    assert traces_of(Initial(lambda u: u.d("x"), label="slope")).traces == {}
    assert traces_of(Periodic("u", axis="x"), Dirichlet("u")).traces == {}
