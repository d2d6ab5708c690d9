"""What a file of samples holds, whoever wrote it: fields that are read sample by sample, on named axes.

Fields stay on the disk until a sample of them is asked for, so that a file may be larger than memory.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spinn.errors import SpinnError


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


def joined(parts: Sequence[Samples]) -> Samples:
    """The samples of several files, one after the other; what a file says of itself is that of the first.

    **Raises:** SpinnError where they have other fields or other grids.
    """
    first, *others = parts
    for other in others:
        shapes = [{name: column.shape for name, column in one.fields.items()} for one in (first, other)]
        same = shapes[0] == shapes[1] and set(first.axes) == set(other.axes)
        if not same or any(not np.allclose(first.axes[name], other.axes[name]) for name in first.axes):
            raise SpinnError(
                f"expected the fields and axes of {first.path}: {shapes[0]}; got {shapes[1]}", file=other.path
            )
    if not others:
        return first
    starts = np.cumsum([0, *(len(one) for one in parts)])

    def merged(group: str, name: str) -> Column:
        columns = [getattr(one, group)[name] for one in parts]

        def read(place: int) -> np.ndarray:
            file = int(np.searchsorted(starts, place, "right")) - 1
            found: np.ndarray = columns[file].read(place - int(starts[file]))
            return found

        return dataclasses.replace(columns[0], read=read)

    return dataclasses.replace(
        first, count=int(starts[-1]), inputs={name: merged("inputs", name) for name in first.inputs},
        outputs={name: merged("outputs", name) for name in first.outputs},
        index=np.concatenate([one.index for one in parts]),
    )  # fmt: skip


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
