"""Checkpoints are read back by an unpickler that allows what `torch.load(weights_only=True)` allows, and by torch."""

import collections
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spinn.data.formats import checkpoint, convert
from spinn.errors import SpinnError


class Restricted(pickle.Unpickler):
    """Rebuilds contiguous tensors from the records of an archive; knows three globals."""

    def __init__(self, archive: zipfile.ZipFile, folder: str):
        super().__init__(archive.open(f"{folder}/data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        return {
            ("torch._utils", "_rebuild_tensor_v2"): rebuild,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("collections", "OrderedDict"): collections.OrderedDict,
        }[module, name]

    def persistent_load(self, pid: Any) -> np.ndarray:
        kind, dtype, key, device, count = pid
        assert (kind, device) == ("storage", "cpu")
        values = np.frombuffer(self.archive.read(f"{self.folder}/data/{key}"), dtype)
        assert values.size == count
        return values


def rebuild(storage, offset, size, stride, requires_grad, hooks) -> np.ndarray:
    assert offset == 0 and requires_grad is False and hooks == {}
    values = storage.reshape(size)
    assert tuple(step // 4 for step in values.strides) == stride
    return values


def load(path: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        folder = names[0].split("/")[0]  # the reader takes it from the first record
        assert all(name.startswith(f"{folder}/") for name in names)
        assert archive.read(f"{folder}/version").strip() == b"3" and archive.read(f"{folder}/byteorder") == b"little"
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        assert archive.testzip() is None
        return Restricted(archive, folder).load()


def test_darcy_is_two_tensors(native, fields, tmp_path):
    convert(native("darcy"), tmp_path / "darcy_train_17.pt", "neuraloperator")
    data, expected = load(tmp_path / "darcy_train_17.pt"), fields(native("darcy"))
    assert list(data) == ["x", "y"]
    np.testing.assert_array_equal(data["x"], expected["a"])
    np.testing.assert_array_equal(data["y"], expected["u"])


def test_torch_reads_it(native, fields, tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "darcy_train_17.pt"
    convert(native("darcy"), path, "neuraloperator")
    for mapped in (False, True):
        data = torch.load(path, weights_only=True, mmap=mapped)
        assert data["x"].dtype == data["y"].dtype == torch.float32
        np.testing.assert_array_equal(data["y"].numpy(), fields(native("darcy"))["u"])


def test_storages_are_aligned_and_bytes_repeat(native, tmp_path):
    for name in ("a.pt", "b.pt"):
        convert(native("darcy"), tmp_path / name, "neuraloperator")
    content = (tmp_path / "a.pt").read_bytes()
    assert content == (tmp_path / "b.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        for info in archive.infolist():
            head = content[info.header_offset : info.header_offset + 30]
            begin = (
                info.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:], "little")
            )
            assert begin % checkpoint.ALIGNMENT == 0


def test_a_failure_leaves_no_file(tmp_path):
    def pieces():
        yield np.ones(3)
        raise OSError(28, "no space left")

    with pytest.raises(SpinnError, match="disk is full"):
        checkpoint.write(tmp_path / "a.pt", {"x": checkpoint.Stream((2, 3), pieces())})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("oblong", "square grid.*inputs a \\(9, 17\\)"),
        ("convection", "one input.*vx"),
        ("numbers", "one input.*inputs k \\(\\)"),
        ("heat", "steady.*u \\(4, 11, 9\\)"),
        ("space", "square grid.*\\(7, 6, 5\\)"),
        ("plate", "mesh"),
    ],
)
def test_what_does_not_fit_is_refused(native, tmp_path, name, message):
    with pytest.raises(SpinnError, match=message):
        convert(native(name), tmp_path / "n.pt", "neuraloperator")
