"""Files as PDEBench's loader of scalar equations takes them apart: by suffix, keys and number of dimensions."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from spinn.data.formats import convert
from spinn.errors import SpinnError


def load(path: Path) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """(batch, x[, y], time, channel) and the coordinates, the way the loader gets them.

    Four dimensions are taken for Darcy: `nu` is put before the times of `tensor`.
    """
    assert not path.name.endswith("h5"), "the loader takes this for the layout of its shallow-water files"
    with h5py.File(path) as file:
        assert "tensor" in file
        data = np.array(file["tensor"])
        assert data.dtype == np.float32
        if data.ndim == 3:
            return data.transpose(0, 2, 1)[..., None], (np.array(file["x-coordinate"]),)
        assert data.ndim == 4
        nu = np.array(file["nu"])[:, None]
        joined = np.concatenate([nu.transpose(0, 2, 3, 1), data.transpose(0, 2, 3, 1)], axis=-1)
        return joined[..., None], (np.array(file["x-coordinate"]), np.array(file["y-coordinate"]))


def test_darcy(native, fields, tmp_path):
    convert(native("oblong"), tmp_path / "d.hdf5", "pdebench")
    data, (x, y) = load(tmp_path / "d.hdf5")
    expected = fields(native("oblong"))
    assert data.shape == (3, 9, 17, 2, 1)
    np.testing.assert_array_equal(data[..., 0, 0], expected["a"])
    np.testing.assert_array_equal(data[..., 1, 0], expected["u"])
    np.testing.assert_allclose(x, np.linspace(0, 1, 9), rtol=1e-6)
    assert y.shape == (17,)


def test_evolving_in_one_dimension(native, fields, tmp_path):
    convert(native("fisher"), tmp_path / "f.hdf5", "pdebench")
    data, (x,) = load(tmp_path / "f.hdf5")
    expected = fields(native("fisher"))
    np.testing.assert_array_equal(data[..., 0], expected["u"].transpose(0, 2, 1))
    assert x.shape == (64,)
    with h5py.File(tmp_path / "f.hdf5") as file:
        assert "nu" not in file
        np.testing.assert_allclose(file["t-coordinate"], [0, 0.5, 1])
        np.testing.assert_array_equal(file["inputs/rho"], expected["rho"])
        np.testing.assert_array_equal(file["inputs/u0"], expected["u0"])


def test_evolving_in_two_dimensions_has_the_coefficient_before_its_frames(native, fields, tmp_path):
    convert(native("heat"), tmp_path / "h.hdf5", "pdebench")
    data, _ = load(tmp_path / "h.hdf5")
    expected = fields(native("heat"))
    assert data.shape == (3, 11, 9, 1 + 4, 1)
    np.testing.assert_array_equal(data[..., 0, 0], expected["a"])
    np.testing.assert_array_equal(data[..., 4, 0], expected["u"][:, 3])
    with h5py.File(tmp_path / "h.hdf5") as file:
        assert list(file["inputs"]) == ["u0"] and file["nu"].attrs["name"] == "a"


def test_without_a_coefficient_the_first_frame_is_repeated(native, fields, tmp_path):
    convert(native("flow"), tmp_path / "w.hdf5", "pdebench")
    data, _ = load(tmp_path / "w.hdf5")
    np.testing.assert_array_equal(data[..., 0, 0], fields(native("flow"))["w"][:, 0])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("convection", "one coefficient.*inputs vx \\(17, 15\\), vy \\(17, 15\\).*convert to the layout well"),
        ("numbers", "one coefficient.*inputs k \\(\\)"),
        ("space", "one or two dimensions.*u \\(7, 6, 5\\)"),
        ("plate", "mesh.*native layout"),
    ],
)
def test_what_does_not_fit_is_refused(native, tmp_path, name, message):
    with pytest.raises(SpinnError, match=message):
        convert(native(name), tmp_path / "n.hdf5", "pdebench")
    assert not list(tmp_path.iterdir())
