"""Workers that are killed, and a second process at the same file."""

import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from spinn.data.generation import generate
from spinn.errors import SpinnError

PROGRAM = """
import sys
from spinn.data import Darcy2D
from spinn.data.generation import Recipe, generate

def wait(done):
    print("begun", flush=True)
    sys.stdin.read()

generate(Recipe(family=Darcy2D(grid=(17, 17)), samples=10, piece=4, solver="superlu"), sys.argv[1], progress=wait)
"""


def test_a_worker_that_is_killed_is_told_and_the_rest_is_made_later(recipe, tmp_path):
    made, out = recipe(samples=40), tmp_path / "d.h5"
    killed = []

    def kill(done):
        if not killed:
            killed.extend(child.pid for child in multiprocessing.active_children() if "Spawn" in type(child).__name__)
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(SpinnError, match="a worker process died .*what was done is kept: go on with --resume"):
        generate(made, out, workers=2, progress=kill)
    assert killed and not out.exists()
    assert list((tmp_path / "d.h5.parts").glob("piece-*.npz"))
    assert not (tmp_path / ".d.h5.lock").exists()
    generate(made, out, resume=True)
    generate(made, tmp_path / "whole.h5")
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_a_second_process_keeps_off_until_the_first_is_gone(recipe, tmp_path):
    out = tmp_path / "d.h5"
    first = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, out], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None and first.stdout.readline() == "begun\n"
        before = sorted(path.name for path in tmp_path.glob("**/*"))
        for settings in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(SpinnError, match=rf"another process \(pid {first.pid}\) is writing"):
                generate(recipe(), out, **settings)
        assert sorted(path.name for path in tmp_path.glob("**/*")) == before
        first.kill()
        first.wait()
        generate(recipe(), out, resume=True)
    finally:
        first.kill()
        first.communicate()
    generate(recipe(), tmp_path / "whole.h5")
    assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()
