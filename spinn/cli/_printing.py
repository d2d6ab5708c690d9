"""How commands print: aligned tables, JSON, short numbers, command help."""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def json_text(data: Any) -> str:
    """Data as indented JSON; NaN and infinities become null, paths and numpy numbers plain."""
    from spinn.files.plain import plain

    return json.dumps(plain(data, finite=True), indent=2, ensure_ascii=False)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns aligned by spaces; the last is cut at the width of a terminal, and left whole in a pipe."""
    texts = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    lines = []
    for row in texts:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        lines.append(_cut(line))
    return "\n".join(lines)


def _cut(line: str) -> str:
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return line if len(line) <= width else line[: width - 1] + "…"


def number(value: Any) -> str:
    """A number in four digits, a dash for None."""
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def entry(value: Any) -> str:
    """Nested results on one line: `{"u": 1e-3}` is "u 0.001"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {entry(item)}" for name, item in value.items())
    return "; ".join(map(entry, value)) if isinstance(value, list) else number(value)


def note(text: str, *, quiet: bool = False) -> None:
    """Something to know, on standard error, so that standard output holds results only."""
    if not quiet:
        print(text, file=sys.stderr)


def command(commands: Any, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    """A new subcommand whose help shows `description` as it is written."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def json_option(parser: argparse.ArgumentParser) -> None:
    """The option `--json`, which every command with a result has."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")


def errors_by_unknown(summary: Mapping[str, Any]) -> dict[str, float]:
    """The relative L2 errors of a run's summary; empty where the truth is not known."""
    return {name: float(value) for name, value in (summary.get("relative_l2") or {}).items() if value is not None}
