"""Rewriting a native file in the layout that another tool reads."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

from spinn.data.formats import neuraloperator, pdebench, well
from spinn.data.formats.native import Dataset
from spinn.errors import SpinnError
from spinn.files.atomic import replacing


@dataclasses.dataclass(frozen=True)
class Layout:
    """A layout of files: what it is for in one line, how its files may end, and what writes it."""

    meaning: str
    suffixes: tuple[str, ...]
    write: Callable[[Dataset, Path], None]

    @property
    def suffix(self) -> str:
        """How a file is to end unless someone names it."""
        return self.suffixes[0]


def _copy(data: Dataset, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(data.path, temporary)


LAYOUTS: dict[str, Layout] = {
    "native": Layout("our own HDF5: every family, double precision, and the proof of every sample", (".h5",), _copy),
    "pdebench": Layout(pdebench.MEANING, pdebench.SUFFIXES, pdebench.write),
    "neuraloperator": Layout(neuraloperator.MEANING, neuraloperator.SUFFIXES, neuraloperator.write),
    "well": Layout(well.MEANING, well.SUFFIXES, well.write),
}


def convert(source: Path, target: Path, layout: str) -> None:
    """Write the native file `source` to `target` in another layout; a file of this name is replaced.

    Numbers become float32 (`native` is a copy). Samples are read one after the other. `target` appears whole, or stays
    as it was.

    **Raises:** SpinnError for an unknown layout, a name that its readers would not take, a dataset that it has no place
    for, a source that is no native file, or where the disk refuses.
    """
    if layout not in LAYOUTS:
        raise SpinnError(f"unknown layout '{layout}': expected one of {', '.join(LAYOUTS)}")
    suffixes = LAYOUTS[layout].suffixes
    if target.suffix not in suffixes:
        raise SpinnError(
            f"files of the layout {layout} end in {' or '.join(suffixes)}, got '{target.suffix}'; rename the target",
            file=target,
        )
    with Dataset(source) as data:
        if target.exists() and target.samefile(source):
            raise SpinnError("is the dataset to be converted itself; choose another name for the target", file=target)
        LAYOUTS[layout].write(data, target)
