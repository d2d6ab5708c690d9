"""Does our FNO reach the error of the package `neuraloperator`, on the same samples in the same epochs, and what does
an epoch take?

Both get the same `.pt` file (so that no symmetry is known of it), width, modes, layers, batches, AdamW with the same
rates, and the relative L2 norm as loss; the same rows are held out. The package runs in a Python of its own, which must
have it (the extra `spinn-pde[neuraloperator]`); without `--python` its row is left out, and the table says so.

    python benchmarks/operators.py [--python PYTHON] [--grid 32] [--epochs 10] [--samples 1000] [--out FOLDER]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import described, machine, save, table

from spinn.config.learning import LearnConfig
from spinn.data import Darcy2D
from spinn.data.formats import convert
from spinn.data.generation import Recipe, generate
from spinn.operators.learning import learn
from spinn.operators.streaming import split
from spinn.output.progress import make_reporter

SETTINGS = {"width": 24, "modes": 12, "layers": 4, "batch": 20, "rate": 2e-3, "threads": 2}
MISSING = "neuraloperator: not run; install spinn-pde[neuraloperator] and give its interpreter with --python"


def ours(file: Path, epochs: int, held: int, folder: Path) -> dict[str, Any]:
    """Our row."""
    stage = {"epochs": epochs, "batch": SETTINGS["batch"], "learning_rate": SETTINGS["rate"]}
    model = {name: SETTINGS[name] for name in ("width", "modes", "layers")}
    config = LearnConfig.model_validate(
        {"data": str(file), "held_out": held, "model": model, "loss": {"h1": 0.0}, "train": [stage],
         "output": {"figures": False, "report": False}}
    )  # fmt: skip
    outcome = learn(config, out=folder, reporter=make_reporter())
    seconds = sum(one["seconds"] for one in outcome.summary["stages"])
    return {"error": outcome.summary["held_out"]["relative_l2"], "seconds": seconds / epochs,
            "parameters": outcome.summary["parameters"]}  # fmt: skip


def theirs(python: str, file: Path, epochs: int, held: list[int]) -> dict[str, Any]:
    """The package's row."""
    script = Path(__file__).with_name("operators_contender.py")
    settings = json.dumps({**SETTINGS, "epochs": epochs, "held_out": held})
    done = subprocess.run([python, str(script), str(file), settings], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python")
    parser.add_argument("--grid", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"))
    given = parser.parse_args()
    facts, held = machine(), given.samples // 10
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        generate(Recipe(family=Darcy2D(grid=(given.grid,) * 2), samples=given.samples), folder / "d.h5")
        convert(folder / "d.h5", folder / "d.pt", "neuraloperator")
        rows = {"spinn": ours(folder / "d.pt", given.epochs, held, folder / "run")}
        out = [int(row) for row in np.sort(split(given.samples, held, 0)[1])]
        if given.python:
            rows["neuraloperator"] = theirs(given.python, folder / "d.pt", given.epochs, out)
    shown = [
        {"package": name, "held-out relative L2": f"{row['error']:.4f}", "s / epoch": f"{row['seconds']:.2f}",
         "parameters": f"{row['parameters']:,}"} for name, row in rows.items()
    ]  # fmt: skip
    setting = f"darcy_2d, {given.samples} samples at {given.grid}^2, {given.epochs} epochs: {described(SETTINGS)}"
    text = "\n".join([described(facts), setting, table(shown), *([] if given.python else [MISSING])])
    print(text)
    save(given.out, "operators", text, {"machine": facts, "settings": SETTINGS, "rows": rows})


if __name__ == "__main__":
    main()
