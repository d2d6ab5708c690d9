"""Samples of neuraloperator's `.pt` files: `x` and `y` of a dict that torch saved, read without torch or its code.

The pickle in such a file may name a handful of globals, those of a tensor on a storage, and nothing else is run.
Tensors are mapped from the file into memory, not loaded. See `checkpoint` for the layout.
"""

import contextlib
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spinn.data.formats.samples import Column, Samples
from spinn.errors import SpinnError

NUMBERS = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BoolStorage": "?", "ByteStorage": "u1",
    "CharStorage": "i1", "ShortStorage": "<i2", "IntStorage": "<i4", "LongStorage": "<i8",
}  # fmt: skip
LOCAL_HEADER = 30  # bytes before the name in a ZIP record; its last four are the lengths of name and extra field


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Samples]:
    """The samples, on the unit square (or interval, or cube) with nodes at both ends.

    **Raises:** SpinnError where the file is no such dict.
    """
    tensors = read(path)
    if not {"x", "y"} <= set(tensors):
        raise SpinnError(f"expected tensors x and y, got {', '.join(map(str, tensors)) or 'none'}", file=path)
    x, y = (_without_channel(tensors[name], tensors["y"]) for name in ("x", "y"))
    if len(x) != len(y) or x.shape[1:] != y.shape[1:]:
        raise SpinnError(f"expected x and y of one shape, got {x.shape} and {y.shape}", file=path)
    names = tuple("xyz"[: x.ndim - 1])
    axes = {name: np.linspace(0.0, 1.0, length) for name, length in zip(names, x.shape[1:], strict=True)}
    inputs, outputs = ({name: _column(one, names)} for name, one in (("x", x), ("y", y)))
    yield Samples(path, "neuraloperator", len(x), inputs, outputs, axes, index=np.arange(len(x)))


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a dict by name, mapped into memory.

    **Raises:** SpinnError for a file that is none of torch's, or that holds anything but tensors and plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(one for one in archive.namelist() if one.endswith("/data.pkl"))
            found = _Unpickler(archive.open(name), path, archive, name.removesuffix("data.pkl")).load()
    except FileNotFoundError:
        raise SpinnError("there is no such file", file=path) from None
    except (zipfile.BadZipFile, StopIteration, EOFError, ValueError, KeyError, IndexError) as error:
        raise SpinnError(f"expected a file that torch 1.6 or later saved, got another ({error})", file=path) from None
    except pickle.UnpicklingError as error:
        raise SpinnError(f"expected tensors and plain values only: {error}", file=path) from None
    if not isinstance(found, dict):
        raise SpinnError(f"expected a dict of tensors, got {type(found).__name__}", file=path)
    return {str(name): value for name, value in found.items() if isinstance(value, np.ndarray)}


class _Unpickler(pickle.Unpickler):
    """Runs nothing but the rebuilding of tensors."""

    def __init__(self, stream: Any, path: Path, archive: zipfile.ZipFile, folder: str):
        pickle.Unpickler.__init__(self, stream)
        self.path, self.archive, self.folder = path, archive, folder

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in NUMBERS:
            return np.dtype(NUMBERS[name])
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which is not run")

    def persistent_load(self, identity: Any) -> np.ndarray:
        _, kind, key, _, count = identity
        record = self.archive.getinfo(f"{self.folder}data/{key}")
        if record.compress_type != zipfile.ZIP_STORED or not isinstance(kind, np.dtype):
            raise pickle.UnpicklingError("storages that are compressed, or of an unknown type")
        with open(self.path, "rb") as file:
            file.seek(record.header_offset)
            name, extra = struct.unpack("<HH", file.read(LOCAL_HEADER)[-4:])
        start = record.header_offset + LOCAL_HEADER + name + extra
        return np.memmap(self.path, kind, "r", start, (int(count),)) if count else np.empty(0, kind)


def _tensor(storage: np.ndarray, offset: int, size: Any, stride: Any, *_: Any) -> np.ndarray:
    """A view on a storage; strides count entries."""
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if math.prod(size) else 0
    if offset < 0 or min(stride, default=0) < 0 or last >= max(len(storage), 1):
        raise ValueError("a tensor that lies outside its storage")
    steps = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], tuple(size), steps, writeable=False)


def _without_channel(values: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Without an axis of one channel, if it has one beside those of the grid."""
    return values[:, 0] if values.ndim > 2 and values.shape[1] == 1 and like.ndim > 2 else values


def _column(values: np.ndarray, axes: tuple[str, ...]) -> Column:
    return Column(lambda place: np.asarray(values[place]), values.shape[1:], axes)
