"""Does an operator need fewer samples where its residuals choose them than where chance does?

A screened Poisson problem near resonance, -(u_xx + c u_yy) - share pi^2 (1 + c) u = 1 with c in [0.5, 2] and share in
[0, 0.97]: solutions grow like 1 / (1 - share), so most of what there is to learn lies in a corner. From the same first
samples both go on by equal numbers, chosen from a pool by `spinn.operators.active`, or the next at random; the operator
is trained anew each time. Mean relative L2 error on the same 100 other samples.

    python benchmarks/active.py [--rounds 4] [--seeds 1] [--out FOLDER]
"""

import argparse
import math
import tempfile
from pathlib import Path

import numpy as np
from measuring import described, machine, save, table

from spinn.config.learning import LearnConfig
from spinn.data.families import Family, from_pde
from spinn.data.generation import Recipe, generate
from spinn.operators.active import choose
from spinn.operators.learning import learn
from spinn.operators.surrogate import Learned
from spinn.operators.validation import finer
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE, Box, Dirichlet

FIRST, MORE, POOL, TEST = 12, 8, 16, 100
LEARNING = {"model": {"kind": "deeponet", "width": 64, "layers": 2, "terms": 32, "sensors": 2}, "held_out": 1,
            "train": [{"optimizer": "adam", "steps": 1500, "batch": 8}], "loss": {"h1": 0.0},
            "output": {"figures": False, "report": False}}  # fmt: skip


class NearResonance(PDE):
    r"""-(u_xx + c u_yy) - share pi^2 (1 + c) u = 1   on the unit square, u = 0 on the boundary."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(0, 1), y=(0, 1))
    c: float = 1.0  # ratio of the diffusivities
    share: float = 0.5  # of the lowest eigenvalue

    def residual(self, u, x, y):
        return -u.d("xx") - self.c * u.d("yy") - self.share * math.pi**2 * (1 + self.c) * u - 1.0

    def conditions(self):
        return [Dirichlet("u")]


def trained(family: Family, numbers: tuple[int, ...], seed: int, folder: Path) -> Learned:
    """The operator on samples of these numbers."""
    file = folder / f"{len(numbers)}-{hash(numbers)}.h5"
    generate(Recipe(family=family, samples=len(numbers), seed=seed, chosen=numbers, solver="superlu"), file)
    config = LearnConfig.model_validate({**LEARNING, "data": str(file)})
    return learn(config, out=file.with_suffix(""), reporter=SilentReporter()).learned


def curve(family: Family, by_residual: bool, rounds: int, seed: int, test: Path, folder: Path) -> list[float]:
    """Errors with FIRST, FIRST + MORE, ... samples."""
    numbers, errors, folder = tuple(range(FIRST)), [], Path(tempfile.mkdtemp(dir=folder))
    for turn in range(rounds):
        learned = trained(family, numbers, seed, folder)
        errors.append(float(finer(learned.surrogate, [test], 1e9, "float32")[test.name]["relative_l2"]))
        print(f"seed {seed}, {'residual' if by_residual else 'random'}, {len(numbers)}: {errors[-1]:.3f}", flush=True)
        if turn < rounds - 1:
            recipe = Recipe(family=family, samples=MORE, seed=seed)
            fresh = tuple(range(numbers[-1] + 1, numbers[-1] + 1 + MORE))
            found = choose(recipe, learned, pool=POOL).numbers if by_residual else fresh
            numbers = tuple(sorted({*numbers, *found}))
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"))
    given, facts = parser.parse_args(), machine()
    family = from_pde(NearResonance(), {"c": (0.5, 2.0), "share": (0.0, 0.97)}, (17, 17))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        generate(Recipe(family=family, samples=TEST, seed=10_000, solver="superlu"), folder / "test.h5")
        curves = {
            name: np.mean([curve(family, name == "residual", given.rounds, seed, folder / "test.h5", folder)
                           for seed in range(given.seeds)], 0)
            for name in ("random", "residual")
        }  # fmt: skip
    rows = [
        {
            "samples": str(FIRST + MORE * turn),
            **{name: f"{100 * errors[turn]:.2f} %" for name, errors in curves.items()},
        }
        for turn in range(given.rounds)
    ]
    text = f"{described(facts)}\nmean relative L2 error, {given.seeds} seeds\n{table(rows)}"
    print(text)
    save(
        given.out,
        "active",
        text,
        {"machine": facts, "curves": {name: list(map(float, one)) for name, one in curves.items()}},
    )


if __name__ == "__main__":
    main()
