"""Trained networks by least squares: accuracy, further sets of networks, giving up, saving and resuming."""

import jax
import numpy as np
import pytest

from spinn import stagewise
from spinn.api import load
from spinn.config import Stage, config_from
from spinn.engine import solve
from spinn.errors import SpinnError
from spinn.output.progress import SilentReporter
from spinn.pdes import get
from spinn.recipes import resolve
from tests.engine.test_resuming import KilledError, assert_same, start  # noqa: F401

pytestmark = pytest.mark.usefixtures("x64")

SMALL = {"features": "sine", "width": 10, "rank": 2}
STAGES = [
    {"optimizer": "polish", "steps": 5},
    {"optimizer": "levenberg_marquardt", "steps": 4},
    {"optimizer": "polish", "steps": 5},
]


def settled(configure, **sections):
    return configure(network=SMALL, sampling={"points_per_axis": 24}, train=STAGES, **sections)


def test_networks_are_trained_polished_and_added_to(configure, decay, listen):
    reporter = listen()
    solution = solve(settled(configure), decay(rate=3.0), reporter=reporter, write=False)
    assert solution.summary["relative_l2"]["all"] < 1e-8
    names = [stage["name"] for stage in solution.summary["stages"]]
    assert names[:3] == ["polish", "levenberg_marquardt", "polish"]


def test_a_network_is_loaded_as_it_was_saved(configure, decay, tmp_path):
    solution = solve(settled(configure), decay(rate=3.0), out=tmp_path / "run", reporter=SilentReporter())
    times = np.linspace(0.0, 1.0, 7)
    np.testing.assert_array_equal(load(tmp_path / "run")(times), solution(times))


@pytest.fixture
def many_sets(monkeypatch):
    """Two sets of axis networks, whatever the first have left."""
    monkeypatch.setattr(stagewise, "RESOLVED", 0.0)
    monkeypatch.setattr(stagewise, "WORTHWHILE_GAIN", np.inf)


def test_every_stage_resumes_to_the_same_bits(start, configure, decay, tmp_path, programs, many_sets):  # noqa: F811
    config, pde = settled(configure), decay(rate=3.0)
    plan, compiled = resolve(config, pde), programs(config, pde)
    whole, records = start(plan, pde, compiled)
    names = [record["stage"] for record in records]
    assert {"levenberg_marquardt level 2", "polish level 2"} <= set(names)
    firsts = [number + 1 for number in range(1, len(names)) if names[number] != names[number - 1]]
    for stop in firsts:
        for late in (0, 1):
            if stop + late > len(names):
                continue
            (tmp_path / "checkpoints").rename(tmp_path / f"before {stop} {late}")
            with pytest.raises(KilledError):
                start(plan, pde, compiled, kill_at=stop + late)
            again, _ = start(plan, pde, compiled)
            assert_same(again, whole)


def test_gradients_take_over_where_parameters_are_many(configure, decay, monkeypatch, listen):
    monkeypatch.setattr(stagewise, "MAX_PARAMETERS", 10)
    monkeypatch.setattr(stagewise, "GRADIENT_STAGES", resolve(configure("trained"), decay()).config.train)
    solution = solve(settled(configure), decay(), reporter=listen(), write=False)
    assert "too many for levenberg_marquardt" in solution.summary["warnings"][0]
    assert [stage["optimizer"] for stage in solution.summary["stages"]] == ["gauss_newton", "adam", "gauss_newton"]


def test_gradients_take_over_where_least_squares_do_not_help(configure, decay, monkeypatch, listen):
    monkeypatch.setattr(stagewise, "UNHELPFUL", 0.0)
    monkeypatch.setattr(stagewise, "MAX_DOUBLINGS", 0)
    monkeypatch.setattr(stagewise, "GRADIENT_STAGES", resolve(configure("trained"), decay()).config.train)
    solution = solve(settled(configure), decay(), reporter=listen(), write=False)
    assert "soap and lbfgs take over" in solution.summary["warnings"][0]


