"""What does `precision: mixed` cost and give, against float64: whole runs, and one linear solve of Gauss-Newton?

    python benchmarks/mixed_precision.py [--runs NAME ...] [--solves NAME ...] [--repeats 5] [--out FOLDER]

Runs, in turn in one process: relative L2 error, and seconds of training with an empty cache of programs (`cold`) and
again with what it holds then (`warm`), compiling included; `solve` is the warm run without it.

One Gauss-Newton step from the same parameters in both precisions, run in turn in one process, solved until the gradient
is 1e-6 of what it was: `iteration` is one iteration of conjugate gradients, `step` all of it, with what is done in
float64 either way (residual, preconditioner, acceptance). `agree` is the relative difference of the parameters reached.
"""

import argparse
import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from measuring import Program, compiled, described, interleaved, machine, median, save, table, warm_up

import spinn
from spinn.assembly import build_network, build_objective, build_sampler
from spinn.config.prepare import prepare
from spinn.evaluation import device_context
from spinn.lifting import lifted
from spinn.optim.gauss_newton import GaussNewtonState, cgls, gauss_newton_init, gauss_newton_step
from spinn.optim.mixed import Operator, normal_cg
from spinn.optim.narrowing import narrow, narrowed
from spinn.posing import Posed, pose
from spinn.recipes import resolve

# Modes an axis, about those that runs end with: up to 10^5 unknowns.
SIZES = {
    "navier_stokes_3d": {"t": 14, "x": 5, "y": 5, "z": 3},
    "flow_mixing_2d": {"t": 24, "x": 48, "y": 48},
    "helmholtz_3d": {"x": 38, "y": 38, "z": 29},
}
RUNS = ("helmholtz_3d", "klein_gordon_3d", "navier_stokes_3d")
PRECISIONS = ("float64", "mixed")
ITERATIONS = (2, 22)  # of the timed solves: their difference is free of what comes before
TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """A problem, and where steps begin."""

    posed: Posed
    arguments: tuple[Any, Any]  # context and scales

    def blocks(self, params: Any, context: Any, scales: Any) -> Any:
        """Residual blocks."""
        return self.posed.problem.blocks(params, context, scales)


def start_of(name: str) -> Start:
    """A shipped problem with the modes above; its parameters are small random numbers."""
    config, pde, _ = prepare(name)
    plan, modes = resolve(config, pde), SIZES[name]
    network = build_network(plan, pde, pde.domain, modes, key=jax.random.key(0))
    sampler = build_sampler(plan, pde, modes)
    batch = sampler.draw(pde.domain, key=jax.random.key(0))
    objective: Any = build_objective(plan, pde, sampler)
    network = lifted(network, plan.embedding.traces, objective, batch)  # type: ignore[arg-type]
    noise = 1e-3 * jax.random.normal(jax.random.key(1), network.core.shape, network.core.dtype)
    posed = pose(plan, pde, eqx.tree_at(lambda n: n.core, network, noise), pde.domain, modes)
    scales = {one: jnp.asarray(posed.problem.scales.get(one, 1.0)) for one in posed.problem.names}
    return Start(posed, (posed.problem.draw(jax.random.key(0)), scales))


def solves(start: Start) -> dict[str, Callable[..., Any]]:
    """A number of iterations from the start of a solve, without a preconditioner: it costs next to nothing."""

    def linearised(params: Any, context: Any, scales: Any) -> tuple[Any, Any, Any]:
        flat, unravel = ravel_pytree(params)
        residual, push = jax.linearize(lambda x: start.blocks(unravel(x), context, scales), flat)
        return flat, residual, push

    def double(most: Any, params: Any, context: Any, scales: Any) -> Any:
        flat, residual, push = linearised(params, context, scales)
        pull = jax.linear_transpose(push, flat)
        return cgls(push, lambda z: pull(z)[0], residual, jnp.asarray(0.0), 0.0, most)

    def single(most: Any, params: Any, context: Any, scales: Any) -> Any:
        flat, residual, push = linearised(params, context, scales)
        right = -jax.linear_transpose(push, flat)(residual)[0]
        small = narrowed(push, flat)
        pull = jax.linear_transpose(small, narrow(flat))
        operator, zero = Operator(small, lambda z: pull(z)[0]), jnp.zeros((), jnp.float32)
        return normal_cg(operator, narrow(right / jnp.linalg.norm(right)), zero, zero, most)

    return {"float64": double, "mixed": single}


def step(start: Start, mixed: bool) -> Callable[..., Any]:
    """A whole step."""
    problem = start.posed.problem
    normal: Any = problem.normal

    def one(params: Any, state: GaussNewtonState, context: Any, scales: Any) -> Any:
        # A solve need not go further than a tenth of the floor's root (`BELOW_FLOOR` of Gauss-Newton's method).
        floor: Any = (10.0 * TOLERANCE) ** 2 * problem.loss(params, context, scales)[0]
        return gauss_newton_step(
            lambda p: start.blocks(p, context, scales), params, state, key=jax.random.key(0),
            normal=lambda p: normal(p, context, scales), kept=problem.kept, mixed=mixed, floor=floor,
        )  # fmt: skip

    return one


