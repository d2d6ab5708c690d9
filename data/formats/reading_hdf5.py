"""Samples of HDF5 files: our own layout, and PDEBench's (Takamoto et al., NeurIPS 2022, arXiv 2210.07182)."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from spinn.data.formats.boundaries import periodic_axes
from spinn.data.formats.native import FORMAT, Dataset
from spinn.data.formats.samples import Column, Samples
from spinn.errors import SpinnError

FLUIDS = ("density", "pressure", "Vx", "Vy", "Vz")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Samples]:
    """The samples of either layout.

    **Raises:** SpinnError for another file.
    """
    if not path.exists():
        raise SpinnError("there is no such file", file=path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise SpinnError(f"not a readable HDF5 file ({error})", file=path) from None
    with file:
        if file.attrs.get("format") == FORMAT:
            with Dataset(path) as data:
                yield _native(data)
        elif "tensor" in file or "density" in file:
            yield _pdebench(path, file)
        else:
            raise SpinnError(
                "expected a dataset of `spinn generate`, or PDEBench's with `tensor` or `density`; got the keys "
                f"{', '.join(file) or 'none'}",
                file=path,
            )


def _native(data: Dataset) -> Samples:
    axes = dict(data.axes)
    fields = {name: _column(field, tuple(dim.label for dim in field.dims)[1:]) for name, field in data.fields.items()}
    attributes = data.attributes
    try:
        periodic = periodic_axes(attributes["recipe"]["family"], axes, data.path)
    except (SpinnError, KeyError):  # a family that is not known here: told by the configuration of training
        periodic = frozenset()
    return Samples(
        data.path, "native", len(data), {name: fields[name] for name in data.inputs},
        {name: fields[name] for name in data.outputs}, axes, periodic, data.file["samples/index"][:], attributes,
    )  # fmt: skip


def _pdebench(path: Path, file: h5py.File) -> Samples:
    """Steady files map `nu` to the one frame of `tensor`; evolving ones the first frame of all fields to all frames."""
    scalar = "tensor" in file
    names = ["tensor"] if scalar else [name for name in FLUIDS if name in file]
    count, frames, *shape = file[names[0]].shape
    space = tuple("xyz"[: len(shape)])
    axes = {name: _coordinate(file, name, length) for name, length in zip(space, shape, strict=True)}
    further = {name: _column(file[f"inputs/{name}"], space) for name in file.get("inputs", ())}
    further |= {"nu": _column(file["nu"], space)} if "nu" in file else {}
    if scalar and frames == 1:
        if not further:
            raise SpinnError("a steady file of PDEBench needs its coefficient `nu`, which is missing", file=path)
        outputs = {"tensor": _framed(file["tensor"], 0, space)}
        return Samples(path, "pdebench", count, further, outputs, axes, index=np.arange(count))
    whole = {name: _column(file[name], ("t", *space)) for name in names}
    starts = {f"{name}0": _framed(file[name], 0, space) for name in names}
    return Samples(
        path, "pdebench", count, starts, whole, {"t": _coordinate(file, "t", frames), **axes}, index=np.arange(count)
    )


def _coordinate(file: h5py.File, name: str, length: int) -> np.ndarray:
    """A coordinate; time has one node more than there are frames in some files. Equidistant where there is none."""
    key = f"{name}-coordinate"
    return np.asarray(file[key][:length], float) if key in file else (np.arange(length) + 0.5) / length


def _column(field: h5py.Dataset, axes: tuple[str, ...]) -> Column:
    shape: tuple[int, ...] = field.shape[1:]
    return Column(
        lambda place: np.asarray(field[place]), shape, axes if len(axes) == len(shape) else axes[: len(shape)]
    )


def _framed(field: h5py.Dataset, frame: int, axes: tuple[str, ...]) -> Column:
    return Column(lambda place: np.asarray(field[place, frame]), field.shape[2:], axes)
