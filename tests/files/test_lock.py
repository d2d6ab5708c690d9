"""One writer at a time; the dead hold nothing."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from spinn.errors import SpinnError
from spinn.files.lock import locked

HOLD = """
    import sys, time
    from pathlib import Path
    from spinn.files.lock import locked
    with locked(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_lock_file_names_its_holder_and_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with locked(path):
        assert json.loads(path.read_text()) == {"pid": os.getpid()}
    assert not path.exists()


def test_a_second_holder_in_this_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with locked(path), pytest.raises(SpinnError, match=rf"pid {os.getpid()}\) is writing this run"), locked(path):
        pytest.fail("two held it")
    with locked(path):
        pass


def test_another_process_is_named_and_a_killed_one_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    process = holder(path)
    try:
        with pytest.raises(SpinnError, match=rf"pid {process.pid}\b.*--out"), locked(path):
            pytest.fail("two held it")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert json.loads(path.read_text())["pid"] == process.pid  # stale
        with locked(path):
            assert json.loads(path.read_text())["pid"] == os.getpid()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("content", ["", "not json", '{"pid": 999999999}', "[1]"])
def test_whatever_lies_there_is_taken_over(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.lock"
    path.write_text(content)
    with locked(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_an_error_inside_releases_it(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    with locked(path):
        pass


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpinnError, match="does not exist"), locked(tmp_path / "no" / "run.lock"):
        pytest.fail("held nothing")
