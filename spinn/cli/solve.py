"""`spinn solve`: solve a PDE and write a run's folder."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, entry, errors_by_unknown, json_option, json_text, note
from spinn.cli._runs import resumable

DESCRIPTION = """\
Solve a PDE. The argument is a YAML file, an example that ships with spinn, the name of a PDE, or a class of your own:

  spinn solve navier_stokes_3d.yaml                  a file here, or else the shipped example of that name
  spinn solve heat                                   a PDE by name, with the default recipe
  spinn solve ./my_pde.py:Beam                       a PDE of your own (`spinn new beam` writes a starter)

Change single settings without editing the file; the last one wins, and the flags below win over --set:

  spinn solve heat --set pde.params.kappa=0.05 --set domain.t='[0, 2]'
  spinn solve heat --set network.rank=64 --set network.features='{t: legendre, x: fourier}'
  spinn solve heat --set 'train=[{optimizer: adam, steps: 2000}, {optimizer: lbfgs, seconds: 60}]'

See what would be done, and what it would cost, without doing it; continue a run that was stopped:

  spinn solve helmholtz_3d --dry-run
  spinn solve helmholtz_3d --resume                  the newest unfinished run of it under runs/
  spinn solve runs/helmholtz_3d-20250102-120000 --resume

`spinn schema` describes every setting. Results: config.yaml (all settings as used), summary.json, solution.h5,
figures/, report.html in a new folder under runs/ (or in --out).
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "solve", "solve a PDE from a YAML file or by name", DESCRIPTION)
    parser.add_argument("problem", metavar="FILE|NAME", help="YAML file, shipped example, PDE, or ./file.py:Class")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting, such as network.rank=64; may be repeated")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default: a new one under runs/)")
    parser.add_argument("--seed", type=int, help="seed of all random choices")
    precisions = ("auto", "float32", "float64", "mixed")
    parser.add_argument("--precision", choices=precisions, help="number format of training")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), help="where to compute")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, or the newest unfinished one")
    parser.add_argument("--dry-run", action="store_true", help="estimate parameters, points, memory and time, and stop")
    parser.add_argument("--quiet", action="store_true", help="no progress, no notes: errors and results only")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Solve, or estimate, and print how it went."""
    flags = {"seed": arguments.seed, "precision": arguments.precision, "device": arguments.device}
    problem, out = _continued(arguments.problem, arguments.out, arguments.resume)

    from spinn.config.prepare import prepare  # imports jax

    prepared = prepare(problem, arguments.assignments, flags)
    if prepared.note:
        note(prepared.note, quiet=arguments.quiet)
    if arguments.resume and out is None:
        out = resumable(prepared.config.pde.name)
    if arguments.dry_run:
        return _estimate(prepared.config, prepared.pde, as_json=arguments.json)

    from spinn import engine
    from spinn.output.progress import make_reporter

    reporter = make_reporter(quiet=arguments.quiet)
    solution = engine.solve(prepared.config, prepared.pde, out=out, resume=arguments.resume, reporter=reporter)
    folder = solution.folder
    print(
        json_text({**solution.summary, "folder": folder}) if arguments.json else closing_lines(solution.summary, folder)
    )
    return exit_code(solution.summary)


def exit_code(summary: Mapping[str, Any]) -> int:
    """0 for a run that ended well, 130 for one that was interrupted, 1 otherwise."""
    return {"ok": 0, "interrupted": 130}.get(str(summary.get("status")), 1)


def closing_lines(summary: Mapping[str, Any], folder: Path | None) -> str:
    """What a person wants to know at the end: status, errors, seconds, and where to look."""
    lines = [f"{summary.get('pde')}: {summary.get('status')}"]
    errors = errors_by_unknown(summary)
    parts = ", ".join(f"{name} {value:.2e}" for name, value in errors.items())
    truth = {"exact": "the exact solution", "reference": "the reference solution"}.get(
        str(summary.get("truth")), "the truth"
    )
    lines.append(
        f"  relative L2 error  {parts} (against {truth})"
        if parts
        else "  relative L2 error  not known: no exact solution"
    )
    lines += _estimated(summary.get("error_estimate"))
    seconds = summary.get("seconds") or {}
    spent = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items() if value is not None)
    lines.append(f"  seconds            {spent}")
    if folder is not None:
        lines.append(f"  folder             {folder}")
        report = folder / "report.html"
        if report.exists():
            lines.append(f"  report             {report}")
    lines += [f"  warning            {warning}" for warning in summary.get("warnings") or ()]
    return "\n".join(lines)


def _estimated(estimate: Mapping[str, Any] | None) -> list[str]:
    """The line of the error estimate, where one was made."""
    values = {name: value for name, value in ((estimate or {}).get("relative_l2") or {}).items() if value is not None}
    if estimate is None or not values:
        return []
    if len(values) == 2:
        values.pop("all", None)
    parts = ", ".join(f"{name} {float(value):.0e}" for name, value in values.items())
    worth = "no exact solution needed" if estimate.get("reliable") else f"not reliable: {estimate.get('note')}"
    return [f"  error estimate     {parts} ({worth})"]


def _continued(problem: str, out: Path | None, resume: bool) -> tuple[str, Path | None]:
    """The folder of a run in place of a file means: its own configuration, continued in place."""
    config = Path(problem) / "config.yaml"
    if resume and config.is_file():
        return str(config), out or Path(problem)
    return problem, out


def _estimate(config: Any, pde: Any, *, as_json: bool) -> int:
    from spinn import engine

    estimate = engine.estimate(config, pde)
    if as_json:
        print(json_text(estimate))
    else:
        print(estimate_lines(estimate))
    return 0


def estimate_lines(estimate: dict[str, Any]) -> str:
    """An estimate for people: bytes and seconds in units, one entry a line."""
    from spinn.output.formatting import compact, duration

    def shown(name: str, value: Any) -> str:
        if isinstance(value, int | float) and name.endswith("bytes"):
            return f"{compact(float(value))}B"
        if isinstance(value, int | float) and "seconds" in name:
            return duration(float(value))
        return entry(value)

    labels = {name: name.removesuffix("_bytes").replace("_seconds", "").replace("_", " ") for name in estimate}
    labels |= {"seconds": "time"} if "seconds" in estimate else {}
    width = max(map(len, labels.values()), default=0)
    return "\n".join(f"{labels[name].ljust(width)}  {shown(name, value)}" for name, value in estimate.items())
