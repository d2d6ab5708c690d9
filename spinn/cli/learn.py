"""`spinn learn`: train a neural operator on a dataset."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, json_option, json_text

DESCRIPTION = """\
Train a neural operator on samples: of `spinn generate`, or PDEBench's HDF5, neuraloperator's .pt, FNO's .mat.

  spinn generate darcy_2d --samples 1000 --grid 64 --out darcy.h5
  spinn learn darcy_fno --data darcy.h5 --out runs/darcy      a shipped configuration (or a YAML file of your own)
  spinn predict runs/darcy --input new.h5 --out predicted.h5

Without a configuration, everything is left at its default, a Fourier neural operator. Single settings:

  spinn learn --data darcy.h5 --set model.width=32 --set 'train=[{epochs: 100}]'
  spinn learn --data darcy.h5 --finer darcy_128.h5            errors on another grid, too
  spinn learn --data darcy.h5 --data more.h5                  several files of the same fields

A YAML file (`spinn schema --learn` describes every setting):

  data: darcy.h5
  model: {kind: fno, width: 24, modes: 12, layers: 4}
  loss: {l2: 1, h1: 0.5, physics: 0}
  train:
    - {optimizer: adamw, epochs: 30, points: 32, learning_rate: 3.0e-3}
    - {optimizer: adamw, epochs: 5, learning_rate: 1.0e-3}

A tenth of the samples is held out, and the error on them is printed. The folder of the run holds operator.npz,
summary.json, metrics.jsonl, figures/ and report.html. Go on with a run that was stopped, to the same numbers:

  spinn learn darcy_fno --data darcy.h5 --out runs/darcy --resume
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "learn", "train a neural operator on a dataset", DESCRIPTION)
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="a YAML file, or a shipped configuration")
    parser.add_argument("--data", type=Path, metavar="FILE", action="append", default=[],
                        help="the samples; may be repeated, for files of the same fields")  # fmt: skip
    parser.add_argument("--finer", type=Path, metavar="FILE", action="append", default=[],
                        help="samples on another grid, to measure errors on; may be repeated")  # fmt: skip
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting, such as model.width=32; may be repeated")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default: a new one under runs/)")
    parser.add_argument("--seed", type=int, help="seed of all random choices")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), help="where to compute")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--quiet", action="store_true", help="no progress, no notes: errors and results only")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Learn, and print how it went."""
    from spinn import learning
    from spinn.output.progress import make_reporter

    flags = {"seed": arguments.seed, "device": arguments.device}
    flags |= {"data": arguments.data or None, "finer": arguments.finer or None}
    prepared = learning.prepare(arguments.config, arguments.assignments, flags)
    made = learning.make(
        prepared, out=arguments.out, resume=arguments.resume, reporter=make_reporter(quiet=arguments.quiet)
    )
    if arguments.json:
        print(json_text({**made.summary, "folder": made.folder, "model": made.model}))
    else:
        print(closing_lines(made.summary, made.folder))
    return {"ok": 0, "interrupted": 130}.get(str(made.summary["status"]), 1)


def closing_lines(summary: Mapping[str, Any], folder: Path) -> str:
    """What a person wants to know at the end."""
    lines = [f"{summary['pde']}: {summary['status']}"]
    held = summary["held_out"]
    if held is not None:
        lines.append(_line("held-out samples", held))
    lines += [_line(name, errors) for name, errors in summary["finer"].items()]
    seconds = ", ".join(f"{name} {value:.1f}" for name, value in summary["seconds"].items())
    return "\n".join([*lines, f"  seconds            {seconds}", f"  folder             {folder}"])


def _line(name: str, errors: Mapping[str, Any]) -> str:
    grid = "x".join(map(str, errors["grid"]))
    return (
        f"  {name:<18} relative L2 error {errors['relative_l2']:.2%} (H1 {errors['relative_h1']:.2%}, worst L2 "
        f"{errors['worst_relative_l2']:.2%}) on {errors['samples']} samples at {grid}"
    )
