"""`spinn evaluate`: the solution of a run at points."""

import argparse
import csv
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinn.cli._printing import command, json_option, json_text, note
from spinn.errors import SpinnError

if TYPE_CHECKING:
    import numpy as np

DESCRIPTION = """\
Evaluate the solution of a run at points; prints a CSV table, or JSON.

  spinn evaluate runs/heat-... --at t=0.5,x=0.1 --at t=1,x=0.1
  spinn evaluate runs/heat-... --points sensors.csv --out values.csv     columns named as the coordinates
  spinn evaluate runs/heat-... --at t=0.5,x=0.1 --json
"""


def add(commands: Any) -> None:
    """Register the command."""
    parser = command(commands, "evaluate", "evaluate a run's solution at points", DESCRIPTION)
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--at", action="append", metavar="AXIS=NUMBER,...", help="one point; may be repeated")
    where.add_argument("--points", type=Path, metavar="FILE", help="CSV file with one column a coordinate")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of printing")
    json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print or write the values."""
    from spinn.cli._runs import open_run

    open_run(arguments.folder)  # says what is wrong before jax starts
    rows = [point(text) for text in arguments.at] if arguments.at else None
    import spinn

    solution = spinn.load(arguments.folder)
    axes = solution.pde.coordinates
    points = columns(rows, axes) if rows is not None else read_points(arguments.points, axes)
    outside = outside_domain(points, solution.pde.domain.intervals)
    if outside:
        note(f"warning: {outside}; the network was not trained there")
    values = evaluated(solution, points)
    text = json_text(values) if arguments.json else csv_text(values)
    if arguments.out is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        from spinn.files.atomic import write_text

        write_text(arguments.out, text)
        note(f"wrote {arguments.out}")
    return 0


def point(text: str) -> dict[str, float]:
    """The coordinates in `t=0.5,x=0.1`.

    **Raises:** SpinnError if it is written in another way.
    """
    result = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            result[name.strip()] = float(number)
        except ValueError:
            raise SpinnError(f"--at {text}: expected AXIS=NUMBER,... such as t=0.5,x=0.1, got '{part}'") from None
    return result


def columns(rows: Sequence[Mapping[str, float]], axes: Sequence[str]) -> dict[str, "np.ndarray"]:
    """Points as arrays of shape (n,), one a coordinate.

    **Raises:** SpinnError for a coordinate that is missing or unknown.
    """
    import numpy as np

    for row in rows:
        missing = [axis for axis in axes if axis not in row]
        strange = [name for name in row if name not in axes]
        if missing or strange:
            wrong = f"without {', '.join(missing)}" if missing else f"with the unknown {', '.join(strange)}"
            raise SpinnError(f"--at: expected the coordinates {', '.join(axes)}, got a point {wrong}")
    return {axis: np.array([row[axis] for row in rows], dtype=float) for axis in axes}


def read_points(file: Path, axes: Sequence[str]) -> dict[str, "np.ndarray"]:
    """The columns of a CSV file that are named as the coordinates; others are left out.

    **Raises:** SpinnError for a file that cannot be read, a missing column, an entry that is no number (with its line).
    """
    import numpy as np

    try:
        lines = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError) as error:
        raise SpinnError(f"expected a CSV file of points, which cannot be read: {error}", file=file) from None
    header = [name.strip() for name in lines[0]] if lines else []
    missing = [axis for axis in axes if axis not in header]
    if missing:
        got = ", ".join(header) or "an empty file"
        raise SpinnError(f"expected columns named {', '.join(axes)}, got {got}", file=file, line=1)
    found: dict[str, list[float]] = {axis: [] for axis in axes}
    for index, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        for axis in axes:
            try:
                found[axis].append(float(line[header.index(axis)]))
            except (ValueError, IndexError):
                got = f"'{','.join(line)}'"
                raise SpinnError(f"expected a number in column {axis}, got {got}", file=file, line=index) from None
    return {axis: np.array(numbers, dtype=float) for axis, numbers in found.items()}


def outside_domain(points: Mapping[str, "np.ndarray"], domain: Mapping[str, tuple[float, float]]) -> str:
    """What lies outside of the domain, in words; empty if nothing does."""
    found = []
    for axis, numbers in points.items():
        low, high = domain[axis]
        count = int(((numbers < low) | (numbers > high)).sum())
        if count:
            found.append(f"{axis} lies outside [{low:g}, {high:g}] at {count} of {numbers.size} points")
    return ", ".join(found)


def evaluated(solution: Any, points: Mapping[str, "np.ndarray"]) -> dict[str, "np.ndarray"]:
    """Coordinates and unknowns at the points, arrays of shape (n,) by name."""
    values = solution(*points.values())
    named = values if isinstance(values, Mapping) else {solution.pde.unknowns[0]: values}
    return {**points, **named}


def csv_text(values: Mapping[str, "np.ndarray"]) -> str:
    """A header and a line a point; numbers in the shortest form that reads back the same."""
    lines = [",".join(values)]
    lines += [",".join(map(repr, row)) for row in zip(*(column.tolist() for column in values.values()), strict=True)]
    return "\n".join(lines) + "\n"
