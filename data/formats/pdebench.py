"""The layout of PDEBench (Takamoto et al., NeurIPS 2022, arXiv 2210.07182), as its loaders of scalar equations read it.

    tensor           (batch, time, x), (batch, time, x, y), or (batch, 1, x, y) where nothing evolves; float32
    nu               (batch, x, y): the coefficient, of which the loader of two-dimensional files makes the first input
    x-coordinate, y-coordinate, t-coordinate     float32
    inputs/NAME      our further inputs, (batch,) or (batch, x[, y]): loaders pass over them
    attributes       recipe: what the samples were made of (JSON)

Evolving files in two dimensions need a `nu` as well: the coefficient that varies if there is one, else the first frame.

PDEBench's own coordinates are cell centres. Ours are nodes, and are stored as they are, without resampling: as many as
the tensor has entries, the faces of the domain included, except on periodic axes, where the last node would repeat the
first. Means over a domain with faces are therefore to be weighted by the trapezoidal rule.
"""

import json
from pathlib import Path

import h5py
import numpy as np

from spinn.data.formats.content import Content, content_of
from spinn.data.formats.native import Dataset
from spinn.errors import SpinnError
from spinn.files.atomic import writing_hdf5

MEANING = "PDEBench's HDF5: one scalar unknown, evolving in one or two dimensions, or steady in two"
SUFFIXES = (".hdf5",)  # the loader takes files that end in h5 for another layout


def write(data: Dataset, target: Path) -> None:
    """Write the dataset, one sample in memory at a time.

    **Raises:** SpinnError for a dataset that the layout has no place for, or where the disk refuses.
    """
    content = content_of(data, "pdebench")
    coefficient = _coefficient(data, content)
    output, count = content.outputs[0], content.samples
    frames = 1 if content.times is None else len(content.times)
    with writing_hdf5(target) as file:
        tensor = file.create_dataset("tensor", (count, frames, *content.shape), "f4")
        for place in range(count):
            tensor[place] = data.fields[output][place].reshape(tensor.shape[1:])
        for name, nodes in zip("xy", content.space.values(), strict=False):
            file[f"{name}-coordinate"] = nodes.astype(np.float32)
        if content.times is not None:
            file["t-coordinate"] = content.times.astype(np.float32)
        if len(content.shape) == 2:
            _write_nu(file, data, content, coefficient)
        for name in data.inputs:
            if name != coefficient:
                _copy(data.fields[name], file.create_dataset(f"inputs/{name}", data.fields[name].shape, "f4"))
        file.attrs["recipe"] = json.dumps(data.attributes["recipe"], sort_keys=True)


def _coefficient(data: Dataset, content: Content) -> str | None:
    """The input that becomes `nu`: in two dimensions, the one on the grid that is no initial state."""
    axes, evolving = len(content.shape), content.times is not None
    if len(content.outputs) != 1 or axes > 2 or (axes == 1 and not evolving):
        raise SpinnError(
            "the layout pdebench holds one unknown that evolves in one or two dimensions, or is steady in two; "
            f"got {content.said}; convert to the layout well instead",
            file=data.path,
        )
    if axes == 1:
        return None
    found = [name for name in content.inputs if not (evolving and name == f"{content.outputs[0]}0")]
    if len(found) > 1 or not (found or evolving):
        raise SpinnError(
            "the layout pdebench holds one coefficient on the grid (its `nu`) in two dimensions; "
            f"got {content.said}; convert to the layout well instead",
            file=data.path,
        )
    return found[0] if found else None


def _write_nu(file: h5py.File, data: Dataset, content: Content, coefficient: str | None) -> None:
    nu = file.create_dataset("nu", (content.samples, *content.shape), "f4")
    if coefficient is not None:
        _copy(data.fields[coefficient], nu)
        nu.attrs["name"] = coefficient
        return
    for place in range(content.samples):
        nu[place] = data.fields[content.outputs[0]][place, 0]
    nu.attrs["name"] = f"{content.outputs[0]}, first frame"


def _copy(source: h5py.Dataset, target: h5py.Dataset) -> None:
    for place in range(len(source)):
        target[place] = source[place]
