"""Named float32 arrays in the file that `torch.save` makes of a dict of tensors, written without torch.

Such a file is a ZIP archive of stored (not compressed) records in one folder: `data.pkl`, a pickle in which each tensor
is a call of `torch._utils._rebuild_tensor_v2` on a storage named by a persistent id; `data/KEY`, the bytes of storage
KEY; `byteorder`; and `version`. The pickle holds nothing but what `torch.load(weights_only=True)` allows. Source:
torch/serialization.py (`_save`, `_load`) and torch/_weights_only_unpickler.py of PyTorch 2; version 3 of the archive.
"""

import math
import pickle
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from spinn.files.atomic import replacing

ALIGNMENT = 64  # storages begin at multiples of it, so that they can be mapped into memory
_FOLDER = "archive"


class Stream(NamedTuple):
    """An array given piece by piece, in C order: the pieces together have the values of an array of `shape`."""

    shape: tuple[int, ...]
    pieces: Iterable[np.ndarray]


def write(path: Path, tensors: Mapping[str, Stream]) -> None:
    """Write a dict of float32 tensors, holding one piece in memory at a time.

    **Raises:** SpinnError where the disk refuses.
    """
    with replacing(path) as temporary, open(temporary, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        stream = pickled({name: tensor.shape for name, tensor in tensors.items()})
        _record(file, archive, "data.pkl", len(stream), [stream])
        _record(file, archive, "byteorder", 6, [b"little"])
        for key, tensor in enumerate(tensors.values()):
            _record(file, archive, f"data/{key}", 4 * math.prod(tensor.shape), _bytes(tensor.pieces))
        _record(file, archive, "version", 2, [b"3\n"])


def _bytes(pieces: Iterable[np.ndarray]) -> Iterator[bytes]:
    return (np.ascontiguousarray(piece, dtype="<f4").tobytes() for piece in pieces)


def _record(file: BinaryIO, archive: zipfile.ZipFile, name: str, length: int, content: Iterable[bytes]) -> None:
    """One record of `length` bytes, padded in front by an extra field of its header, as torch does."""
    info = zipfile.ZipInfo(f"{_FOLDER}/{name}")  # dated 1980: equal content gives equal bytes
    large = length > zipfile.ZIP64_LIMIT
    ahead = file.tell() + 30 + len(info.filename) + 4 + (20 if large else 0)  # a local header, and its extra fields
    padding = -ahead % ALIGNMENT
    info.extra = b"FB" + struct.pack("<H", padding) + bytes(padding)
    with archive.open(info, "w", force_zip64=large) as record:
        for part in content:
            record.write(part)


def pickled(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """The pickle (protocol 2) of a dict of contiguous float32 tensors of these shapes, storage by storage."""
    items = [_plain(name) + _tensor(str(key), shape) for key, (name, shape) in enumerate(shapes.items())]
    head = pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + pickle.MARK
    return head + b"".join(items) + pickle.SETITEMS + pickle.STOP


def _tensor(key: str, shape: tuple[int, ...]) -> bytes:
    """_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)."""
    stride = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    hooks = _global("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    arguments = _storage(key, math.prod(shape)) + _plain(0) + _plain(shape) + _plain(stride) + pickle.NEWFALSE + hooks
    return _global("torch._utils", "_rebuild_tensor_v2") + pickle.MARK + arguments + pickle.TUPLE + pickle.REDUCE


def _storage(key: str, count: int) -> bytes:
    """The persistent id ('storage', type, key, device, number of values)."""
    parts = _plain("storage") + _global("torch", "FloatStorage") + _plain(key) + _plain("cpu") + _plain(count)
    return pickle.MARK + parts + pickle.TUPLE + pickle.BINPERSID


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _plain(value: str | int | tuple[int, ...]) -> bytes:
    """The opcodes of a plain value, without the frame of a pickle."""
    return pickle.dumps(value, protocol=2)[2:-1]
