"""Learning: errors fall, runs resume to the same numbers, files and messages are as promised."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.config.learning import LearnConfig
from spinn.errors import SpinnError
from spinn.operators import load
from spinn.operators.learning import learn
from spinn.output.progress import SilentReporter

from .conftest import SMALL


def config(darcy, **more):
    settings = {"data": str(darcy), "model": SMALL, "held_out": 4, "checkpoint": {"every_seconds": 0},
                "train": [{"epochs": 2, "batch": 5, "points": 9}, {"epochs": 3, "batch": 5}],
                "output": {"figures": False, "report": False}}  # fmt: skip
    return LearnConfig.model_validate(settings | more)


def test_a_run_learns_and_leaves_its_folder(run):
    held = run.summary["held_out"]
    assert run.summary["status"] == "ok" and held["samples"] == 4 and held["grid"] == [17, 17]
    assert held["relative_l2"] < 0.25  # of u = 0 it is 1
    assert run.summary["symmetries"] == 7
    names = {file.name for file in run.folder.iterdir()}
    assert {"operator.npz", "summary.json", "metrics.jsonl", "config.yaml", "report.html"} <= names
    assert {file.name for file in (run.folder / "figures").iterdir()} == {"loss.png", "predictions.png"}
    assert json.loads((run.folder / "summary.json").read_text())["held_out"] == held


def test_the_operator_comes_back_from_its_folder(run):
    again = load(run.folder)
    nodes = [jnp.linspace(0, 1, 9, dtype=jnp.float32)] * 2
    inputs = jnp.asarray(np.random.default_rng(0).choice([3.0, 12.0], (2, 1, 9, 9)), jnp.float32)
    apply = eqx.filter_jit(lambda one: one(inputs, nodes))
    found, before = apply(again.surrogate), apply(run.learned.surrogate)
    assert np.array_equal(np.asarray(found), np.asarray(before))
    assert again.dataset["family"] == "darcy_2d"


class Stopping(SilentReporter):
    """Interrupts after some updates."""

    def __init__(self, after):
        self.left = after

    def update(self, progress):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def arrays(folder):
    with np.load(folder / "operator.npz") as found:
        return [found[name] for name in found.files if name.startswith("leaf")]


def test_a_stopped_run_resumes_to_the_same_numbers(darcy, tmp_path):
    settings = config(darcy)
    learn(settings, out=tmp_path / "whole", reporter=SilentReporter())
    stopped = learn(settings, out=tmp_path / "parts", reporter=Stopping(2))
    assert stopped.summary["status"] == "interrupted"
    resumed = learn(settings, out=tmp_path / "parts", resume=True, reporter=SilentReporter())
    assert resumed.summary["status"] == "ok"
    assert all(
        np.array_equal(a, b) for a, b in zip(arrays(tmp_path / "whole"), arrays(tmp_path / "parts"), strict=True)
    )
    steps = [json.loads(line)["step"] for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps)) and steps[-1] == 20


def test_errors_on_other_grids_are_measured(darcy, tmp_path, run):
    from spinn.data import Darcy2D
    from spinn.data.generation import Recipe, generate
    from spinn.operators.validation import finer

    generate(Recipe(family=Darcy2D(grid=(33, 33)), samples=3, seed=5, solver="superlu"), tmp_path / "fine.h5")
    found = finer(run.learned.surrogate, [tmp_path / "fine.h5"], 1e8, "float32")
    assert found["fine.h5"]["grid"] == [33, 33] and found["fine.h5"]["relative_l2"] < 0.35


def test_physics_alone_learns_without_looking_at_outputs(darcy, tmp_path):
    settings = config(darcy, loss={"l2": 0, "h1": 0, "physics": 1}, train=[{"epochs": 30, "batch": 10}])
    outcome = learn(settings, out=tmp_path / "run", reporter=SilentReporter())
    assert outcome.summary["held_out"]["relative_l2"] < 0.9
    losses = [json.loads(line)["blocks"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert set(losses[-1]) == {"physics"} and losses[-1]["physics"] < 0.8 * losses[0]["physics"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"data": []}, "expected a file of samples"),
        ({"inputs": ["k"]}, "inputs: expected some of a, got k"),
        ({"held_out": 24}, "held_out: expected fewer than the 24"),
        ({"loss": {"physics": 1}, "train": [{"epochs": 1, "points": 10}]}, "thinned nodes are not equidistant"),
        ({"model": {"modes": [4]}}, "a number for each of the axes"),
    ],
)
def test_what_does_not_fit_is_told(darcy, tmp_path, more, told):
    with pytest.raises(SpinnError, match=told):
        learn(config(darcy, **more), out=tmp_path / "run", reporter=SilentReporter())


def test_physics_needs_a_family(bare, tmp_path):
    with pytest.raises(SpinnError, match="does not tell its family"):
        settings = config(bare, loss={"physics": 1}, held_out=2)
        learn(settings, out=tmp_path / "run", reporter=SilentReporter())


def test_nothing_but_a_run_can_be_loaded(tmp_path):
    with pytest.raises(SpinnError, match="expected the folder of a run of `spinn learn`"):
        load(tmp_path)
    np.savez(tmp_path / "operator.npz", a=np.ones(2))
    with pytest.raises(SpinnError, match="expected a trained operator"):
        load(tmp_path)
    assert jax.device_count() >= 1
