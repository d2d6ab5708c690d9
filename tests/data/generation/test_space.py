"""Disks that fill up: told with the file, the space needed and how to go on; then the same bytes as ever."""

import contextlib
import errno
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spinn.data.generation import generate, space
from spinn.errors import SpinnError
from spinn.files import atomic
from spinn.files.forgiving import Forgiving

TOLD = r"d\.h5.*could not write: the disk is full; about .* are needed, and .* are free.*--resume"
WORDS = ("darcy_2d", "--grid", "33", "--samples", "40", "--solver", "superlu", "--set", "piece=8", "--quiet")


def spinn(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spinn", "generate", *WORDS, "--out", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def disk(tmp_path: Path):
    """Makes a disk of its own of some bytes, and makes it larger; skipped where that is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def size(count: int, *options: str) -> Path:
        settings = ",".join([f"size={count}", *options])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", settings, "tmpfs", folder], capture_output=True)
        if done.returncode:
            pytest.skip("mounting a small disk is not permitted here")
        return folder

    yield size
    with contextlib.suppress(OSError):
        subprocess.run(["umount", folder], capture_output=True)


@pytest.mark.parametrize(
    ("size", "where"),
    [(8_000, "d.h5.parts"), (400_000, "piece-"), (1_000_000, "d.h5: ")],
    ids=["early", "piece", "file"],
)
def test_a_disk_that_is_really_full(disk, tmp_path, size, where):
    folder = disk(size)
    first = spinn(folder / "d.h5")
    assert first.returncode == 2, first.stderr
    assert where in first.stderr and "the disk is full" in first.stderr and "--resume" in first.stderr
    assert "Traceback" not in first.stderr and not (folder / "d.h5").exists()
    assert {path.name for path in folder.iterdir()} <= {"d.h5.parts"}
    assert not list(folder.glob("**/*.tmp"))
    again = spinn(folder / "d.h5", "--resume")
    assert again.returncode == 2 and "the disk is full" in again.stderr
    disk(8_000_000, "remount")
    last = spinn(folder / "d.h5", "--resume")
    assert last.returncode == 0, last.stderr
    assert spinn(tmp_path / "d.h5").returncode == 0
    assert (folder / "d.h5").read_bytes() == (tmp_path / "d.h5").read_bytes()
    assert [path.name for path in folder.iterdir()] == ["d.h5"]


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    """The bytes of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "d.h5"
    generate(recipe(), out)
    return out.read_bytes()


@pytest.fixture
def full(monkeypatch):
    """Refuses to flush, or to write HDF5 on, files whose name contains a text."""

    def fill(text: str) -> None:
        true_flush, true_open = atomic._flush, Forgiving.__init__

        def flush(path: Path) -> None:
            if text in path.name:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            true_flush(path)

        class Full:
            """A file on a disk that takes two kilobytes more."""

            def __init__(self, file):
                self.file = file

            def __getattr__(self, name):
                return getattr(self.file, name)

            def write(self, content):
                if self.file.tell() + len(content) > 2048:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return self.file.write(content)

        def opened(self, path: Path) -> None:
            true_open(self, path)
            if text in path.name:
                self._file = Full(self._file)

        monkeypatch.setattr(atomic, "_flush", flush)
        monkeypatch.setattr(Forgiving, "__init__", opened)

    return fill


@pytest.mark.parametrize(("text", "pieces"), [("piece-00001", 1), (".d.h5.", 3)])
def test_what_was_kept_serves_once_there_is_room(recipe, tmp_path, whole, full, monkeypatch, text, pieces):
    full(text)
    with pytest.raises(SpinnError, match=TOLD):
        generate(recipe(), tmp_path / "d.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["d.h5.parts"]
    assert len(list((tmp_path / "d.h5.parts").glob("*.npz"))) == pieces
    assert not list(tmp_path.glob("**/*.tmp"))
    monkeypatch.undo()
    told = []
    generate(recipe(), tmp_path / "d.h5", resume=True, progress=lambda done: told.append(done.now))
    assert (tmp_path / "d.h5").read_bytes() == whole
    assert len(told) == 3 - pieces


def test_other_errors_are_told_as_they_are(recipe, tmp_path, monkeypatch):
    def flush(path: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(atomic, "_flush", flush)
    with pytest.raises(SpinnError, match="the file system is read-only") as error:
        generate(recipe(), tmp_path / "d.h5")
    assert "is full" not in str(error.value)


def test_a_disk_that_will_fill_up_is_told_in_time(recipe, tmp_path, monkeypatch):
    module = importlib.import_module("spinn.data.generation.generate")
    monkeypatch.setattr(module, "free", lambda folder: 20_000.0)
    told = []
    generate(recipe(), tmp_path / "d.h5", message=told.append)
    size = float(told[0].partition("fill up: ")[2].split()[0])
    assert "20 kB are free" in told[0] and "kB are needed" in told[0] and len(told) == 1
    # The file and three pieces, of which the last is half full.
    assert 1.5 < 1000 * size / (tmp_path / "d.h5").stat().st_size < 2.5


def test_sizes_are_readable():
    assert [space.readable(count) for count in (0, 999, 1500, 2.5e9, 7e15)] == [
        "0 bytes", "999 bytes", "1.5 kB", "2.5 GB", "7e+03 TB",
    ]  # fmt: skip
    assert space.free(Path("/no/such/folder")) == float("inf")