def begin() -> GaussNewtonState:
    """A state in which nothing but the floor limits the next linear solve."""
    return gauss_newton_init(jnp.asarray(1.0), 1e-14)._replace(slope=jnp.asarray(1e300))


def measured(name: str, repeats: int) -> dict[str, Any]:
    """Seconds of both precisions, and how they agree."""
    start = start_of(name)
    params = start.posed.params
    seconds: dict[str, dict[str, float]] = {"float64": {}, "mixed": {}}
    programs = {which: compiled(f, jnp.int32(1), params, *start.arguments) for which, f in solves(start).items()}
    for most in ITERATIONS:
        times = interleaved(programs, (jnp.int32(most), params, *start.arguments), repeats)
        for which, found in times.items():
            sign = 1.0 if most == max(ITERATIONS) else -1.0
            share = sign * min(found) / (max(ITERATIONS) - min(ITERATIONS))
            seconds[which]["iteration"] = seconds[which].get("iteration", 0.0) + share
    arguments = (params, begin(), *start.arguments)
    steps: dict[str, Program] = {which: compiled(step(start, which == "mixed"), *arguments) for which in seconds}
    reached = {}
    for which, found in interleaved(steps, arguments, max(repeats // 2, 1)).items():
        seconds[which]["step"], seconds[which]["compile"] = median(found), steps[which].compile_seconds
        reached[which] = steps[which].run(*arguments)
    ends = {which: np.asarray(ravel_pytree(after[0])[0]) for which, after in reached.items()}
    difference = np.linalg.norm(ends["mixed"] - ends["float64"]) / np.linalg.norm(ends["float64"])
    return {
        "unknowns": ends["mixed"].size, "points": start.posed.problem.points, "seconds": seconds,
        "iterations": {which: int(after[1].iterations) for which, after in reached.items()},
        "stalled": bool(reached["mixed"][1].stalled), "agree": float(difference),
    }  # fmt: skip


@contextlib.contextmanager
def empty_cache() -> Iterator[None]:
    """No program is known, on disk or in memory."""
    before = os.environ.get("SPINN_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SPINN_CACHE"] = folder
        jax.clear_caches()
        try:
            yield
        finally:
            os.environ.pop("SPINN_CACHE")
            if before is not None:
                os.environ["SPINN_CACHE"] = before


def whole_run(name: str, precision: str) -> dict[str, Any]:
    """Error, seconds and warnings of a run, cold and warm."""
    seconds = {}
    with empty_cache():
        for which in ("cold", "warm"):
            jax.clear_caches()
            summary = spinn.solve(name, precision=precision, output={"estimate": False}).summary
            seconds[which] = summary["seconds"]["compile"] + summary["seconds"]["solve"]
    return {
        "error": summary["relative_l2"]["all"], **seconds, "solve": summary["seconds"]["solve"],
        "compiled": summary["programs"]["compiled"], "warnings": summary["warnings"],
    }  # fmt: skip


def row_of_run(name: str, precision: str, run: Mapping[str, Any]) -> dict[str, str]:
    """A line of the table of runs."""
    seconds = {f"{what} s": f"{run[what]:.2f}" for what in ("cold", "warm", "solve")}
    return {"problem": name, "precision": precision, "error": f"{run['error']:.1e}", **seconds,
            "warnings": str(len(run["warnings"]))}  # fmt: skip


def row(name: str, found: dict[str, Any]) -> dict[str, str]:
    """A line of the table."""
    cells = {"problem": name, "unknowns": str(found["unknowns"]), "points": str(found["points"])}
    for what in ("iteration", "step"):
        double, mixed = (found["seconds"][which][what] for which in ("float64", "mixed"))
        cells |= {f"{what} float64 s": f"{double:.4f}", "mixed s" + " " * (what == "step"): f"{mixed:.4f}"}
        cells["ratio" + " " * (what == "step")] = f"{mixed / double:.2f}"
    iterations = found["iterations"]
    cells["iterations"] = f"{iterations['float64']} / {iterations['mixed']}" + (" stalled" if found["stalled"] else "")
    return {**cells, "agree": f"{found['agree']:.0e}"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="*", default=list(RUNS), choices=RUNS, metavar="NAME")
    parser.add_argument("--solves", nargs="*", default=list(SIZES), choices=list(SIZES), metavar="NAME")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)
    facts = machine()
    runs = {name: {one: whole_run(name, one) for one in PRECISIONS} for name in options.runs}
    of_runs = table([row_of_run(name, one, run) for name, both in runs.items() for one, run in both.items()])
    print(of_runs, flush=True)
    warm_up()
    found = {}
    with device_context("mixed"), jax.default_matmul_precision("highest"):
        for name in options.solves:
            found[name] = measured(name, options.repeats)
            print(table([row(name, found[name])]), flush=True)
    of_solves = table([row(name, one) for name, one in found.items()])
    text = "\n\n".join([__doc__.splitlines()[0], of_runs, of_solves, described(facts)])
    data = {"machine": facts, "runs": runs, "solves": found}
    save(options.out, f"mixed_precision_{jax.devices()[0].platform}", text, data)


if __name__ == "__main__":
    main()
