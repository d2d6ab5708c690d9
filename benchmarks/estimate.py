"""How far is the error estimate from the true error? Solves shipped examples, each in a process of its own.

    python benchmarks/estimate.py [--only CASE ...] [--seeds 0 1 2] [--set PATH=VALUE ...] [--out FILE]

A case is a name, or a name with settings after commas, as in heat,network.modes=8: coarse solutions are further from
rounding, which is where an estimate has to be right.

Both are relative L2 over all unknowns on independent uniform grids: the true error against the exact solution or our
own reference, the estimate without either. The last line is the share of rows whose ratio lies within a factor of ten,
or where both are below 1e-13, which is rounding. `seconds` are those of the estimate alone, compiling included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinn.config.shipped import examples
from spinn.error_estimate import FLOOR

HEAD = "| problem | seed | true error | estimate | ratio | residual | reliable | seconds | total s |"
RESULTS = Path(__file__).parent / "results" / "estimate.md"
COARSE = (
    "helmholtz_3d,network.modes=16", "helmholtz_3d,network.modes=20",
    "klein_gordon_2d,network.modes.t=24,network.modes.x=8,network.modes.y=8",
    "klein_gordon_2d,network.modes.t=34,network.modes.x=9,network.modes.y=9", "klein_gordon_3d,network.modes=8",
    "heat,network.modes=6", "heat,network.modes=10", "wave,network.modes=14", "advection,network.modes=10",
    "poisson_2d,network.modes=8", "poisson_2d,network.modes=12", "poisson_5d,network.modes=6",
    "poisson_10d,network.modes=6", "burgers,network.modes=40,windows=1",
)  # fmt: skip
QUIET = ("output.figures=false", "output.report=false", "output.vtkhdf=false")


def solved(case: str, seed: int, settings: Sequence[str]) -> dict[str, Any]:
    """The summary of one run."""
    name, *own = case.split(",")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "spinn", "solve", name, "--quiet"]
        command += ["--out", f"{folder}/run", "--seed", str(seed)]
        for setting in (*QUIET, *own, *settings):
            command += ["--set", setting]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        return json.loads((Path(folder) / "run" / "summary.json").read_text())


def ratio(summary: Mapping[str, Any]) -> float | None:
    """Estimate over true error; None where either is missing."""
    true, estimate = summary.get("relative_l2"), summary.get("error_estimate")
    if not true or not estimate or not true["all"]:
        return None
    return estimate["relative_l2"]["all"] / true["all"]


def row(name: str, seed: int, summary: Mapping[str, Any]) -> str:
    """A line of the table."""
    estimate, found = summary.get("error_estimate"), ratio(summary)
    if estimate is None or found is None:
        reason = "; ".join(summary.get("warnings") or ()) or "no truth"
        return f"| `{name}` | {seed} | - | - | - | - | {reason} | - | - |"
    cells = [f"{summary['relative_l2']['all']:.1e}", f"{estimate['relative_l2']['all']:.1e}", f"{found:.2g}",
             f"{estimate['residual']:.1e}", "yes" if estimate["reliable"] else f"no: {estimate['note']}",
             f"{estimate['seconds']:.1f}", f"{summary['seconds']['total']:.0f}"]  # fmt: skip
    return f"| `{name}` | {seed} | {' | '.join(cells)} |"


def within(summary: Mapping[str, Any]) -> bool:
    """Whether the ratio lies within a factor of ten, or both are rounding."""
    found = ratio(summary)
    if found is None:
        return False
    both = summary["relative_l2"]["all"], summary["error_estimate"]["relative_l2"]["all"]
    return 0.1 <= found <= 10.0 or max(both) < FLOOR


def share(hits: Sequence[bool]) -> str:
    """How many lie within a factor of ten."""
    return f"{sum(hits)} of {len(hits)} within a factor of 10 ({sum(hits) / max(len(hits), 1):.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*sorted(examples()), *COARSE], metavar="CASE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="PATH=VALUE")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the table goes (benchmarks/results)")
    arguments = parser.parse_args()
    lines = [HEAD, "|" + "---|" * HEAD.count(" |")]
    print("\n".join(lines), flush=True)
    hits = []
    for name in arguments.only:
        for seed in arguments.seeds:
            summary = solved(name, seed, arguments.settings)
            hits.append(within(summary))
            lines.append(row(name, seed, summary))
            print(lines[-1], flush=True)
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text("\n".join([*lines, "", share(hits), ""]))
    print(share(hits))


if __name__ == "__main__":
    main()
