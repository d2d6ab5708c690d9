"""`kill -9` in the middle of a run, then `--resume`: the parameters are those of a run left alone, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

STEPS = 40_000
SETTINGS = f"""\
network: {{features: mlp, head: cp, rank: 2, width: 4, depth: 1}}
sampling: {{points_per_axis: 8, rule: random, resample_every: 50}}
train:
  - {{optimizer: adam, steps: {STEPS}, learning_rate: 0.001}}
  - {{optimizer: soap, steps: 500}}
output: {{figures: false, report: false, vtkhdf: false, grid: [9]}}
checkpoint: {{every_seconds: 0.1}}
device: cpu
seed: 7
"""
PATIENCE = 300  # seconds after which a process counts as hung


@pytest.fixture
def command(equations, tmp_path):
    """Start `spinn solve` in a process of its own."""
    (tmp_path / "run.yaml").write_text(f"pde: {equations}:Decay\n{SETTINGS}")
    quick = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.05"}
    environment = {**os.environ, **quick}
    started = []

    def start(folder: str, *options: str) -> subprocess.Popen:
        words = [sys.executable, "-m", "spinn", "solve", "run.yaml", "--out", folder, "--quiet", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=PATIENCE)[0].decode()
    assert process.returncode == 0, output
    return output


def steps_of(folder: Path) -> list[int]:
    lines = (folder / "metrics.jsonl").read_bytes().split(b"\n")[:-1]  # the last one may be torn
    return [json.loads(line)["step"] for line in lines]


def kill_in_the_middle(process: subprocess.Popen, folder: Path, more_than: int = 0) -> None:
    """SIGKILL as soon as a checkpoint lies there and some more steps were made after step `more_than`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the run ended before it could be killed: {process.communicate()[0].decode()}"
        saved = [int(path.name) for path in (folder / "checkpoints").glob("*") if path.name.isdigit()]
        if saved and max(saved) > more_than and len([step for step in steps_of(folder) if step > max(saved)]) > 2:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return
        time.sleep(0.002)
    raise AssertionError("no checkpoint was written")


def arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "model.npz") as data:
        return dict(data)


def test_killed_twice_and_resumed_to_the_same_bits(command, tmp_path):
    killed, alone = tmp_path / "killed", tmp_path / "alone"
    first = command("killed")
    kill_in_the_middle(first, killed)
    assert first.returncode == -signal.SIGKILL
    assert not (killed / "summary.json").exists()
    reached = max(steps_of(killed))
    assert 0 < reached < STEPS
    again = command("killed", "--resume")
    kill_in_the_middle(again, killed, more_than=reached)
    assert reached < max(steps_of(killed)) < STEPS
    finish(command("killed", "--resume"))

    finish(command("alone"))
    one, other = arrays(killed), arrays(alone)
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    steps = steps_of(killed)
    assert steps == steps_of(alone)
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS + 500
    summary = json.loads((killed / "summary.json").read_text())
    assert summary["status"] == "ok"
    assert summary["loss"] == json.loads((alone / "summary.json").read_text())["loss"]
