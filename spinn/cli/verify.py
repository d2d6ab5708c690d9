"""`spinn verify`: is a dataset what it says?"""

import argparse
from pathlib import Path
from typing import Any

from spinn.cli._printing import command, json_option, json_text

DESCRIPTION = """\
Check a dataset: the checksum of every sample, and of a random share the inputs and the residual, computed anew.

  spinn verify darcy.h5
  spinn verify darcy.h5 --share 1                    every sample

Exit code 0: nothing is wrong; 1: something is, and is printed; 2: the file is no dataset of ours.
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "verify", "check a dataset's checksums and residuals", DESCRIPTION)
    parser.add_argument("file", type=Path, metavar="FILE", help="a dataset in the native layout")
    parser.add_argument("--share", type=float, default=0.1, help="of the samples whose residuals are recomputed (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="of the random share")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify, and print what was found."""
    from spinn import datasets
    from spinn.output.counting import make_counter

    count = make_counter("checksums", quiet=arguments.quiet)
    found = datasets.verified(arguments.file, share=arguments.share, seed=arguments.seed, progress=count)
    if arguments.json:
        print(json_text({"good": found.good, "samples": found.samples, "checked": found.checked,
                         "worst_residual": found.worst, "allowed": found.allowed, "faults": found.faults}))  # fmt: skip
    else:
        limit = f", allowed {found.allowed:.0e}" if found.allowed < 1 else " (of float32 fields: for information only)"
        print(f"{arguments.file}: {found.samples} checksums and {found.checked} residuals recomputed")
        print(f"  worst residual {found.worst:.1e}{limit}")
        print("\n".join(f"  {fault}" for fault in found.faults) or "  nothing is wrong")
    return 0 if found.good else 1
