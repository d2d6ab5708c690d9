"""`spinn generate`: make a dataset for training neural operators."""

import argparse
import os
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, json_option, json_text, note, table

DESCRIPTION = """\
Make a dataset: random instances of a family of PDE problems, each solved to a tolerance that is checked and stored.
The argument is a shipped family or a YAML file; a file may also make a family of a PDE of your own.

  spinn generate darcy_2d --samples 1000 --grid 128 --out darcy.h5
  spinn generate darcy.yaml --out darcy.h5 --workers 2
  spinn generate --list                              the families, their inputs and settings

A YAML file says the same and more (`spinn schema --dataset` describes every setting):

  family: darcy_2d                                   or   pde: ./my_pde.py:MyPDE
  settings: {source: 2.0}                                 vary: {k: [1, 5], a: {lognormal: [1, 1]}}
  grid: 128
  samples: 1000

Every piece that is done is kept; go on after an interruption or a crash, to the same file:

  spinn generate darcy.yaml --out darcy.h5 --resume

Where a trained operator has the largest residuals, further samples teach it most (`spinn learn` takes both files):

  spinn generate darcy.yaml --samples 200 --active runs/darcy --out more.h5
  spinn learn --data darcy.h5 --data more.h5

Look at it, and check it: `spinn show darcy.h5`, `spinn verify darcy.h5`.
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "generate", "make a dataset for neural operators", DESCRIPTION)
    parser.add_argument("what", metavar="FILE|FAMILY", nargs="?", help="a YAML file, or a shipped family")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the dataset (default: FAMILY.h5)")
    parser.add_argument("--samples", type=int, metavar="N", help="how many")
    parser.add_argument("--grid", metavar="N[,N...]", help="nodes an axis, faces included")
    parser.add_argument("--seed", type=int, help="seed of all random choices")
    parser.add_argument("--tolerance", type=float, metavar="TOL", help="true relative residual of every sample")
    parser.add_argument("--solver", metavar="NAME", help="linear solver (default: the fastest in a short trial), such "
                        "as superlu or poisson-cg; many systems at once by JAX: batched-poisson-cg, "
                        "batched-scaled-poisson-cg, batched-gcrodr")  # fmt: skip
    parser.add_argument("--order", choices=("auto", "sorted", "given"), help="in which order systems are solved")
    parser.add_argument("--dtype", choices=("float64", "float32"), help="numbers of the stored fields")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="PATH=VALUE",
                        help="change one setting, such as settings.source=2; may be repeated")  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--format", default="native", metavar="NAME",
                        help="native (default), pdebench, neuraloperator or well")  # fmt: skip
    parser.add_argument("--active", type=Path, metavar="MODEL", help="a run of `spinn learn`: make the samples "
                        "of a pool of candidates on which its operator has the largest residuals")  # fmt: skip
    parser.add_argument("--pool", type=int, default=8, metavar="N", help="with --active: candidates a sample (8)")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--overwrite", action="store_true", help="start anew, whatever is there")
    parser.add_argument("--list", dest="listing", action="store_true", help="show the families, and stop")
    parser.add_argument("--quiet", action="store_true", help="no progress, no notes: errors and results only")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the dataset, and print how it went."""
    # The process is ours: it tries an accelerator, whose memory the workers need as well. Read at JAX's first use.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    from spinn import datasets

    if arguments.listing:
        print(table(("FAMILY", "GRID", "SETTINGS", "WHAT"), datasets.listed()))
        return 0
    if arguments.what is None:
        from spinn.errors import SpinnError

        raise SpinnError("expected a YAML file or a family; `spinn generate --list` shows the families")
    flags = {name: getattr(arguments, name) for name in ("samples", "seed", "tolerance", "solver", "order", "dtype")}
    prepared = datasets.prepare(arguments.what, arguments.assignments, {**flags, "grid": arguments.grid})
    if arguments.active is not None:
        from spinn.output.counting import make_counter

        count = make_counter("candidates", quiet=arguments.quiet)
        prepared, chosen = datasets.active(prepared, arguments.active, pool=arguments.pool, progress=count)
        note(chosen.told, quiet=arguments.quiet)
    out = arguments.out or Path(datasets.default_name(prepared.recipe.family.name, arguments.format))
    result = datasets.make(
        prepared, out, layout=arguments.format, workers=arguments.workers, resume=arguments.resume,
        overwrite=arguments.overwrite, progress=_reporter(quiet=arguments.quiet),
        message=lambda text: note(text, quiet=arguments.quiet),
    )  # fmt: skip
    if arguments.json:
        print(json_text({"file": result.file, "samples": result.samples, "failures": result.failures,
                         "solver": result.solver, "seconds": result.seconds}))  # fmt: skip
    else:
        rate = f", {result.samples / result.seconds:.3g} a second" if result.seconds > 0 else ""
        print(f"{result.file}: {result.samples} samples by {result.solver}, {result.seconds:.1f} s{rate}")
        for index, why in sorted(result.failures.items())[:20]:
            print(f"  left out: sample {index}: {why}")
        if len(result.failures) > 20:
            print(f"  left out: {len(result.failures) - 20} more, all listed in the file's attribute `failures`")
    return 1 if result.failures else 0


def _reporter(*, quiet: bool) -> Any:
    """Progress in the manner of `spinn solve`."""
    from spinn.output.counting import make_counter

    return make_counter("samples", quiet=quiet)
