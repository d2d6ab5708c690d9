"""`spinn predict`: predict the samples of a file by a trained operator."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, json_option, json_text

DESCRIPTION = """\
Predict the samples of a file by an operator that `spinn learn` trained. Any grid will do.

  spinn predict runs/darcy --input new.h5 --out predicted.h5
  spinn predict runs/darcy --input darcy_test_32.pt --out predicted.h5     files of other tools, too

Every prediction is marked by the true relative residual of its linear system (samples/residual in the file); where the
input file holds the truth, errors are printed as well. Polishing starts a recycling linear solver from each prediction
and stops at the tolerance, so that every answer is certified:

  spinn predict runs/darcy --input new.h5 --out solved.h5 --polish 1e-8
  spinn verify solved.h5

The file written is a dataset in the native layout: `spinn show`, `spinn verify` and `spinn learn` read it.
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "predict", "predict samples by a trained operator", DESCRIPTION)
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="the folder of a run of `spinn learn`, or operator.npz"
    )
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="samples; their inputs are read")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="what is predicted (HDF5)")
    parser.add_argument("--polish", type=float, nargs="?", const=1e-8, metavar="TOL",
                        help="solve on from every prediction to this relative residual (1e-8)")  # fmt: skip
    parser.add_argument("--compare", type=int, default=16, metavar="N",
                        help="with --polish: solve the first N systems from zero too, to compare (16)")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it exists")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict, and print how good that is."""
    from spinn.operators.predicting import predict, summary
    from spinn.output.counting import make_counter

    found = predict(
        arguments.model, arguments.input, arguments.out, polish=arguments.polish, compared=arguments.compare,
        overwrite=arguments.overwrite, progress=make_counter("predictions", quiet=arguments.quiet),
    )  # fmt: skip
    told = summary(found)
    print(json_text(told) if arguments.json else closing_lines(told))
    return 1 if found.polish is not None and found.polish.failed else 0


def closing_lines(told: Mapping[str, Any]) -> str:
    """What a person wants to know."""
    lines = [f"{told['file']}: {told['samples']} predictions"]
    if told["relative_l2"] is not None:
        lines.append(f"  relative L2 error  {told['relative_l2']:.3g} (mean, against the truth in the input file)")
    residual = told["residual"]
    marks = f"{residual['median']:.1e} median, {residual['worst']:.1e} worst" if residual else "not known: no family"
    lines.append(f"  relative residual  {marks}")
    how = told.get("polish")
    if how is not None:
        lines.append(f"  polished           from {how['residual_before']:.1e} by {how['iterations']:.1f} iterations of "
                     f"{how['solver']} a sample, {how['failed']} failed")  # fmt: skip
        if how["compared"]:
            lines.append(f"  the solver alone   {how['iterations_alone']:.1f} iterations on {how['compared']} of the "
                         f"systems, from predictions {how['iterations_compared']:.1f} (after {how['sweeps']} sweeps of "
                         f"smoothing): ratio {how['ratio']:.2f}")  # fmt: skip
    return "\n".join(lines)
