"""metrics.jsonl: one JSON object a line, appended as training goes, read back even after a kill in mid-line."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spinn.errors import SpinnError
from spinn.files.atomic import explain, write_text
from spinn.files.plain import plain


@dataclasses.dataclass(frozen=True)
class MetricsWriter:
    """Appends records to an open file; each is on its way to the system before `write` returns."""

    path: Path
    file: io.TextIOBase

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record (numpy numbers become plain, NaN and infinities null).

        **Raises:** SpinnError when the system refuses; TypeError for a value without a JSON form.
        """
        line = json.dumps(plain(record, finite=True), ensure_ascii=False, allow_nan=False)
        try:
            self.file.write(line + "\n")
            self.file.flush()
        except OSError as error:
            raise explain(error, self.path) from error


@contextlib.contextmanager
def appending_metrics(path: Path, *, after_step: int | None = None) -> Iterator[MetricsWriter]:
    """A writer that appends to `path`.

    A torn last line is dropped first, and with `after_step` so are the records of later steps: a run that resumes from
    a checkpoint makes them again.
    """
    truncate_metrics(path, after_step)
    try:
        file = open(path, "a", buffering=1, encoding="utf-8", newline="\n")  # noqa: SIM115  (closed below, in the one place)
    except OSError as error:
        raise explain(error, path) from error
    try:
        yield MetricsWriter(path, file)
    finally:
        with contextlib.suppress(OSError):  # every record was flushed already, and a failed flush was told
            file.close()


def truncate_metrics(path: Path, after_step: int | None) -> None:
    """Keep the whole records up to and including `after_step` (all whole records for None)."""
    if not path.exists():
        return
    kept = [r for r in read_metrics(path) if after_step is None or not _step(r) > after_step]
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in kept)
    if content != path.read_text(encoding="utf-8", errors="replace"):
        write_text(path, content)


def _step(record: Mapping[str, Any]) -> float:
    """The step of a record; one without counts as before the first, so that notes are kept."""
    step = record.get("step")
    return step if isinstance(step, int | float) else -1


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All records of a metrics file, in order; a torn last line is left out, a missing file is no records.

    **Raises:** SpinnError, with its number, for a line that is not a JSON object elsewhere in the file.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip(b" \r\0"):
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            records.append(record)
        elif number < len(lines):  # else no line end follows: the writer was stopped in its midst
            raise SpinnError(
                "expected one JSON object a line, got something else; delete this line", file=path, line=number
            )
    return records
