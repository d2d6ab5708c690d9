"""Files of others, and our own in their layouts, read back sample by sample."""

import pickle
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

from spinn.data import Burgers1D, Darcy2D
from spinn.data.formats import convert
from spinn.data.formats.samples import joined, opened
from spinn.data.generation import Recipe, generate
from spinn.errors import SpinnError

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def darcy(tmp_path_factory):
    file = tmp_path_factory.mktemp("darcy") / "d.h5"
    generate(Recipe(family=Darcy2D(grid=(9, 9)), samples=3, solver="superlu"), file)
    return file


@pytest.fixture(scope="module")
def burgers(tmp_path_factory):
    file = tmp_path_factory.mktemp("burgers") / "b.h5"
    generate(Recipe(family=Burgers1D(grid=(16,), frames=4), samples=2), file)
    return file


@pytest.mark.parametrize(("layout", "name", "ins", "out"),
                         [("pdebench", "d.hdf5", "nu", "tensor"), ("neuraloperator", "d.pt", "x", "y")])  # fmt: skip
def test_what_is_written_in_other_layouts_is_read_back(darcy, tmp_path, layout, name, ins, out):
    convert(darcy, tmp_path / name, layout)
    with opened(darcy) as ours, opened(tmp_path / name) as theirs:
        assert theirs.layout == layout and len(theirs) == 3
        for place in range(3):
            assert np.array_equal(theirs.inputs[ins].read(place), ours.inputs["a"].read(place).astype("f4"))
            assert np.array_equal(theirs.outputs[out].read(place), ours.outputs["u"].read(place).astype("f4"))
        assert theirs.axes["y"] == pytest.approx(ours.axes["y"], abs=1e-7)


def test_evolving_files(burgers, tmp_path):
    convert(burgers, tmp_path / "b.hdf5", "pdebench")
    with opened(burgers) as ours, opened(tmp_path / "b.hdf5") as theirs:
        assert ours.periodic == {"x"} and ours.outputs["u"].axes == ("t", "x")
        assert theirs.outputs["tensor"].axes == ("t", "x")
        assert np.array_equal(theirs.inputs["tensor0"].read(1), ours.outputs["u"].read(1)[0].astype("f4"))
        assert theirs.axes["t"] == pytest.approx(ours.axes["t"])


def test_fluids_of_pdebench(tmp_path):
    values = {name: RANDOM.random((2, 3, 4, 5)).astype("f4") for name in ("density", "Vx", "pressure")}
    with h5py.File(tmp_path / "f.hdf5", "w") as file:
        for name, array in values.items():
            file[name] = array
        file["t-coordinate"] = np.arange(4.0)  # one more than there are frames, as in some of its files
        file["x-coordinate"], file["y-coordinate"] = np.arange(4.0), np.arange(5.0)
    with opened(tmp_path / "f.hdf5") as found:
        assert set(found.outputs) == set(values) and set(found.inputs) == {f"{name}0" for name in values}
        assert len(found.axes["t"]) == 3
        assert np.array_equal(found.outputs["Vx"].read(1), values["Vx"][1])
        assert np.array_equal(found.inputs["Vx0"].read(1), values["Vx"][1, 0])


def matlab(path, variables, new):
    """As MATLAB writes them: the newer format is HDF5 with the axes reversed."""
    if not new:
        scipy.io.savemat(path, variables)
        return
    with h5py.File(path, "w") as file:
        for name, values in variables.items():
            file[name] = values.T


@pytest.mark.parametrize("new", [False, True])
def test_matlab_files_of_the_fno_paper(tmp_path, new):
    coeff, sol = RANDOM.random((3, 5, 5)), RANDOM.random((3, 5, 5))
    matlab(tmp_path / "d.mat", {"coeff": coeff, "sol": sol}, new)
    with opened(tmp_path / "d.mat") as found:
        assert np.array_equal(found.inputs["coeff"].read(2), coeff[2]) and not found.periodic
        assert np.array_equal(found.outputs["sol"].read(1), sol[1])
    a, u, t = RANDOM.random((2, 4, 6)), RANDOM.random((2, 4, 6, 3)), np.array([[1.0, 2.0, 4.0]])
    matlab(tmp_path / "n.mat", {"a": a, "u": u, "t": t}, new)
    with opened(tmp_path / "n.mat") as found:
        assert found.outputs["u"].axes == ("t", "x", "y") and found.periodic == {"x", "y"}
        assert np.array_equal(found.outputs["u"].read(1)[2], u[1, :, :, 2])
        assert found.axes["t"] == pytest.approx([1, 2, 4]) and found.axes["x"] == pytest.approx([0, 0.25, 0.5, 0.75])
    matlab(tmp_path / "b.mat", {"a": a[:, 0], "u": u[:, 0, :, 0]}, new)
    with opened(tmp_path / "b.mat") as found:
        assert np.array_equal(found.outputs["u"].read(0), u[0, 0, :, 0])


def test_files_that_torch_saved(tmp_path):
    torch = pytest.importorskip("torch")
    x, y = torch.rand(3, 1, 8, 8) > 0.5, torch.rand(3, 8, 8)
    torch.save({"x": x, "y": y}, tmp_path / "d.pt")
    with opened(tmp_path / "d.pt") as found:
        assert np.array_equal(found.inputs["x"].read(1), x[1, 0].numpy())
        assert np.array_equal(found.outputs["y"].read(2), y[2].numpy())


def saved(path, payload, storage=b"", store=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
        archive.writestr("archive/data/0", storage, store)


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_pickles_run_nothing(tmp_path, capsys):
    saved(tmp_path / "e.pt", pickle.dumps({"x": Evil()}))
    with pytest.raises(SpinnError, match="asks for builtins.print, which is not run"), opened(tmp_path / "e.pt"):
        pass
    assert "run" not in capsys.readouterr().out


def test_tensors_outside_their_storage_are_refused(darcy, tmp_path):
    convert(darcy, tmp_path / "d.pt", "neuraloperator")
    with zipfile.ZipFile(tmp_path / "d.pt") as archive:
        payload = archive.read("archive/data.pkl")
    saved(tmp_path / "short.pt", payload, bytes(16))
    with pytest.raises(SpinnError, match="expected a file that torch"), opened(tmp_path / "short.pt"):
        pass


@pytest.mark.parametrize(
    ("name", "told"),
    [("none.h5", "no such file"), ("none.pt", "no such file"), ("none.mat", "no such file"),
     ("text.h5", "not a readable HDF5"), ("text.pt", "torch 1.6 or later"), ("text.mat", "not a readable MATLAB")],
)  # fmt: skip
def test_what_is_no_such_file_is_told(tmp_path, name, told):
    if name.startswith("text"):
        (tmp_path / name).write_text("hello " * 40)
    with pytest.raises(SpinnError, match=told), opened(tmp_path / name):
        pass


def test_hdf5_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "o.h5", "w") as file:
        file["velocity"] = np.ones(3)
    with pytest.raises(SpinnError, match="got the keys velocity"), opened(tmp_path / "o.h5"):
        pass


def test_files_of_other_fields_are_not_joined(darcy, burgers):
    told = pytest.raises(SpinnError, match="expected the fields and axes")
    with opened(darcy) as one, opened(burgers) as other, told:
        joined([one, other])