def test_gradients_take_over_from_gauss_newton(configure, decay, monkeypatch, listen):
    """They start from where it stands: here from a solution, which L-BFGS does not make worse."""
    monkeypatch.setattr(stagewise, "UNHELPFUL", 0.0)
    monkeypatch.setattr(stagewise, "GRADIENT_STAGES", (Stage(optimizer="lbfgs", steps=40),))
    solution = solve(configure(), decay(rate=3.0), reporter=listen(), write=False)
    first, second = solution.summary["stages"][-2:]
    assert "gauss_newton left a residual" in solution.summary["warnings"][0]
    assert [first["optimizer"], second["optimizer"]] == ["gauss_newton", "lbfgs"]
    assert second["loss"] <= first["loss"]
    assert solution.summary["relative_l2"]["all"] < 1e-8


def test_gauss_newton_that_helps_is_not_given_up(configure, decay, listen):
    summary = solve(configure(), decay(rate=3.0), reporter=listen(), write=False).summary
    assert {stage["optimizer"] for stage in summary["stages"]} == {"gauss_newton"}
    assert not summary["warnings"]


def test_giving_up_resumes_to_the_same_bits(start, configure, decay, tmp_path, programs, monkeypatch):  # noqa: F811
    monkeypatch.setattr(stagewise, "UNHELPFUL", 0.0)
    monkeypatch.setattr(stagewise, "GRADIENT_STAGES", (Stage(optimizer="lbfgs", steps=40),))
    config, pde = configure(), decay(rate=3.0)
    plan, compiled = resolve(config, pde), programs(config, pde)
    whole, records = start(plan, pde, compiled)
    names = [record["stage"] for record in records]
    stop = next(number for number, name in enumerate(names) if name.startswith("lbfgs"))
    for late in (0, 1):
        (tmp_path / "checkpoints").rename(tmp_path / f"before {late}")
        with pytest.raises(KilledError):
            start(plan, pde, compiled, kill_at=stop + late)
        again, _ = start(plan, pde, compiled)
        assert_same(again, whole)


def test_bandwidth_is_doubled_while_the_residual_is_large(configure, decay, monkeypatch, listen):
    monkeypatch.setattr(stagewise, "RESOLVING", 0.0)
    reporter = listen()
    solve(settled(configure), decay(), reporter=reporter, write=False)
    assert any("twice the bandwidth" in message for message in reporter.messages)


def resolved(name, **sections):
    return resolve(config_from({"pde": name, **sections}), get(name)())


def test_least_squares_are_the_recipe_of_small_trained_networks():
    plan = resolved("helmholtz_3d", network={"trainable": True})
    assert set(plan.features.values()) == {"sine"}
    assert [stage.optimizer for stage in plan.config.train] == ["polish", "levenberg_marquardt", "polish"]
    large = resolved("helmholtz_3d", network={"trainable": True, "width": 64, "depth": 3})
    assert [stage.optimizer for stage in large.config.train] == ["soap", "lbfgs", "polish"]
    assert "too many for levenberg_marquardt" in large.reason
    causal = resolved("heat", network={"trainable": True}, loss={"causal": 1.0})
    assert [stage.optimizer for stage in causal.config.train] == ["soap", "lbfgs"]


@pytest.mark.parametrize(
    "sections",
    [
        {"train": STAGES},
        {"network": SMALL, "train": STAGES[:1]},
        {"network": SMALL, "train": STAGES[:2]},
        {"network": {"kind": "pointwise"}, "train": STAGES},
    ],
)
def test_polishing_what_is_not_trained_is_refused(sections):
    if sections["train"] == STAGES[:2]:
        sections = {**sections, "loss": {"weighting": "gradient_norm"}}
    with pytest.raises(SpinnError, match="polish needs"):
        resolved("heat", **sections)


def test_the_zero_field_of_either_head_vanishes():
    for head in ("cp", "tucker"):
        plan = resolved("heat", network={**SMALL, "head": head})
        session = stagewise_session(plan)
        network = stagewise.zero_field(session.network(0, dict.fromkeys("tx", 4)))
        points = {axis: np.linspace(0.1, 0.9, 3) for axis in "tx"}
        assert not np.any(np.asarray(network.at_points(jax.tree.map(jax.numpy.asarray, points))["u"]))


def stagewise_session(plan):
    from spinn.session import Session

    return Session(plan, get("heat")(), SilentReporter(), lambda record: None)
