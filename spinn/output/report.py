"""report.html: a run on one page that needs no other file and no network."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinn.errors import SpinnError
from spinn.files.atomic import write_text
from spinn.output.folder import RunFolder
from spinn.output.formatting import count, duration, scientific
from spinn.output.report_style import STYLE


def write_report(folder: RunFolder) -> Path:
    """Write report.html from the summary, configuration, environment and figures that lie in a run's folder.

    **Raises:** SpinnError when the run has no summary yet, or the report cannot be written.
    """
    if not folder.summary.is_file():
        raise SpinnError(
            "expected summary.json, found none: the run has not ended; resume it with --resume", file=folder.path
        )
    summary = json.loads(folder.summary.read_text(encoding="utf-8"))
    config = folder.config.read_text(encoding="utf-8") if folder.config.is_file() else ""
    surroundings = json.loads(folder.environment.read_text(encoding="utf-8")) if folder.environment.is_file() else {}
    figures = sorted(folder.figures.glob("*.png"), key=lambda path: (path.stem == "loss", path.name))
    write_text(folder.report, render_report(summary, config, surroundings, figures))
    return folder.report


def render_report(
    summary: Mapping[str, Any], config: str, surroundings: Mapping[str, Any], figures: Sequence[Path]
) -> str:
    """The page as text. Whatever comes from outside is escaped; keys that the summary lacks are left out."""
    name = str(summary.get("pde", "run"))
    status = str(summary.get("status", "unknown"))
    look = "ok" if status == "ok" else "bad"
    recipe = summary.get("recipe")
    parts = [
        f'<header><h1>{_text(name)}</h1><span class="status {look}">{_text(status)}</span></header>',
        f'<p class="recipe">{_text(recipe)}</p>' if recipe else "",
        _warnings(summary.get("warnings") or ()),
        _tiles(summary),
        _errors(summary.get("relative_l2"), summary.get("truth"), summary.get("error_estimate")),
        _stages(summary.get("stages") or ()),
        _figures(figures),
        _folded("Configuration", f"<pre>{_text(config.strip())}</pre>") if config.strip() else "",
        _folded("Environment", _tree(surroundings)) if surroundings else "",
        _folded("Summary", _tree(summary)),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(name)}: {_text(status)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _text(value: Any) -> str:
    """A value as text that cannot be markup."""
    return html.escape(str(value), quote=True)


def _number(value: Any) -> str:
    """A number of a summary, which is null where it was not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else _text(value)
    return count(value) if isinstance(value, int) else scientific(value)


def _tiles(summary: Mapping[str, Any]) -> str:
    """The figures that one looks for first."""
    errors, seconds = summary.get("relative_l2"), summary.get("seconds")
    tiles: list[tuple[str, str]] = []
    if isinstance(errors, Mapping) and errors.get("all") is not None:
        tiles.append(("relative L2 error", _number(errors["all"])))
    guessed = (summary.get("error_estimate") or {}).get("relative_l2")
    if isinstance(guessed, Mapping) and guessed.get("all") is not None:
        tiles.append(("error estimate", _number(guessed["all"])))
    if isinstance(seconds, Mapping):
        tiles += [(f"{name} time", duration(float(value))) for name, value in seconds.items() if value is not None]
    for key in ("collocation_points", "parameters", "precision", "device", "seed"):
        if summary.get(key) is not None:
            tiles.append((key.replace("_", " "), _number(summary[key])))
    tiles += _ranks(summary.get("tucker_ranks"))
    cells = "".join(f"<div><dt>{_text(name)}</dt><dd>{value}</dd></div>" for name, value in tiles)
    return f'<dl class="tiles">{cells}</dl>' if cells else ""


def _ranks(found: Any) -> list[tuple[str, str]]:
    """Tucker ranks at the accuracy of the run, the largest of all windows, axis by axis."""
    if not isinstance(found, Sequence) or not found or not found[-1].get("ranks"):
        return []
    windows = found[-1]["ranks"]
    largest = {axis: max(ranks[axis] for ranks in windows) for axis in windows[0]}
    return [("Tucker ranks", _text(", ".join(f"{axis} {rank}" for axis, rank in largest.items())))]


