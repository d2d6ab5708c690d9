"""What verification finds, and what it does not complain about."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from spinn.data.generation import generate, verify
from spinn.errors import SpinnError


@pytest.fixture
def made(recipe, tmp_path):
    """A file and its recipe."""
    one = recipe(samples=4)
    generate(one, tmp_path / "d.h5")
    return tmp_path / "d.h5", one


def test_a_good_file(made):
    path, recipe = made
    found = verify(path, recipe.family, share=1.0)
    assert found.good and (found.samples, found.checked) == (4, 4)
    assert 0 < found.worst < 1e-8


def test_a_changed_value_is_found(made):
    path, recipe = made
    with h5py.File(path, "r+") as file:
        file["outputs/u"][2, 5, 5] *= 1.001
    found = verify(path, recipe.family, share=1.0)
    assert any(fault.startswith("sample 2: the checksum") for fault in found.faults)
    assert any(fault.startswith("sample 2: the residual") for fault in found.faults)


def test_inputs_of_another_seed_are_found(made):
    path, recipe = made
    with h5py.File(path, "r+") as file:
        file.attrs["seed"] = 1
    assert any("not what seed 1 gives" in fault for fault in verify(path, recipe.family).faults)


def test_float32_is_checked_as_far_as_it_goes(recipe, tmp_path):
    one = recipe(samples=3, dtype="float32")
    generate(one, tmp_path / "d.h5")
    found = verify(tmp_path / "d.h5", one.family, share=1.0)
    assert found.good and found.allowed == np.inf and found.worst > 1e-8


def test_other_files_and_shares_are_refused(made, tmp_path):
    path, recipe = made
    with pytest.raises(ValueError, match="share"):
        verify(path, recipe.family, share=0.0)
    with pytest.raises(SpinnError, match="no such file"):
        verify(tmp_path / "none.h5", recipe.family)
    (tmp_path / "text.h5").write_text("nothing")
    with pytest.raises(SpinnError, match="not a readable HDF5 file"):
        verify(tmp_path / "text.h5", recipe.family)


def test_files_can_be_imported_before_generation():
    subprocess.run([sys.executable, "-c", "import spinn.data.formats.native"], check=True)
