"""What does it gain to cut a domain, and what does it cost? Subdomains against one network of as many parameters.

- A solution with a wave of its own in each of 64 blocks (`multiscale_helmholtz_2d`), and two materials, 100 : 1
  (`two_materials`): the cut problem, then one network over fixed features with at least as many unknowns, then one that
  is trained by gradients for as long as the cut problem took (and at least 20 s).
- A step of Adam on 1 to 256 subdomains with trained networks: all under one vmap, against as many steps one by one.

    python benchmarks/multidomain.py [--quick] [--out FOLDER]
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
from measuring import described, machine, median, save, table

import spinn
from spinn.assembly import first_modes
from spinn.config import Config
from spinn.evaluation import device_context
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE, get
from spinn.posing import pose
from spinn.recipes import resolve
from spinn.session import Session
from spinn.training.loop import CHUNK, LoopSettings, Snapshot, StageRun
from spinn.training.methods import StageSpec

PROBLEMS = {"multiscale_helmholtz_2d": {"x": 8, "y": 8}, "two_materials": {"x": [0.3]}}
MODES = {"multiscale_helmholtz_2d": 24, "two_materials": 20}  # of every subdomain along each axis
TRAINED_SECONDS = 20.0
SIDES = (1, 2, 4, 8, 16)  # subdomains along an axis


def solved(name: str, label: str, **settings: Any) -> dict[str, Any]:
    """A row: solved twice in this process, so that the second time compiles nothing."""
    for warm in (False, True):
        summary = spinn.solve(get(name)(), output={"estimate": False}, **settings).summary
        if not warm:
            cold = summary["seconds"]["compile"] + summary["seconds"]["solve"]
        if "train" in settings:
            break
    return {
        "problem": name, "network": label, "relative L2": f"{summary['relative_l2']['all']:.1e}",
        "parameters": str(summary["parameters"]), "cold s": f"{cold:.1f}",
        "warm s": f"{summary['seconds']['solve']:.2f}", "modes": str(summary["modes"][0]),
    }  # fmt: skip


def compared(name: str, quick: bool) -> Iterator[dict[str, Any]]:
    """The cut problem, and single networks."""
    cuts = {axis: min(cut, 2) if isinstance(cut, int) and quick else cut for axis, cut in PROBLEMS[name].items()}
    cut = solved(name, "subdomains", domains=cuts, network={"modes": 6 if quick else MODES[name]})
    yield cut
    modes = math.ceil(math.sqrt(int(cut["parameters"])))
    yield solved(name, "one, fixed features", network={"modes": modes})
    seconds = 1.0 if quick else max(TRAINED_SECONDS, float(cut["warm s"]))
    stages = [{"optimizer": "soap", "seconds": seconds / 2}, {"optimizer": "lbfgs", "seconds": seconds / 2}]
    yield solved(name, "one, trained by gradients", network={"trainable": True}, train=stages)


def stepping(pde: PDE, side: int) -> tuple[StageRun, Snapshot]:
    """A stage of Adam on side x side subdomains, all networks and grids of one size, and its start."""
    network = {"trainable": True, "features": "mlp", "width": 20, "depth": 2, "rank": 10}
    given = {"pde": "multiscale_helmholtz_2d", "network": network, "sampling": {"points_per_axis": 24}}
    given["train"] = [{"optimizer": "adam", "steps": CHUNK}]
    config = Config.model_validate({**given, "domains": {"x": side, "y": side} if side > 1 else {}, "seed": 0})
    plan = resolve(config, pde)
    session = Session(plan, pde, SilentReporter(), lambda record: None)
    modes = first_modes(plan, pde)
    session.place = type(session.place)(modes=(modes,), breaks=({},), maps=({},))
    posed = pose(plan, pde, session.network(0, modes), pde.domain, modes)
    run = StageRun(posed.problem, StageSpec("adam", CHUNK), LoopSettings(), "adam", SilentReporter(), {})
    return run, run.start(posed.params)


def step_seconds(run: StageRun, first: Snapshot, repeats: int) -> float:
    """Of a step, once compiled: the median over chunks."""
    found = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        for snapshot, _ in run.run(first):
            jax.block_until_ready(snapshot.params)
        found.append((time.perf_counter() - begun) / CHUNK)
    return median(found[1:])


def steps(quick: bool) -> list[dict[str, str]]:
    """Seconds of a step by number of subdomains."""
    pde = get("multiscale_helmholtz_2d")()
    rows, single = [], None
    for side in SIDES[: 2 if quick else len(SIDES)]:
        with device_context("float64"):
            seconds = step_seconds(*stepping(pde, side), 1 if quick else 5)
        single = single or seconds
        count = side * side
        rows.append({
            "subdomains": str(count), "ms a step": f"{1e3 * seconds:.2f}",
            "us a step and subdomain": f"{1e6 * seconds / count:.0f}",
            "of as many steps one by one": f"{seconds / (single * count):.2f}",
        })  # fmt: skip
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few subdomains, one second of training")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    options = parser.parse_args(argv)
    facts, rows = machine(), []
    for name in PROBLEMS:
        for row in compared(name, options.quick):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
    stepped = steps(options.quick)
    text = "\n\n".join([described(facts), table(rows), table(stepped)])
    save(options.out, "multidomain", text, {"machine": facts, "rows": rows, "steps": stepped})
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
