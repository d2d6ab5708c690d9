"""`spinn.solve` from Python: PDE objects, names, mappings, files and configurations, with settings merged over them."""

import numpy as np
import pytest

import spinn
from spinn.config import config_from
from spinn.errors import SpinnError
from spinn.pdes import Box, get

BASIS = {"network": {"modes": 8}, "train": [{"optimizer": "gauss_newton", "steps": 4}], "device": "cpu"}


def test_a_pde_object(decay):
    solution = spinn.solve(decay(rate=2.0), **BASIS)
    assert solution(1.0) == pytest.approx(np.exp(-2.0), rel=1e-6)
    assert solution.summary["status"] == "ok"
    assert solution.summary["parameters_of_pde"] == {"rate": 2.0}
    assert solution.folder is None


def test_a_mapping(equations):
    data = {"pde": {"name": f"{equations}:Decay", "params": {"rate": 2.0}}, "domain": {"t": [0, 0.5]}, **BASIS}
    solution = spinn.solve(data)
    assert solution(0.5) == pytest.approx(np.exp(-1.0), rel=1e-6)
    assert solution.pde.domain["t"] == (0.0, 0.5)


def test_a_name_with_settings(equations):
    solution = spinn.solve(f"{equations}:Decay", pde={"params": {"rate": 2.0}}, seed=5, **BASIS)
    assert solution(1.0) == pytest.approx(np.exp(-2.0), rel=1e-6)
    assert solution.summary["seed"] == 5


def test_a_file(equations, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"pde: {equations}:Decay\nnetwork: {{modes: 3}}\ntrain: [{{optimizer: gauss_newton, steps: 4}}]\n")
    assert spinn.solve(file, device="cpu").summary["parameters"] == 3
    assert spinn.solve(str(file), network={"modes": 8}, device="cpu").summary["parameters"] == 8


def test_a_configuration_object(equations):
    config = config_from({"pde": f"{equations}:Decay", **BASIS})
    assert spinn.solve(config).summary["parameters"] == 8
    assert spinn.solve(config, network={"modes": 3}).summary["parameters"] == 3


def test_the_domain_of_an_object_can_be_set(decay):
    """By the object or by the setting: both are what is solved, and what the run says was solved."""
    by_object = spinn.solve(decay(domain=Box(t=(1, 3))), **BASIS)
    for solution in (by_object, spinn.solve(decay(), domain={"t": [1, 3]}, **BASIS)):
        assert solution.pde.domain["t"] == (1.0, 3.0)
        assert solution.config.domain == {"t": (1.0, 3.0)}
        assert solution(3.0) == pytest.approx(np.exp(-2.0), rel=1e-5)


def test_the_parameters_of_an_object_are_its_own(decay):
    with pytest.raises(SpinnError, match="the parameters of a PDE object are its own"):
        spinn.solve(decay(), pde={"params": {"rate": 2.0}})
    with pytest.raises(SpinnError, match="domain: domain has no axis q"):
        spinn.solve(decay(), domain={"q": [0, 1]})
    with pytest.raises(SpinnError, match="domain of t: expected low < high"):
        spinn.solve(decay(), domain={"t": [1, 0]})


def test_nothing_is_written_unless_asked_for(decay, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spinn.solve(decay(), **BASIS)
    assert list(tmp_path.iterdir()) == []


def test_a_reporter_hears_of_progress(decay, listen):
    listener = listen()
    spinn.solve(decay(), reporter=listener, **BASIS)
    assert listener.stages == ["gauss_newton"]
    assert listener.updates[0].step == 1
    assert listener.finished
    assert any("legendre in t" in text for text in listener.messages)


def test_a_run_from_python_can_be_loaded_and_is_not_overwritten(decay, tmp_path):
    quiet = {"output": {"figures": False, "report": False, "vtkhdf": False, "grid": [5]}}
    solution = spinn.solve(decay(), out=tmp_path / "run", **BASIS, **quiet)
    assert spinn.load(tmp_path / "run")(0.3) == solution(0.3)
    with pytest.raises(SpinnError, match="holds a run already"):
        spinn.solve(decay(), out=tmp_path / "run", **BASIS, **quiet)


BAD = {
    "unknown setting": ({"netwrok": {}}, "netwrok"),
    "unknown key": ({"network": {"rnak": 3}}, "network.rnak: expected one of the keys"),
    "wrong type": ({"seed": "many"}, "seed: expected"),
    "senseless": ({"network": {"features": {"t": "fourier"}}}, "does not declare"),
    "resume without a folder": ({"resume": True}, "resume needs the folder of the run"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings(decay, case):
    settings, told = BAD[case]
    with pytest.raises(SpinnError, match=told):
        spinn.solve(decay(), **settings)


def test_an_unknown_name():
    with pytest.raises(SpinnError, match="heat"):
        spinn.solve("haet")


def test_resuming_from_python(decay, listen, tmp_path):
    settings = {
        "network": {"features": "mlp", "head": "cp", "rank": 2, "width": 4, "depth": 1}, "device": "cpu",
        "sampling": {"points_per_axis": 8}, "train": [{"optimizer": "adam", "steps": 100}],
        "output": {"figures": False, "report": False, "vtkhdf": False, "grid": [5]},
    }  # fmt: skip
    stopped = spinn.solve(decay(), out=tmp_path / "run", reporter=listen(stop_at_update=1), **settings)
    assert stopped.summary["status"] == "interrupted"
    resumed = spinn.solve(decay(), out=tmp_path / "run", resume=True, **settings)
    assert resumed.summary["status"] == "ok"
    assert resumed(0.5) == spinn.solve(decay(), **settings)(0.5)


def test_shipped_problems_by_object():
    solution = spinn.solve(
        get("poisson_2d")(detail=0.0), network={"modes": 10}, device="cpu",
        train=[{"optimizer": "gauss_newton", "steps": 3}],
    )  # fmt: skip
    assert solution.summary["relative_l2"]["all"] < 1e-4
