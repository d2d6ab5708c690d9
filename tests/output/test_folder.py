"""The folder of a run: its tree, its name, and the refusal of places that will not do."""

import json
import os
import re
import stat
from pathlib import Path

import pytest
import yaml

from spinn.errors import SpinnError
from spinn.files.environment import environment
from spinn.output import RunFolder


def test_the_tree_is_made(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "a" / "b")
    assert folder.checkpoints.is_dir()
    assert folder.figures.is_dir()
    assert not folder.has_run


def test_default_names_never_collide(tmp_path: Path) -> None:
    made = [RunFolder.create(pde="heat", root=tmp_path).path.name for _ in range(4)]
    assert len(set(made)) == 4
    assert all(re.fullmatch(r"heat-\d{8}-\d{6}(-[234])?", name) for name in made)


def test_the_name_of_a_users_file_is_a_name(tmp_path: Path) -> None:
    assert RunFolder.create(pde="./mine/beam.py", root=tmp_path).path.parent == tmp_path


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SpinnError, match="expected a folder to write to, found a file"):
        RunFolder.create(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
    with pytest.raises(SpinnError, match="--out"):
        RunFolder.create(tmp_path / "out" / "below")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="this user may write everywhere")
def test_a_place_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IREAD | stat.S_IEXEC)
    try:
        with pytest.raises(SpinnError, match="permission denied"):
            RunFolder.create(tmp_path / "out")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_folder_that_cannot_be_written_is_found_out_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(SpinnError, match="read-only"):
        RunFolder.create(tmp_path / "out")


def test_a_run_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out")
    folder.write_config({"pde": "heat"})
    with pytest.raises(SpinnError, match="--resume"):
        RunFolder.create(tmp_path / "out")
    assert RunFolder.create(tmp_path / "out", overwrite=True) == folder
    assert RunFolder.open(tmp_path / "out").has_run


def test_opening_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpinnError, match="found none"):
        RunFolder.open(tmp_path / "nothing")
    with pytest.raises(SpinnError, match=r"config\.yaml is missing"):
        RunFolder.open(tmp_path)


def test_locking_sweeps_up_after_a_killed_writer(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out")
    (folder.path / ".summary.json.123-abcd.tmp").write_text("half")
    (folder.figures / ".u.png.123-abcd.tmp").write_text("half")
    (folder.path / "mine.tmp").write_text("the user's own")
    with folder.lock():
        assert sorted(path.name for path in folder.path.iterdir()) == ["checkpoints", "figures", "mine.tmp", "run.lock"]
        assert not list(folder.figures.iterdir())
        with pytest.raises(SpinnError, match="another process"), folder.lock():
            pytest.fail("two wrote")


def test_writers_write_what_readers_read(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out")
    folder.write_config({"pde": "heat", "seed": 3})
    folder.write_summary({"relative_l2": {"all": float("nan")}})
    with folder.append_metrics() as metrics:
        metrics.write({"step": 1, "loss": 0.5})
    assert yaml.safe_load(folder.config.read_text()) == {"pde": "heat", "seed": 3}
    assert json.loads(folder.summary.read_text()) == {"relative_l2": {"all": None}}
    assert folder.read_metrics() == [{"step": 1, "loss": 0.5}]


def test_environment_tells_what_a_run_ran_on(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out")
    folder.write_environment("cpu", ["spinn", "solve", "heat"])
    found = json.loads(folder.environment.read_text())
    assert found["device"] == "cpu"
    assert found["argv"] == ["spinn", "solve", "heat"]
    assert found["packages"]["numpy"] == __import__("numpy").__version__
    assert found["machine"]["cores"] >= 1


def test_environment_names_no_user() -> None:
    text = json.dumps(environment("cpu", ["spinn"]))
    assert os.uname().nodename not in text or len(os.uname().nodename) < 4
    assert str(Path.home()) not in text or str(Path.home()) == "/"
