"""Conditions on some of the unknowns are held exactly by these, and the others are free where they are."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spinn
from spinn import engine
from spinn.assembly import build_network, build_objective, build_sampler
from spinn.config import Config, PdeSpec, config_from
from spinn.config.load_pde import load_pde
from spinn.evaluation import Piece, grid_values
from spinn.lifting import lifted
from spinn.output.progress import SilentReporter
from spinn.recipes import resolve
from spinn.spectrum import transferred
from spinn.truth import truth_on_grid

RODS = '''\
from spinn.pdes import PDE, Box, Dirichlet, Face, Initial, cos, exp, sin


class Rod(PDE):
    """Heat as a system:  u_t + q_x = 0,  q + u_x / 2 = 0   on t in [0, 1], x in [0, 1].

    The temperature is given at the start and at the left, the flux at the right.
    """

    coordinates = ("t", "x")
    unknowns = ("u", "q")
    domain = Box(t=(0, 1), x=(0, 1))

    def residual(self, u, q, t, x):
        return {"balance": u.d("t") + q.d("x"), "flux": q + 0.5 * u.d("x")}

    def conditions(self):
        return [
            Initial("u", value=self.exact),
            Dirichlet("u", value=self.exact, faces=(Face("x", "low"),)),
            Dirichlet("q", value=self.exact, faces=(Face("x", "high"),)),
        ]

    def exact(self, t, x):
        return exp(-2.0 * t) * cos(2.0 * x + 0.3), exp(-2.0 * t) * sin(2.0 * x + 0.3)
'''


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The problem in a file of its own, from which runs can be read again."""
    file = tmp_path_factory.mktemp("rod") / "rod.py"
    file.write_text(RODS)
    output = {"figures": False, "report": False, "vtkhdf": False, "estimate": True}
    return config_from({"pde": f"{file}:Rod", "network": {"modes": 14}, "output": output})


@pytest.fixture(scope="module")
def pde(config):
    return load_pde(config.pde, Path())


def prepared(pde, modes):
    plan = resolve(Config(pde=PdeSpec(name="own"), network={"modes": modes}), pde)
    widths = dict.fromkeys(pde.coordinates, modes)
    sampler = build_sampler(plan, pde, widths)
    network = build_network(plan, pde, pde.domain, widths, key=jax.random.key(0))
    batch = sampler.draw(pde.domain, key=jax.random.key(0))
    objective = build_objective(plan, pde, sampler)
    return lifted(network, plan.embedding.traces, objective, batch), objective, batch


def shaken(network, seed=1):
    """With a random free core."""
    return eqx.tree_at(lambda n: n.core, network, jax.random.normal(jax.random.key(seed), network.core.shape))


@pytest.mark.usefixtures("x64")
def test_each_unknown_holds_its_own_and_has_the_rest_of_the_features(pde):
    network, objective, batch = prepared(pde, 9)
    assert network.core.shape == (2, 10, 10)  # time: q has the dual of the start; x: each has that of the other
    assert network.lift.shape == (2, 10, 11)
    ranks = [[int(np.linalg.matrix_rank(one)) for one in space] for space in network.spaces]
    assert ranks == [[9, 10], [10, 10]]
    for one in (network, shaken(network)):
        found = objective.conditions(one, batch)
        assert max(float(jnp.max(jnp.abs(value))) for value in found.values()) < 1e-7  # nine modes resolve the data


@pytest.mark.usefixtures("x64")
def test_pinned_entries_of_the_core_change_nothing(pde):
    network, objective, batch = prepared(pde, 6)
    moved = eqx.tree_at(lambda n: n.core, network, network.core.at[0, -1].add(1.0))  # u has one feature less in time
    np.testing.assert_array_equal(moved.whole_core, network.whole_core)
    normal = np.asarray(objective.normal(network, batch))[0]
    pinned = np.zeros(network.core.shape, bool)
    pinned[0, -1] = True
    np.testing.assert_array_equal(np.diagonal(normal) == 0.0, pinned.reshape(-1))


@pytest.mark.usefixtures("x64")
def test_blocks_of_the_normal_matrix_are_those_of_the_jacobian(pde):
    network, objective, batch = prepared(pde, 5)

    def residuals(core):
        blocks = objective.blocks(eqx.tree_at(lambda n: n.core, network, core), batch)
        return jnp.concatenate([block.reshape(-1) for block in blocks.values()])

    jacobian = np.asarray(jax.jacfwd(residuals)(network.core)).reshape(-1, network.core.size)
    np.testing.assert_allclose(objective.normal(network, batch)[0], jacobian.T @ jacobian, atol=1e-9)


@pytest.mark.usefixtures("x64")
def test_growing_modes_keep_the_field(pde):
    old, new = shaken(prepared(pde, 9)[0]), prepared(pde, 14)[0]
    grown = eqx.tree_at(lambda n: n.core, new, jnp.asarray(transferred(old, new)))
    axes = {axis: np.linspace(0, 1, 7) for axis in "tx"}
    before, after = (grid_values(pde, Piece(one, 0, 0), axes, False) for one in (old, grown))
    for name in pde.unknowns:
        np.testing.assert_allclose(after[name], before[name], atol=1e-6)  # nine modes resolve the data


@pytest.fixture(scope="module")
def solved(config, pde, tmp_path_factory):
    """A run, and its folder."""
    out = tmp_path_factory.mktemp("runs") / "rod"
    return engine.solve(config, pde, out=out, reporter=SilentReporter()), out


def test_the_exact_solution_is_reached(solved):
    summary = solved[0].summary
    assert summary["relative_l2"]["all"] < 1e-10
    assert 0.1 < summary["error_estimate"]["relative_l2"]["all"] / summary["relative_l2"]["all"] < 10.0


def test_conditions_hold_to_rounding(solved, pde):
    t, x = np.linspace(0, 1, 9), np.linspace(0, 1, 11)
    low, high = np.zeros(1), np.ones(1)
    for name, axes in {"u": {"t": t, "x": low}, "q": {"t": t, "x": high}}.items():
        exact = truth_on_grid(pde, axes)[name]
        np.testing.assert_allclose(solved[0].on_grid(axes)[name], exact, atol=2e-14)
    start = {"t": low, "x": x}
    np.testing.assert_allclose(solved[0].on_grid(start)["u"], truth_on_grid(pde, start)["u"], atol=2e-14)


def test_a_run_is_read_again(solved):
    points = np.linspace(0.1, 0.9, 5)
    again = spinn.load(solved[1])
    for name, values in solved[0](points, points).items():
        np.testing.assert_array_equal(again(points, points)[name], values)
