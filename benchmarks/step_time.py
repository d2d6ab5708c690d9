"""How much faster is a training step with separable fields than in the SPINN paper's way?

One step is the loss of the residual on the grid and its gradient in all parameters. Both ways have the same network,
points and precision, run in turn in one process, and must agree in loss and gradient to rounding. The paper's way
(`nested_forward.py`) is given its right-hand sides ready-made; ours works them out from the axes in every step.
Conditions live on faces, a grid size smaller, and are left out of both.

    python benchmarks/step_time.py                       # all (the paper's Navier-Stokes alone compiles for a minute)
    python benchmarks/step_time.py --only helmholtz_3d --precision float64
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from measuring import Program, compiled, described, free_bytes, interleaved, machine, median, save, table, warm_up
from nested_forward import forcing, nested_loss
from paper_setting import HELMHOLTZ, KLEIN_GORDON, NAVIER_STOKES, Setting

from spinn.objective import SeparableObjective

PAPER = "paper"
TOLERANCES = {"float32": (1e-5, 3e-3), "float64": (1e-11, 1e-9)}  # relative: of losses, of gradients


@dataclasses.dataclass(frozen=True)
class Case:
    """One problem at one number of points an axis, and the norms to try."""

    setting: Setting
    points: int
    norms: tuple[str, ...] = ("grid",)
    repeats: int = 30

    @property
    def size(self) -> int:
        return self.points ** len(self.setting.pde.coordinates)


CASES = (
    *(Case(HELMHOLTZ, n, ("grid", "gram", "qr")) for n in (32, 64, 128)),
    Case(KLEIN_GORDON, 64),
    Case(NAVIER_STOKES, 16, repeats=10),
    Case(NAVIER_STOKES, 32, repeats=4),
)
QUICK = (
    Case(HELMHOLTZ, 16, ("grid", "gram", "qr"), 5),
    Case(KLEIN_GORDON, 16, repeats=5),
    Case(dataclasses.replace(NAVIER_STOKES, depth=2, rank=8), 6, repeats=5),
)


def steps(case: Case, arguments: tuple[Any, ...], static: Any) -> dict[str, Callable[..., Any]]:
    """Loss and gradient, the paper's way first."""
    pde = case.setting.pde
    conditions = frozenset(condition.name for condition in pde.conditions())

    def paper(parameters: Any, batch: Any, known: Any) -> Any:
        return nested_loss(pde, eqx.combine(parameters, static), batch.points, known)

    def ours(norm: str) -> Callable[..., Any]:
        objective = SeparableObjective(pde, skip=conditions, norm=norm)
        return lambda parameters, batch, known: objective.loss(eqx.combine(parameters, static), batch)[0]

    losses = {PAPER: paper, **{norm: ours(norm) for norm in case.norms}}
    return {name: jax.value_and_grad(loss) for name, loss in losses.items()}


def measure(case: Case, repeats: int | None) -> list[dict[str, Any]]:
    """Rows of one case: one a norm, against the paper's way."""
    network, batch = case.setting.network(), case.setting.batch(case.points)
    parameters, static = eqx.partition(network, eqx.is_inexact_array)
    arguments = (parameters, batch, forcing(case.setting.pde, batch.points))
    programs = {name: compiled(step, *arguments) for name, step in steps(case, arguments, static).items()}
    free = free_bytes()
    fits = {name: p for name, p in programs.items() if free is None or p.peak_bytes < 0.9 * free}
    results = {name: program.run(*arguments) for name, program in fits.items()}
    times = interleaved(fits, arguments, repeats or case.repeats)
    seconds = {name: median(values) for name, values in times.items()}
    return [row(case, norm, programs, seconds, results) for norm in case.norms]


def row(
    case: Case, norm: str, programs: dict[str, Program], seconds: dict[str, float], results: dict[str, Any]
) -> dict[str, Any]:
    """Numbers of one comparison; None where a program did not fit into memory."""
    both = PAPER in results and norm in results
    difference = differences(results[PAPER], results[norm]) if both else (None, None)
    return {
        "problem": case.setting.problem,
        "points_per_axis": case.points,
        "norm": norm,
        "paper_ms": 1e3 * seconds[PAPER] if PAPER in seconds else None,
        "ours_ms": 1e3 * seconds[norm] if norm in seconds else None,
        "ratio": seconds[PAPER] / seconds[norm] if both else None,
        "points_per_second": case.size / seconds[norm] if norm in seconds else None,
        "paper_peak_mb": programs[PAPER].peak_bytes / 1e6,
        "ours_peak_mb": programs[norm].peak_bytes / 1e6,
        "paper_compile_s": programs[PAPER].compile_seconds,
        "ours_compile_s": programs[norm].compile_seconds,
        "paper_loss": float(results[PAPER][0]) if PAPER in results else None,
        "ours_loss": float(results[norm][0]) if norm in results else None,
        "loss_difference": difference[0],
        "gradient_difference": difference[1],
    }


