"""Two devices give the numbers of one: batches are cut along their samples, parameters are copied."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
from pathlib import Path
import jax
from spinn.config.learning import LearnConfig
from spinn.operators.learning import learn
from spinn.output.progress import SilentReporter

config = LearnConfig.model_validate({"data": sys.argv[1], "model": {"width": 6, "modes": 3, "layers": 2}, "held_out": 4,
    "train": [{"epochs": 2, "batch": 4}], "output": {"figures": False, "report": False}})
outcome = learn(config, out=Path(sys.argv[2]), reporter=SilentReporter())
print(json.dumps([jax.device_count(), outcome.summary["held_out"]["relative_l2"]]))
"""


def on(devices, data, out):
    environment = {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, "-c", SCRIPT, str(data), str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_devices_give_the_numbers_of_one(darcy, tmp_path):
    one, two = on(1, darcy, tmp_path / "one"), on(2, darcy, tmp_path / "two")
    assert (one[0], two[0]) == (1, 2)
    assert two[1] == pytest.approx(one[1], rel=1e-3)
