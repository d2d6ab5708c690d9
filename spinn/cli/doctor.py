"""`spinn doctor`: is this machine ready, and what to do if it is not."""

import argparse
from typing import Any

from spinn.cli._examination import examination
from spinn.cli._printing import command, json_option, json_text

DESCRIPTION = """\
Examine the installation: versions, devices, double precision, precision of matrix products, folders that must be
writable, free disk, threads, optional packages. Every problem comes with what to do about it.
Exit code 1 if something essential is broken.

  spinn doctor
  spinn doctor --json > machine.json       attach this to a bug report
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "doctor", "examine the installation", DESCRIPTION)
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 if something essential is broken."""
    findings = examination()
    healthy = not any(finding.broken for finding in findings)
    if arguments.json:
        print(json_text({"healthy": healthy, "findings": [finding._asdict() for finding in findings]}))
        return 0 if healthy else 1
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = "ok  " if finding.good else "FAIL" if finding.essential else "note"
        print(f"{mark}  {finding.name.ljust(width)}  {finding.detail}")
        if not finding.good and finding.fix:
            print(f"      {' ' * width}  -> {finding.fix}")
    print("\nready" if healthy else "\nnot ready: see FAIL above")
    return 0 if healthy else 1
