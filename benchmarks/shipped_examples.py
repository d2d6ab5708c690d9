"""What do the shipped examples reach, and in how many seconds? Runs each in a process of its own and prints a table.

    python benchmarks/shipped_examples.py [--only NAME ...] [--seed 0] [--out FILE]

Errors are relative L2 over all unknowns on an independent uniform grid, in float64, against the exact solution or
our own reference. `solve` is warm: compilation is the column beside it; `total` has everything, figures and report
included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from spinn.config.shipped import examples

# Best relative L2 error in the SPINN paper (NeurIPS 2023), where it has the problem.
PUBLISHED = {
    "helmholtz_3d": 3.2e-2,
    "klein_gordon_2d": 9e-4,
    "klein_gordon_3d": 1.2e-3,
    "diffusion_2d": 3.6e-3,
    "flow_mixing_2d": 2.9e-3,
    "navier_stokes_2d": 3.55e-2,
    "navier_stokes_3d": 1.9e-3,
}
HEAD = "| problem | relative L2 error | truth | SPINN, published | compile s | solve s | total s | status |"


def row(name: str, seed: int) -> str:
    """Run one example; a line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "spinn",
            "solve",
            name,
            "--out",
            folder + "/run",
            "--seed",
            str(seed),
            "--quiet",
        ]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        summary = json.loads((Path(folder) / "run" / "summary.json").read_text())
    seconds, errors = summary["seconds"], summary["relative_l2"]
    published = f"{PUBLISHED[name]:.1e}" if name in PUBLISHED else ""
    spent = " | ".join(f"{seconds[part]:.1f}" for part in ("compile", "solve", "total"))
    return f"| `{name}` | {errors['all']:.1e} | {summary['truth']} | {published} | {spent} | {summary['status']} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=sorted(examples()), metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="append the table to this file")
    arguments = parser.parse_args()
    lines = [HEAD, "|" + "---|" * HEAD.count(" |")]
    print("\n".join(lines), flush=True)
    for name in arguments.only:
        lines.append(row(name, arguments.seed))
        print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
