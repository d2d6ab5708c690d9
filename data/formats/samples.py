"""What a file of samples holds, whoever wrote it: fields that are read sample by sample, on named axes.

Fields stay on the disk until a sample of them is asked for, so that a file may be larger than memory.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One field: `read(i)` gives sample i, an array of shape `shape`; `axes` are named as the dimensions."""

    read: Callable[[int], np.ndarray]
    shape: tuple[int, ...]
    axes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and outputs by name. `axes`: coordinates, time first; `periodic`: those that close on themselves.

    `index`: number of every sample in its family; `attributes`: what a native file says of itself, else nothing.
    """

    path: Path
    layout: str
    count: int
    inputs: Mapping[str, Column]
    outputs: Mapping[str, Column]
    axes: Mapping[str, np.ndarray]
    periodic: frozenset[str] = frozenset()
    index: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, np.int64))
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    @property
    def fields(self) -> dict[str, Column]:
        """Inputs, then outputs; an input and an output of one name are told apart by the group."""
        return {**self.inputs, **self.outputs}


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Samples]:
    """The samples of a file in any layout that is known, by its suffix and what is inside.

    Native HDF5, PDEBench's HDF5, neuraloperator's `.pt` and the `.mat` files of the FNO paper.

    **Raises:** SpinnError for a file that is missing, damaged, or of another kind.
    """
    from spinn.data.formats import reading_hdf5, reading_mat, reading_torch

    path = Path(path)
    by_suffix = {".pt": reading_torch.opened, ".mat": reading_mat.opened}
    with by_suffix.get(path.suffix, reading_hdf5.opened)(path) as found:
        yield found