def differences(one: Any, other: Any) -> tuple[float, float]:
    """Relative differences of two losses and of two gradients."""
    loss = abs(float(one[0]) - float(other[0])) / abs(float(one[0]))
    pairs = list(zip(jax.tree.leaves(one[1]), jax.tree.leaves(other[1]), strict=True))
    apart = math.sqrt(sum(float(jnp.sum((a - b) ** 2)) for a, b in pairs))
    return loss, apart / math.sqrt(sum(float(jnp.sum(a**2)) for a, _ in pairs))


def disagreements(rows: Sequence[dict[str, Any]], precision: str) -> list[str]:
    """Comparisons whose losses or gradients differ by more than rounding."""
    of_loss, of_gradient = TOLERANCES[precision]
    return [
        f"{r['problem']} at {r['points_per_axis']} ({r['norm']}): loss {r['loss_difference']:.1e}, "
        f"gradient {r['gradient_difference']:.1e}"
        for r in rows
        if r["ratio"] is not None and not (r["loss_difference"] < of_loss and r["gradient_difference"] < of_gradient)
    ]


def readable(r: dict[str, Any]) -> dict[str, str]:
    """A row for people."""

    def shown(value: float | None, form: str, memory: float) -> str:
        return f"needs {memory / 1e3:.1f} GB" if value is None else format(value, form)

    return {
        "problem": r["problem"],
        "N": str(r["points_per_axis"]),
        "norm": r["norm"],
        "paper ms": shown(r["paper_ms"], ".2f", r["paper_peak_mb"]),
        "ours ms": shown(r["ours_ms"], ".2f", r["ours_peak_mb"]),
        "ratio": "-" if r["ratio"] is None else f"{r['ratio']:.1f}",
        "points/s": "-" if r["points_per_second"] is None else f"{r['points_per_second']:.2e}",
        "paper MB": f"{r['paper_peak_mb']:.0f}",
        "ours MB": f"{r['ours_peak_mb']:.0f}",
        "paper compile s": f"{r['paper_compile_s']:.1f}",
        "ours compile s": f"{r['ours_compile_s']:.1f}",
        "loss": "-" if r["ours_loss"] is None else f"{r['ours_loss']:.6g}",
        "loss diff": "-" if r["loss_difference"] is None else f"{r['loss_difference']:.0e}",
        "grad diff": "-" if r["gradient_difference"] is None else f"{r['gradient_difference']:.0e}",
    }


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small grids only, a few seconds each")
    parser.add_argument("--only", default="", help="problems to run, comma-separated")
    parser.add_argument("--points", default="", help="numbers of points an axis to run, comma-separated")
    parser.add_argument("--repeats", type=int, default=None, help="timed steps of each (default: by problem)")
    parser.add_argument("--precision", choices=("float32", "float64"), default="float32")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    parser.add_argument("--label", default="", help="put into the names of the files, to tell runs apart")
    return parser.parse_args(argv)


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases that the command line asks for; quick ones have points of their own."""
    problems = [name for name in options.only.split(",") if name]
    counts = [int(count) for count in options.points.split(",") if count]
    cases = QUICK if options.quick else CASES
    return [
        case
        for case in cases
        if (not problems or case.setting.problem in problems) and (options.quick or not counts or case.points in counts)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save; 1 if the two ways disagree."""
    options = arguments_of(argv)
    jax.config.update("jax_enable_x64", options.precision == "float64")
    jax.config.update("jax_default_matmul_precision", "highest")  # GPUs would round factors to ten bits
    facts = {**machine(), "precision": options.precision}
    rows: list[dict[str, Any]] = []
    warm_up()
    cases = chosen(options)
    if not cases:
        print("nothing to run: no case has these problems and points", file=sys.stderr)
        return 0
    for case in cases:
        rows += measure(case, options.repeats)
        print(f"{case.setting.problem} at {case.points}: done", file=sys.stderr, flush=True)
    text = described(facts) + "\n\n" + table([readable(r) for r in rows])
    print(text)
    label = [options.label, "quick" if options.quick else ""]
    name = "_".join(["step_time", jax.devices()[0].platform, options.precision, *filter(None, label)])
    save(options.out, name, text, {"machine": facts, "rows": rows})
    wrong = disagreements(rows, options.precision)
    print("losses and gradients agree to rounding" if not wrong else "DISAGREE: " + "; ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
