"""Space on the disk: how much the rest of a run needs, and what is told where it runs out."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from spinn.data.generation.piece import Piece
from spinn.errors import SpinnError
from spinn.files.atomic import out_of_space

BESIDE = 1.02  # what file formats add to the numbers
STEPS = ("bytes", "kB", "MB", "GB", "TB")


def size_of(piece: Piece) -> float:
    """Bytes of a piece on the disk, about."""
    return BESIDE * sum(values.nbytes for values in piece.fields.values()) + 100 * (len(piece.indices) + 20)


def free(folder: Path) -> float:
    """Bytes that are free where a folder lies; infinite where the system does not tell."""
    try:
        return float(shutil.disk_usage(folder).free)
    except OSError:
        return float("inf")


def readable(count: float) -> str:
    """`1.5 GB`."""
    step = 0
    while count >= 999.5 and step < len(STEPS) - 1:
        count, step = count / 1000, step + 1
    return f"{count:.3g} {STEPS[step]}"


@contextlib.contextmanager
def told(folder: Path, needed: float | None) -> Iterator[None]:
    """A disk that is full on writing into a folder is told with the bytes that are `needed`, and how to go on.

    **Raises:** SpinnError in place of that of the writer.
    """
    try:
        yield
    except SpinnError as error:
        if not out_of_space(error):
            raise
        need = "" if needed is None else f"; about {readable(needed)} are needed, and {readable(free(folder))} are free"
        raise SpinnError(
            f"could not write: the disk is full{need}. What was done is kept: free some space, and go on with --resume",
            file=error.file,
        ) from error
