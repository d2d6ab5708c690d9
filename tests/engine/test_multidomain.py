"""Decomposed problems from configuration to files: second order and trained, steady and in time."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import spinn
from spinn.config import config_from
from spinn.errors import SpinnError
from spinn.growth import Outcome, Place
from spinn.output.grid_file import read_solution
from spinn.pdes import get
from spinn.recipes import resolve
from spinn.session import Session

QUICK = {"figures": False, "report": False, "estimate": False}


def test_two_materials_in_two_subdomains():
    """The conductivity jumps 100 : 1; continuity of the flux is what the kink follows from."""
    solution = spinn.solve(
        get("two_materials")(), domains={"x": [0.3]}, network={"modes": 14}, output={"estimate": True}
    )
    summary = solution.summary
    assert summary["relative_l2"]["all"] < 1e-8
    assert summary["domains"]["interface"] == {"solution": 1.0, "flux": 1.0}
    assert "2 x 1 subdomains that agree on solution, flux" in summary["recipe"]
    estimate = summary["error_estimate"]
    assert 0.1 < estimate["relative_l2"]["all"] / summary["relative_l2"]["all"] < 10.0
    below, above = solution(np.array([0.3 - 1e-9, 0.3 + 1e-9]), np.full(2, 0.5))
    assert abs(below - above) < 1e-7


def test_without_the_flux_the_kink_is_lost():
    """What shows that the interface conditions do the work."""
    solution = spinn.solve(
        get("two_materials")(), domains={"x": [0.3]}, network={"modes": 14}, interface="smooth", output=QUICK
    )
    assert solution.summary["relative_l2"]["all"] > 1e-2


def test_a_further_step_refines_what_a_factor_leaves_to_rounding():
    """One solve by the factor of J^T J alone leaves 2e-9 here."""
    pde = get("two_materials")()
    summary = spinn.solve(pde, domains={"x": [0.3]}, network={"modes": 20}, output=QUICK).summary
    assert summary["relative_l2"]["all"] < 1e-13


def test_waves_along_an_axis_that_is_whole_are_counted_as_waves(listen):
    """Of a spectrum that has fallen along t alone, modes of t stay; those of x are no more than growth allows."""
    pde = get("advection")()
    plan = resolve(config_from({"pde": "advection", "domains": {"t": 2}}), pde)
    assert plan.features == {"t": "legendre", "x": "fourier"}
    modes = {"t": 12, "x": 8}
    session = Session(plan, pde, listen(), lambda record: None)
    session.place = Place(modes=(modes,), breaks=({},), maps=({},), ends=(1.0,), level_loss=np.inf)
    network = session.network(0, modes)
    t, x = np.exp(-4.0 * np.arange(12)), np.exp(-0.5 * np.array([0, *range(1, 9), *range(1, 9)]))
    whole = eqx.tree_at(
        lambda n: (n.stacked.core, n.stacked.mixings), network,
        (jnp.asarray(np.tile(t[:, None] * x, (2, 1, 1, 1))), (None, None)), is_leaf=lambda leaf: leaf is None,
    )  # fmt: skip
    grown, _ = session.growth.grown(session.place, whole, Outcome(1e-4, 1.0, 408))
    assert grown.modes[-1]["t"] == 12 and 10 <= grown.modes[-1]["x"] <= 20


@pytest.mark.slow
def test_more_modes_come_by_themselves():
    summary = spinn.solve(get("two_materials")(), domains={"x": [0.3]}, output=QUICK).summary
    assert summary["relative_l2"]["all"] < 1e-10 and len(summary["stages"]) > 1 and not summary["warnings"]


def test_periodic_axes_are_cut_into_a_ring_and_time_into_slabs():
    summary = spinn.solve("advection", domains={"x": 3, "t": 2}, network={"modes": 14}, output=QUICK).summary
    assert summary["relative_l2"]["all"] < 1e-6 and summary["domains"]["subdomains"] == 6


def test_a_strip_against_the_rest_of_it():
    summary = spinn.solve("heat", domains={"x": {"strip": [0.4, 0.6]}}, network={"modes": 16}, output=QUICK).summary
    assert summary["relative_l2"]["all"] < 1e-7 and summary["domains"]["networks"] == 2


@pytest.mark.slow
def test_windows_of_subdomains_go_on_from_each_other(tmp_path):
    """Burgers' equation, in files: what is loaded is what was solved, and the cuts are in the file."""
    config = {"pde": {"name": "burgers", "params": {"nu": 0.3}}, "domains": {"x": [-0.2, 0.3]}, "windows": 2}
    config |= {"network": {"modes": 14}, "output": {"estimate": False, "report": False, "grid": [9, 33]}}
    solution = spinn.solve(config, out=tmp_path / "run")
    assert solution.summary["relative_l2"]["all"] < 1e-5 and len(solution.pieces) == 2
    again = spinn.load(tmp_path / "run")
    t, x = np.array([0.2, 0.5, 0.9]), np.array([-0.9, 0.3, 0.31])
    np.testing.assert_array_equal(again(t, x), solution(t, x))
    assert read_solution(tmp_path / "run" / "solution.h5").attributes["cuts"] == {"x": [-0.2, 0.3]}
    assert (tmp_path / "run" / "figures" / "u.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("coarse", [False, True])
def test_trained_networks_of_subdomains(coarse):
    network = {"trainable": True, "features": "mlp", "head": "cp", "rank": 6, "width": 12}
    stages = [{"optimizer": "soap", "steps": 150}, {"optimizer": "lbfgs", "steps": 60}]
    domains = {"cuts": {"x": [0.3]}, "coarse": coarse}
    summary = spinn.solve(get("two_materials")(), domains=domains, network=network, train=stages, output=QUICK).summary
    assert summary["relative_l2"]["all"] < 0.3 and summary["parameters"] > 0


def test_a_solved_run_resumes_as_it_is(tmp_path):
    config = {"pde": "two_materials", "domains": {"x": [0.3]}, "network": {"modes": 8}, "output": QUICK}
    first = spinn.solve(config, out=tmp_path / "run")
    second = spinn.solve(config, out=tmp_path / "run", resume=True)
    assert second.summary["relative_l2"] == first.summary["relative_l2"]


WRONG = {
    "a cut outside": (
        {"domains": {"x": [1.3]}},
        r"domains\.cuts\.x: expected cuts that ascend strictly",
    ),
    "no such axis": ({"domains": {"z": 2}}, r"domains\.cuts\.z: expected one of the axes"),
    "an unknown condition": ({"domains": {"x": 2}, "interface": ["slope"]}, "interface"),
    "a point-wise network": ({"domains": {"x": 2}, "network": {"kind": "pointwise"}}, "domains need kind: separable"),
    "sweeps": ({"domains": {"x": 2}, "network": {"head": "tt"}}, "a tt head is found by|domains need"),
    "a rank over fixed features": (
        {"domains": {"x": 2}, "network": {"rank": 4, "trainable": False}},
        "rank: auto over",
    ),
    "ranks that grow": ({"domains": {"x": 2}, "network": {"rank": "grow"}}, "rank: auto over|domains need"),
    "a coarse basis": ({"domains": {"cuts": {"x": 2}, "coarse": True}}, "trained networks for domains.coarse"),
    "strips across": ({"domains": {"x": {"strip": [0.1, 0.2]}, "y": 2}}, "a strip of x is one cut alone"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_refused(what):
    settings, message = WRONG[what]
    with pytest.raises(SpinnError, match=message):
        spinn.solve(get("two_materials")(), **settings)


def test_a_mean_over_the_box_belongs_to_no_subdomain():
    with pytest.raises(SpinnError, match="Gauge"):
        resolve(config_from({"pde": "navier_stokes_3d", "domains": {"x": 2}}), get("navier_stokes_3d")())
