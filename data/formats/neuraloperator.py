"""The layout of neuraloperator's Darcy files: a dict of two float32 tensors, as `torch.save` would write it.

    x    (samples, n, n)     the coefficient; loaders add the channel
    y    (samples, n, n)     the solution

`torch.load(path, weights_only=True)` reads it; torch is not needed to write it. Its loader looks for a folder with
`darcy_train_RES.pt` and `darcy_test_RES.pt`, RES being n. Nodes include the faces of the domain, as in its own files.
"""

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from spinn.data.formats import checkpoint
from spinn.data.formats.content import content_of
from spinn.data.formats.native import Dataset
from spinn.errors import SpinnError

MEANING = "neuraloperator's .pt of tensors x and y: one input and one steady output on a square grid"
SUFFIXES = (".pt",)


def write(data: Dataset, target: Path) -> None:
    """Write the dataset, one sample in memory at a time.

    **Raises:** SpinnError for a dataset that is not one field to one field on a square grid, or where the disk refuses.
    """
    content = content_of(data, "neuraloperator")
    square = len(content.shape) == 2 and content.shape[0] == content.shape[1]
    fields = len(content.inputs) == 1 and len(content.outputs) == 1 and not content.numbers
    if not (square and fields and content.times is None):
        raise SpinnError(
            "the layout neuraloperator holds one input and one steady output on a square grid, as darcy_2d with "
            f"grid [n, n] has; got {content.said}; convert to the layout well instead",
            file=data.path,
        )
    shape = (content.samples, *content.shape)
    chosen = {"x": data.fields[content.inputs[0]], "y": data.fields[content.outputs[0]]}
    checkpoint.write(target, {name: checkpoint.Stream(shape, _rows(field)) for name, field in chosen.items()})


def _rows(field: h5py.Dataset) -> Iterator[np.ndarray]:
    return (field[place] for place in range(len(field)))
