"""The entry point: parses, runs one command, and turns errors into messages and exit codes.

Exit codes: 0 done; 1 the run or check ended badly; 2 something in the input is wrong; 130 interrupted.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

import spinn
from spinn.cli import (
    check,
    compare,
    doctor,
    evaluate,
    export,
    generate,
    learn,
    listing,
    metalic,
    new,
    plot,
    predict,
    schema,
    show,
    solve,
    verify,
)
from spinn.cli._printing import json_text
from spinn.errors import SpinnError

COMMANDS = (
    solve,
    metalic,
    generate,
    verify,
    learn,
    predict,
    listing,
    show,
    check,
    new,
    schema,
    evaluate,
    export,
    plot,
    compare,
    doctor,
)
DESCRIPTION = """\
Solve partial differential equations with separable physics-informed neural networks, and make datasets for neural
operators.

  spinn solve navier_stokes_3d.yaml     solve a shipped example; results go to runs/
  spinn generate darcy_2d --out d.h5    make a dataset of a family of problems; `spinn verify d.h5` checks it
  spinn learn --data d.h5               train a neural operator on it
  spinn list                            the equations, examples and runs there are
  spinn show heat                       what an equation says, and its parameters
  spinn new beam                        start an equation of your own
  spinn COMMAND --help                  more about a command, with examples
"""


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"spinn {spinn.__version__}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="spinn", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    arguments: argparse.Namespace | None = None
    try:
        arguments = build_parser().parse_args(argv)
        code = int(arguments.run(arguments))
        sys.stdout.flush()  # a reader that has gone shows here, not when Python ends
    except SystemExit as stop:  # argparse has printed help, or what was wrong
        code = stop.code if isinstance(stop.code, int) else 2
    except SpinnError as error:
        code = _bad_input(error, as_json=bool(getattr(arguments, "json", False)))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _drop_stdout()
        code = 0
    return code


def _bad_input(error: SpinnError, *, as_json: bool) -> int:
    print(error, file=sys.stderr)
    if as_json:
        told = {"status": "error", "error": str(error), "file": error.file, "line": error.line}
        print(json_text(told))
    return 2


def _drop_stdout() -> None:
    """Python flushes standard output at its end: let that go nowhere instead of failing."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
