"""Runs from start to finish: files, summary, status, devices, interruption, errors, and the command line around."""

import json

import jax
import numpy as np
import pytest

import spinn
from spinn.cli import main
from spinn.engine import choose_device, solve
from spinn.errors import SpinnError
from spinn.output.grid_file import read_solution
from spinn.pdes import get
from spinn.training.checkpoints import Checkpoints
from spinn.training.loop import MAX_ROLLBACKS

KEYS = {
    "pde", "status", "relative_l2", "truth", "seconds", "collocation_points", "parameters", "precision", "device",
    "seed", "recipe", "stages", "warnings", "versions",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(quick, tmp_path_factory, configure, listen):
    """A run with all of its outputs."""
    folder, listener = tmp_path_factory.mktemp("runs") / "heat", listen()
    config = configure("basis", pde="heat", network={"modes": 8}, output={"grid": [6, 7]}, seed=3)
    solution = solve(config, get("heat")(), out=folder, reporter=listener)
    return solution, folder, listener


# --- what a run leaves behind -----------------------------------------------------------------------------------------


def test_the_files(whole):
    _, folder, _ = whole
    for name in ("config.yaml", "environment.json", "metrics.jsonl", "summary.json", "solution.h5", "model.npz",
                 "report.html", "figures/loss.png"):  # fmt: skip
        assert (folder / name).stat().st_size > 0, name
    assert len(list((folder / "figures").glob("*.png"))) > 1
    assert not (folder / "run.lock").exists()
    assert not list(folder.rglob("*.tmp"))


def test_the_summary(whole):
    solution, folder, _ = whole
    summary = json.loads((folder / "summary.json").read_text())
    assert summary.keys() >= KEYS
    assert (summary["pde"], summary["status"], summary["truth"]) == ("heat", "ok", "exact")
    assert summary["relative_l2"].keys() == {"u", "all"}
    assert summary["relative_l2"]["all"] < 0.05
    assert summary["seconds"].keys() == {"compile", "solve", "estimate", "total"}
    assert 0 < summary["seconds"]["compile"] < summary["seconds"]["total"]
    assert summary["seconds"]["compile"] + summary["seconds"]["solve"] <= summary["seconds"]["total"]
    assert summary["parameters"] == 64
    assert summary["collocation_points"] == 14 * 14
    assert (summary["precision"], summary["device"], summary["seed"]) == ("float64", "cpu", 3)
    assert summary["stages"][0]["optimizer"] == "gauss_newton"
    assert summary["warnings"] == []
    assert "jax" in summary["versions"]
    assert isinstance(summary["recipe"], str) and "\n" not in summary["recipe"]
    assert json.loads(json.dumps(dict(solution.summary))) == summary


def test_the_error_is_that_of_the_solution(whole):
    """Against the exact solution, computed here once more on another grid."""
    solution, _, _ = whole
    t, x = np.linspace(0, 1, 301)[:, None], np.linspace(0, 1, 301)
    exact = np.asarray(get("heat")().exact(t, x))
    error = np.linalg.norm(solution(t, x) - exact) / np.linalg.norm(exact)
    assert solution.summary["relative_l2"]["u"] == pytest.approx(error, rel=0.05)


def test_the_solution_on_its_grid(whole):
    solution, folder, _ = whole
    t, x = np.linspace(0, 1, 6), np.linspace(0, 1, 7)
    grid = read_solution(folder / "solution.h5")
    np.testing.assert_array_equal(grid.axes["t"], t)
    np.testing.assert_array_equal(grid.axes["x"], x)
    np.testing.assert_allclose(grid.unknowns["u"], solution(t[:, None], x), rtol=1e-11, atol=1e-13)


def test_the_metrics(whole):
    _, folder, _ = whole
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == list(range(1, len(records) + 1))
    assert records[-1]["error"] < 0.05
    assert set(records[0]["blocks"]) == {"residual"}  # the initial value is held exactly


def test_the_configuration_repeats_the_run(whole):
    solution, folder, _ = whole
    again = spinn.solve(folder / "config.yaml")
    assert again(0.3, 0.4) == solution(0.3, 0.4)


def test_listeners_are_told_and_let_go(whole):
    _, _, listener = whole
    assert listener.messages[0].startswith("linear, 2 axes, exact conditions: least squares on a Tucker core")
    assert listener.stages == ["gauss_newton"]
    assert listener.finished == 1


# --- divergence -------------------------------------------------------------------------------------------------------


def test_a_problem_without_numbers_ends_as_diverged(equations, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = main([
        "solve", f"{equations}:Broken", "--out", "run", "--quiet", "--set", "network={modes: 4}", "--device", "cpu",
        "--set", "train=[{optimizer: adam, steps: 50}]", "--set", "output={grid: [5]}",
    ])  # fmt: skip
    assert code == 1
    assert "Broken: diverged" in capsys.readouterr().out
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "diverged"
    assert summary["relative_l2"] is None and summary["truth"] is None
    assert "diverged at step 0" in summary["warnings"][0]
    assert (tmp_path / "run" / "model.npz").exists()
    assert np.isfinite(spinn.load(tmp_path / "run")(0.5))


def test_a_diverged_run_keeps_the_last_good_parameters(configure, decay, listen):
    """Adam with absurd steps: every chunk is undone, and what is left is the network before the first step."""
    stages = [{"optimizer": "adam", "steps": 100, "learning_rate": 1e12}]
    config, listener = configure("trained", train=stages), listen()
    solution = solve(config, decay(), reporter=listener, write=False)
    assert solution.summary["status"] == "diverged"
    assert np.isfinite(solution.summary["relative_l2"]["all"])
    assert sum("half the step size" in text for text in listener.messages) == MAX_ROLLBACKS + 1
    assert np.max(np.abs(solution(np.linspace(0, 1, 5)))) < 10.0
    assert listener.finished == 1


# --- interruption -----------------------------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_what_it_has_and_resumes_to_the_same(configure, decay, listen, tmp_path):
    config = configure("trained", windows=2)
    folder = tmp_path / "run"
    stopped = solve(config, decay(), out=folder, reporter=listen(stop_at_update=3))
    assert stopped.summary["status"] == "interrupted"
    assert json.loads((folder / "summary.json").read_text())["status"] == "interrupted"
    assert np.isfinite(spinn.load(folder)(0.2))
    resumed = solve(config, decay(), out=folder, resume=True, reporter=listen())
    alone = solve(config, decay(), reporter=listen(), write=False)
    assert resumed.summary["status"] == "ok"
    for one, other in zip(resumed.networks, alone.networks, strict=True):
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == [50, 100, 150, 200]
    assert resumed.summary["seconds"]["total"] > stopped.summary["seconds"]["compile"]
    assert [stage["steps"] for stage in resumed.summary["stages"]] == [100, 100]


def test_interrupted_before_the_first_step(configure, decay, listen, tmp_path):
    config, folder = configure("trained"), tmp_path / "run"
    stopped = solve(config, decay(), out=folder, reporter=listen(stop_at_stage=1))
    assert stopped.summary["status"] == "interrupted"
    listener = listen()
    assert solve(config, decay(), out=folder, resume=True, reporter=listener).summary["status"] == "ok"
    assert "nothing was saved yet: starting anew" in listener.messages


def test_a_finished_run_is_not_trained_again(configure, decay, listen, tmp_path):
    config, folder = configure("trained"), tmp_path / "run"
    first = solve(config, decay(), out=folder, reporter=listen())
    files = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    listener = listen()
    again = solve(config, decay(), out=folder, resume=True, reporter=listener)
    assert listener.messages == ["this run has ended already (ok): there is nothing to resume"]
    assert listener.stages == []
    assert again(0.5) == first(0.5)
    assert again.summary["status"] == "ok"
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == files


def test_outputs_may_change_on_resume_but_nothing_else(configure, decay, listen, tmp_path):
    config, folder = configure("trained"), tmp_path / "run"
    solve(config, decay(), out=folder, reporter=listen(stop_at_update=1))
    with pytest.raises(SpinnError, match="made with another configuration(.|\n)*seed: 0 -> 1"):
        solve(configure("trained", seed=1), decay(), out=folder, resume=True, reporter=listen())
    changed = configure("trained", output={**config.output.model_dump(), "grid": [3]}, checkpoint={"keep": 5})
    assert solve(changed, decay(), out=folder, resume=True, reporter=listen()).summary["status"] == "ok"


def test_a_full_disk_stops_with_a_message_and_can_be_resumed(configure, decay, listen, tmp_path, monkeypatch):
    config, folder = configure("trained", checkpoint={"every_seconds": 0.0}), tmp_path / "run"
    calls, save = [], Checkpoints.save

    def full(self, *args):
        calls.append(1)
        if len(calls) == 2:
            raise SpinnError("could not write a checkpoint: No space left on device")
        save(self, *args)

    monkeypatch.setattr(Checkpoints, "save", full)
    listener = listen()
    with pytest.raises(SpinnError, match="No space left"):
        solve(config, decay(), out=folder, reporter=listener)
    assert listener.finished == 1
    assert not (folder / "summary.json").exists()
    resumed = solve(config, decay(), out=folder, resume=True, reporter=listen())
    alone = solve(config, decay(), reporter=listen(), write=False)
    assert resumed(0.5) == alone(0.5)


# --- folders and devices ----------------------------------------------------------------------------------------------


def test_folders_that_cannot_be_used(configure, decay, listen, tmp_path):
    config = configure("trained")
    (tmp_path / "file").write_text("")
    with pytest.raises(SpinnError, match="expected a folder to write to, found a file"):
        solve(config, decay(), out=tmp_path / "file", reporter=listen())
    with pytest.raises(SpinnError, match="expected the folder of a run, found none"):
        solve(config, decay(), out=tmp_path / "none", resume=True, reporter=listen())
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpinnError, match="holds no run"):
        solve(config, decay(), out=tmp_path / "empty", resume=True, reporter=listen())
    with pytest.raises(SpinnError, match="resume needs the folder"):
        solve(config, decay(), resume=True, reporter=listen())


def test_bad_combinations_leave_no_folder(configure, decay, listen, tmp_path):
    with pytest.raises(SpinnError, match="warmup"):
        stages = [{"optimizer": "adam", "steps": 10, "schedule": "cosine", "warmup": 20}]
        solve(configure("trained", train=stages), decay(), out=tmp_path / "run", reporter=listen())
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_a_folder_is_made_under_runs(configure, decay, listen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solution = solve(configure("basis"), decay(), reporter=listen())
    assert solution.folder.parent.name == "runs"
    assert solution.folder.name.startswith("Decay-")


def test_a_gpu_that_is_not_there():
    if jax.default_backend() == "gpu":
        pytest.skip("there is one")
    assert choose_device("auto")[1] == "cpu"
    with pytest.raises(SpinnError, match="expected a GPU, found none"):
        choose_device("gpu")


# --- precision --------------------------------------------------------------------------------------------------------


def test_single_precision_throughout(configure, decay, listen, tmp_path):
    stages = [{"optimizer": "adam", "steps": 50, "learning_rate": 0.02}]
    config = configure("trained", precision="float32", train=stages)
    solution = solve(config, decay(), out=tmp_path / "run", reporter=listen())
    assert solution.summary["precision"] == "float32"
    assert {leaf.dtype for leaf in jax.tree.leaves(solution.networks)} == {np.dtype("float32")}
    with np.load(tmp_path / "run" / "model.npz") as arrays:
        assert {arrays[name].dtype for name in arrays if name != "meta"} == {np.dtype("float32")}
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for value in (record["loss"], *record["blocks"].values()):
            assert value == float(np.float32(value))
    assert spinn.load(tmp_path / "run")(0.5) == solution(0.5)


def test_double_precision_throughout(configure, decay, listen):
    solution = solve(configure("basis"), decay(), reporter=listen(), write=False)
    assert {leaf.dtype for leaf in jax.tree.leaves(solution.networks)} == {np.dtype("float64")}
    assert jax.numpy.zeros(()).dtype == np.float32  # no global switch is left behind


# --- the command line -------------------------------------------------------------------------------------------------


def test_an_equation_of_ones_own_from_the_command_line(equations, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beam.py").write_text(equations.read_text().replace("Decay", "Beam"))
    (tmp_path / "beam.yaml").write_text("pde: {name: './beam.py:Beam', params: {rate: 2.0}}\noutput: {grid: [5]}\n")
    options = ["--quiet", "--json", "--device", "cpu", "--set", "network.modes=8"]
    assert main(["solve", "beam.yaml", "--out", "run", *options]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["relative_l2"]["u"] < 1e-6
    assert spinn.load(tmp_path / "run")(1.0) == pytest.approx(np.exp(-2.0), rel=1e-6)


def test_an_interrupted_command_can_be_resumed(equations, tmp_path, capsys, monkeypatch, listen):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        f"pde: {equations}:Decay\nnetwork: {{features: mlp, head: cp, rank: 2, width: 4, depth: 1}}\n"
        "sampling: {points_per_axis: 8}\ntrain: [{optimizer: adam, steps: 100, learning_rate: 0.01}]\n"
        "output: {figures: false, report: false, vtkhdf: false, grid: [9]}\ndevice: cpu\n"
    )
    monkeypatch.setattr("spinn.output.progress.make_reporter", lambda quiet: listen(stop_at_update=1))
    assert main(["solve", "mine.yaml", "--out", "run"]) == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert main(["solve", "mine.yaml", "--out", "run", "--resume", "--quiet"]) == 0
    assert main(["solve", "run", "--resume"]) == 0
    printed = capsys.readouterr()
    assert "this run has ended already (ok)" in printed.err + printed.out


@pytest.mark.slow
def test_the_starter_solves_as_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "beam"]) == 0
    capsys.readouterr()
    assert main(["solve", "beam.yaml", "--quiet", "--json", "--out", "run"]) == 0
    assert json.loads(capsys.readouterr().out)["relative_l2"]["all"] < 1e-9
