"""Files appear whole or not at all, whatever fails in between."""

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from spinn.errors import SpinnError
from spinn.files import atomic
from spinn.files.atomic import replacing, write_bytes, write_json, write_text, write_yaml, writing_hdf5


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_arrives_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "a\r\nü\n")
    assert (tmp_path / "a.txt").read_bytes() == "a\r\nü\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"a much longer old content")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_on_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "summary.json"
    write_json(path, {"a": 1})

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpinnError, match="free some space") as caught:
        write_json(path, {"a": 2})
    assert caught.value.file == str(path)
    assert json.loads(path.read_text()) == {"a": 1}
    assert names(tmp_path) == ["summary.json"]


def test_a_refused_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SpinnError, match="permission denied"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_an_error_or_interrupt_of_the_writer_passes_through(tmp_path: Path) -> None:
    for kind in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(kind), replacing(tmp_path / "a.txt"):
            raise kind
    assert names(tmp_path) == []


def test_a_kill_between_writing_and_renaming_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    script = f"""
        import os, signal
        from pathlib import Path
        from spinn.files.atomic import write_text
        os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        write_text(Path({str(path)!r}), "new")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    leftover = [name for name in names(tmp_path) if name != "a.txt"]
    assert len(leftover) == 1
    assert (tmp_path / leftover[0]).read_text() == "new"
    assert leftover[0].startswith(".a.txt.") and leftover[0].endswith(".tmp")


@pytest.mark.parametrize("place", ["missing/a.txt", "file/a.txt", "folder"])
def test_impossible_places_are_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SpinnError, match="could not write"):
        write_text(tmp_path / place, "x")
    assert names(tmp_path) == ["file", "folder"]


def test_json_has_plain_numbers_and_null_for_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(
        path, {"a": np.float32(0.5), "b": np.nan, "c": [np.inf, -np.inf], "d": np.arange(3), "e": np.bool_(True)}
    )
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {
        "a": 0.5, "b": None, "c": [None, None], "d": [0, 1, 2], "e": True,
    }  # fmt: skip


def test_a_value_without_json_form_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        write_json(tmp_path / "a.json", {"a": object()})
    assert names(tmp_path) == []


def test_undecodable_arguments_are_escaped(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", ["caf\udce9"])
    assert json.loads((tmp_path / "a.json").read_text()) == ["caf\udce9"]


def test_yaml_keeps_order_and_reads_back(tmp_path: Path) -> None:
    value = {"pde": {"name": "heat"}, "b": [1, 2.5e-9], "a": None, "yes": "no", "t": (1, 2)}
    write_yaml(tmp_path / "a.yaml", value, comment="two\nlines")
    text = (tmp_path / "a.yaml").read_text()
    assert text.startswith("# two\n# lines\npde:")
    assert yaml.safe_load(text) == {**value, "t": [1, 2]}
    assert list(yaml.safe_load(text)) == list(value)


def test_hdf5_appears_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with writing_hdf5(path) as file:
        file["x"] = np.arange(5)
        assert not path.exists()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["x"], np.arange(5))


def test_a_failed_hdf5_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Object dtype"), writing_hdf5(tmp_path / "a.h5") as file:
        file.create_dataset("x", data=np.array([object()]))
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="the system cannot limit file sizes")
@pytest.mark.parametrize("size", [100, 10_000, 1_000_000])
def test_hdf5_on_a_disk_that_fills_up(tmp_path: Path, size: int) -> None:
    """A true refusal by the system in mid-file, early and late; the process must live on and end well."""
    path = tmp_path / "a.h5"
    path.write_text("old")
    script = f"""
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from spinn.errors import SpinnError
        from spinn.files.atomic import writing_hdf5
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
        try:
            with writing_hdf5(Path({str(path)!r})) as file:
                file["x"] = np.ones(500_000)
        except SpinnError as error:
            print("told:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "told:" in done.stdout and str(path) in done.stdout
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.h5"]


def test_what_hdf5_makes_of_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true_init = atomic.Forgiving.__init__

    def opened(self: atomic.Forgiving, path: Path) -> None:
        true_init(self, path)
        self.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.Forgiving, "__init__", opened)
    with pytest.raises(SpinnError, match="the disk is full"), writing_hdf5(tmp_path / "a.h5"):
        raise KeyError("what was dropped cannot be read again")
    with pytest.raises(KeyboardInterrupt), writing_hdf5(tmp_path / "a.h5"):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_hdf5_may_fail_on_closing_with_its_own_kind_of_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true_close = h5py.File.close

    def close(self: h5py.File) -> None:
        true_close(self)
        raise RuntimeError("Can't decrement id ref count (unable to extend file properly)")

    monkeypatch.setattr(h5py.File, "close", close)
    with pytest.raises(SpinnError, match=r"unable to extend file properly.*--out"), writing_hdf5(tmp_path / "a.h5"):
        pass
    assert names(tmp_path) == []