def _errors(errors: Any, truth: Any, estimate: Any = None) -> str:
    """Relative L2 errors and their estimates, one an unknown; or that there is no truth to measure against."""
    known = errors if isinstance(errors, Mapping) else {}
    guessed = estimate.get("relative_l2") if isinstance(estimate, Mapping) else None
    guessed = guessed if isinstance(guessed, Mapping) else {}
    kind = {"exact": "the exact solution", "reference": "a converged reference solution"}.get(str(truth), _text(truth))
    note = "No exact or reference solution is known, so no error was measured."
    note = f"Measured against {kind}." if known else note
    columns = [("relative L2 error", known)] if known else []
    if guessed:
        columns.append(("estimate", guessed))
        note += f" {_worth(estimate)}"
    names = [name for name in dict.fromkeys([*known, *guessed]) if name != "all"]
    names += ["all"] if ("all" in known or "all" in guessed) and len(names) != 1 else []
    head = "".join(f'<th class="number">{title}</th>' for title, _ in columns)
    body = "".join(
        f"<tr><td>{_text(name)}</td>"
        + "".join(f'<td class="number">{_number(values.get(name))}</td>' for _, values in columns)
        + "</tr>"
        for name in names
    )
    table = f"<table><tr><th>quantity</th>{head}</tr>{body}</table>" if columns else ""
    return f'<h2>Error</h2><p class="note">{note}</p>{table}'


def _worth(estimate: Mapping[str, Any]) -> str:
    """What the estimate is, and what limits its worth."""
    text = "Estimated in a wider basis, without the exact solution"
    if isinstance(estimate.get("residual"), float):
        text += f", from a relative residual of {estimate['residual']:.0e} on a finer grid"
    if not estimate.get("reliable"):
        text += "; not reliable here"
    return _text(f"{text}: {estimate['note']}." if estimate.get("note") else f"{text}.")


def _stages(stages: Sequence[Any]) -> str:
    """Training stages, a row each; columns are the keys that occur."""
    rows = [stage for stage in stages if isinstance(stage, Mapping)]
    if not rows:
        return ""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    head = "".join(f"<th{_align(rows, key)}>{_text(str(key).replace('_', ' '))}</th>" for key in keys)
    lines = []
    for row in rows:
        cells = "".join(f"<td{_align(rows, key)}>{_cell(key, row.get(key))}</td>" for key in keys)
        lines.append(f"<tr>{cells}</tr>")
    return f'<h2>Stages</h2><div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _align(rows: Sequence[Mapping[str, Any]], key: str) -> str:
    numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
    return ' class="number"' if numeric else ""


def _cell(key: str, value: Any) -> str:
    if key == "seconds" and isinstance(value, int | float):
        return duration(float(value))
    return _number(value) if not isinstance(value, Mapping | list) else _text(json.dumps(value))


def _warnings(warnings: Sequence[Any]) -> str:
    items = "".join(f"<li>{_text(warning)}</li>" for warning in warnings)
    return f'<section class="warnings"><h2>Warnings</h2><ul>{items}</ul></section>' if items else ""


def _figures(figures: Sequence[Path]) -> str:
    """The images themselves, inside the page; one that has gone meanwhile is left out."""
    shown = []
    for path in figures:
        try:
            data = base64.b64encode(path.read_bytes()).decode("ascii")
        except OSError:
            continue
        name = _text(path.stem.replace("_", " "))
        shown.append(
            f'<figure><img alt="{name}" src="data:image/png;base64,{data}"><figcaption>{name}</figcaption></figure>'
        )
    return "<h2>Figures</h2>" + "\n".join(shown) if shown else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{_text(title)}</summary>{content}</details>"


def _tree(value: Any) -> str:
    """Nested mappings as nested lists of terms."""
    if isinstance(value, Mapping):
        return "<dl>" + "".join(f"<dt>{_text(key)}</dt><dd>{_tree(item)}</dd>" for key, item in value.items()) + "</dl>"
    if isinstance(value, list):
        if any(isinstance(item, Mapping | list) for item in value):
            return "<ol>" + "".join(f"<li>{_tree(item)}</li>" for item in value) + "</ol>"
        return _text(" ".join(str(item) for item in value)) or "-"
    return "-" if value is None else _text(value)
