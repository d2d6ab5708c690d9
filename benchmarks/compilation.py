"""How long does a run wait for its programs: the first process on a machine, the second, and other parameter values?

    python benchmarks/compilation.py [--only NAME ...] [--against CHECKOUT] [--repeats 1] [--out FOLDER]

Each problem is solved in three processes that share a cache of programs, empty at first; the third one has another
value of a parameter of the equation, and another seed. `programs` counts what was
compiled, or read from the cache; `cold` is training in the first process, `cpu` all processor time of that process,
which other work on the machine changes least; `first step` is from the start of the process. `warm` is solving without
compiling (the least of all processes). `other compile s` is tracing and compiling in the third process, of whose
programs `new` were not in the cache. `--against` runs another checkout in turn with this one: rows come in pairs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import described, machine, save, table

PROBLEMS = {
    "burgers": "pde.params.nu=0.004",
    "kdv": "pde.params.mu=0.025",
    "helmholtz_3d": "pde.params.k=1.5",
    "klein_gordon_3d": "pde.params.k=1.2",
    "navier_stokes_3d": "pde.params.nu=0.06",
}
ROOTS = ("pdes", "solvers", "data", "examples")  # folders that are packages of spinn, see setup.py


class FirstStep:
    """A reporter that notes when the first step was made."""

    def __init__(self, began: float):
        self.began = began
        self.seconds: float | None = None

    def stage(self, name: str, total_steps: int | None) -> None:
        """Nothing to note."""

    def update(self, progress: Any) -> None:
        """A step was made."""
        if self.seconds is None:
            self.seconds = time.time() - self.began

    def message(self, text: str, level: str = "info") -> None:
        """Nothing to note."""

    def finish(self) -> None:
        """Nothing to note."""


def solved(name: str, began: float, changes: Sequence[str]) -> dict[str, Any]:
    """One run, in this process."""
    import spinn
    from spinn.config.prepare import prepare

    reporter = FirstStep(began)
    summary = spinn.solve(prepare(name, assignments=changes)[0], reporter=reporter).summary
    error = (summary["relative_l2"] or {}).get("all")
    return {
        "first_step": reporter.seconds, "solve": summary["seconds"]["solve"], "compile": summary["seconds"]["compile"],
        "programs": sum(summary["programs"].values()), "compiled": summary["programs"]["compiled"], "error": error,
        "cpu": time.process_time(), "modes": summary["modes"],
        "steps": sum(stage["steps"] for stage in summary["stages"]),
    }  # fmt: skip


def in_process(name: str, tree: Path, cache: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """One run in a process of its own, with the package in `tree`."""
    environment = {**os.environ, "SPINN_CACHE": str(cache), "PYTHONPATH": str(tree)}
    command = [sys.executable, __file__, "--solve", name, "--began", str(time.time()), "--changes", *changes]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def package(checkout: Path, folder: Path) -> Path:
    """The package of a checkout under its import names, as an installation would place them."""
    inside = folder / "spinn"
    inside.mkdir(parents=True)
    for entry in [*(checkout / "spinn").iterdir(), *(checkout / root for root in ROOTS)]:
        if entry.is_dir() or entry.suffix == ".py":
            (inside / entry.name).symlink_to(entry.resolve())
    return folder


def measured(name: str, tree: Path) -> dict[str, Any]:
    """A first and a second process, and a third one with other numbers."""
    with tempfile.TemporaryDirectory() as cache:
        first, second = (in_process(name, tree, Path(cache)) for _ in range(2))
        other = in_process(name, tree, Path(cache), (PROBLEMS[name], "seed=1"))
    return {"first": first, "second": second, "other": other}


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run whose first process was quickest, with the least warm seconds of all."""
    found = min(runs, key=lambda run: run["first"]["compile"])
    return {**found, "warm": min(one["solve"] for run in runs for one in (run["first"], run["second"]))}


def row(name: str, which: str, run: Mapping[str, Any]) -> dict[str, str]:
    """A line of the table."""
    first, second, other = run["first"], run["second"], run["other"]
    error = f"{first['error']:.1e}" if first["error"] is not None else ""
    return {
        "problem": name, "checkout": which, "programs": str(first["programs"]), "steps": str(first["steps"]),
        "compile s": f"{first['compile']:.1f}", "cold s": f"{first['solve'] + first['compile']:.1f}",
        "cpu s": f"{first['cpu']:.0f}", "warm s": f"{run['warm']:.2f}", "first step s": f"{first['first_step']:.1f}",
        "second process s": f"{second['solve'] + second['compile']:.1f}",
        "its first step s": f"{second['first_step']:.1f}", "second compile s": f"{second['compile']:.1f}",
        "other compile s": f"{other['compile']:.1f}", "new": f"{other['compiled']}/{other['programs']}", "error": error,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS), metavar="NAME")
    parser.add_argument("--against", type=Path, help="another checkout, run in turn")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--solve", help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--changes", nargs="*", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.solve:
        print(json.dumps(solved(options.solve, options.began, options.changes)))
        return
    facts, rows, data = machine(), [], {}
    checkouts = {"other": options.against} if options.against else {}
    checkouts["this"] = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        trees = {which: package(checkout, Path(folder) / which) for which, checkout in checkouts.items()}
        for name in options.only:
            runs: dict[str, list[dict[str, Any]]] = {which: [] for which in trees}
            for _ in range(options.repeats):
                for which, tree in trees.items():
                    runs[which].append(measured(name, tree))
            data[name] = runs
            rows += [row(name, which, best(found)) for which, found in runs.items()]
            print(table(rows[-len(trees) :]), flush=True)
    text = f"{__doc__.splitlines()[0]}\n\n{table(rows)}\n\n{described(facts)}"
    save(options.out, "compilation", text, {"machine": facts, "runs": data})
    print(text)


if __name__ == "__main__":
    main()
