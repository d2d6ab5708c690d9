"""What does one step cost on 512 points an axis, 1.3e8 in all, and does it fit an ordinary machine?

Helmholtz 3d with the paper's network: loss and gradient in all parameters, faces included. The residual is a sum of
products, so that no norm stores it: `grid` sums its squares block by block, `gram` and `qr` through matrices of each
axis. Every norm runs in a process of its own, whose peak of resident memory is printed beside what the program needs.

    python benchmarks/large_grid.py                       # a minute
    python benchmarks/large_grid.py --points 1000 --norms gram
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from measuring import compiled, described, interleaved, machine, median, resident_peak_bytes, save, table
from paper_setting import HELMHOLTZ

from spinn.objective import SeparableObjective

NORMS = ("grid", "gram", "qr")


def measure(count: int, norm: str, repeats: int) -> dict[str, Any]:
    """One norm, in this process."""
    network, batch = HELMHOLTZ.network(), HELMHOLTZ.batch(count)
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    objective = SeparableObjective(HELMHOLTZ.pde, norm=norm)

    def loss(parameters: Any, batch: Any) -> Any:
        return objective.loss(eqx.combine(parameters, static), batch)[0]

    program = compiled(jax.value_and_grad(loss), parameters, batch)
    times = interleaved({norm: program}, (parameters, batch), repeats)[norm]
    value, _ = program.run(parameters, batch)
    return {
        "problem": HELMHOLTZ.problem,
        "points_per_axis": count,
        "points": count**3,
        "norm": norm,
        "seconds": median(times),
        "compile_s": program.compile_seconds,
        "program_mb": program.peak_bytes / 1e6,
        "resident_peak_mb": resident_peak_bytes() / 1e6,
        "loss": float(value),
    }


def apart(options: argparse.Namespace, norm: str) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", norm, "--points", str(options.points)]
    command += ["--repeats", str(options.repeats), "--precision", options.precision]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{norm} at {options.points} points an axis failed:\n{done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def readable(r: dict[str, Any]) -> dict[str, str]:
    """A row for people."""
    return {
        "problem": r["problem"],
        "N": str(r["points_per_axis"]),
        "norm": r["norm"],
        "seconds a step": f"{r['seconds']:.3f}",
        "points/s": f"{r['points'] / r['seconds']:.2e}",
        "compile s": f"{r['compile_s']:.1f}",
        "program MB": f"{r['program_mb']:.0f}",
        "resident MB": f"{r['resident_peak_mb']:.0f}",
        "loss": f"{r['loss']:.7g}",
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save; 1 if the norms disagree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--points", type=int, default=512, help="points an axis")
    parser.add_argument("--norms", default=",".join(NORMS), help="norms to run, comma-separated")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", choices=("float32", "float64"), default="float32")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    parser.add_argument("--one", choices=NORMS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    jax.config.update("jax_enable_x64", options.precision == "float64")
    jax.config.update("jax_default_matmul_precision", "highest")  # GPUs would round factors to ten bits
    if options.one:
        print(json.dumps(measure(options.points, options.one, options.repeats)))
        return 0
    rows = [apart(options, norm) for norm in options.norms.split(",")]
    facts = {**machine(), "precision": options.precision}
    text = described(facts) + "\n\n" + table([readable(r) for r in rows])
    print(text)
    name = f"large_grid_{jax.devices()[0].platform}_{options.precision}"
    save(options.out, name, text, {"machine": facts, "rows": rows})
    losses = [r["loss"] for r in rows]
    agree = max(losses) - min(losses) <= 1e-4 * max(losses)
    print("losses agree to rounding" if agree else f"DISAGREE: losses are {losses}")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
