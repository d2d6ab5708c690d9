"""What holds for every layout: names are checked, and the target is written whole or not touched."""

import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from spinn.data.formats import LAYOUTS, Dataset, convert
from spinn.errors import SpinnError

TARGETS = {"native": "t.h5", "pdebench": "t.hdf5", "neuraloperator": "t.pt", "well": "t.hdf5"}


def test_layouts_say_what_they_are_for():
    assert set(LAYOUTS) == set(TARGETS)
    assert all(TARGETS[name].endswith(layout.suffix) for name, layout in LAYOUTS.items())
    assert all(layout.meaning and "\n" not in layout.meaning for layout in LAYOUTS.values())


def test_an_unknown_layout_is_told_the_known_ones(native, tmp_path):
    with pytest.raises(SpinnError, match="unknown layout 'matlab': expected one of native, pdebench"):
        convert(native("darcy"), tmp_path / "t.mat", "matlab")


@pytest.mark.parametrize(("layout", "name"), [("pdebench", "t.h5"), ("neuraloperator", "t.hdf5"), ("well", "t.pt")])
def test_a_suffix_that_readers_would_not_take_is_refused(native, tmp_path, layout, name):
    with pytest.raises(SpinnError, match=f"layout {layout} end in .*rename the target"):
        convert(native("darcy"), tmp_path / name, layout)


@pytest.mark.parametrize("layout", ["pdebench", "neuraloperator", "well"])
def test_a_failure_on_the_way_leaves_the_target_as_it_was(native, tmp_path, layout, monkeypatch):
    target = tmp_path / TARGETS[layout]
    target.write_bytes(b"before")
    read = h5py.Dataset.__getitem__

    def failing(self, place, **more):
        if isinstance(place, int) and place == 2:
            raise OSError(5, "input/output error")
        return read(self, place, **more)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", failing)
    with pytest.raises(SpinnError, match="could not write"):
        convert(native("darcy"), target, layout)
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_the_name_is_replaced(native, tmp_path, layout):
    target = tmp_path / TARGETS[layout]
    target.write_bytes(b"before")
    convert(native("darcy"), target, layout)
    assert target.stat().st_size > 3 * 2 * 17 * 17 * 4


def test_native_is_a_copy(native, tmp_path):
    convert(native("darcy"), tmp_path / "t.h5", "native")
    assert (tmp_path / "t.h5").read_bytes() == native("darcy").read_bytes()


def test_a_dataset_is_not_converted_onto_itself(native, tmp_path):
    source = tmp_path / "d.hdf5"
    shutil.copy(native("darcy"), source)
    with pytest.raises(SpinnError, match="the dataset to be converted itself"):
        convert(source, source, "well")
    with Dataset(source) as data:
        assert len(data) == 3


def test_another_file_is_no_source(tmp_path):
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(SpinnError, match="not a readable HDF5 file"):
        convert(tmp_path / "text.h5", tmp_path / "t.pt", "neuraloperator")


def test_samples_that_failed_leave_no_gap(native, fields, tmp_path):
    """Rows are counted, not the numbers of the samples."""
    source = tmp_path / "gap.h5"
    shutil.copy(native("darcy"), source)
    with h5py.File(source, "a") as file:
        file["samples/index"][:] = [0, 4, 7]
    convert(source, tmp_path / "t.hdf5", "pdebench")
    with h5py.File(tmp_path / "t.hdf5") as file:
        np.testing.assert_array_equal(file["tensor"][:, 0], fields(source)["u"])


def test_the_layouts_can_be_imported_before_generation():
    """They import each other."""
    subprocess.run([sys.executable, "-c", "import spinn.data.formats.native"], check=True)
