"""Predictions carry their true residuals; polished ones meet the tolerance, from fewer iterations."""

import h5py
import numpy as np
import pytest

from spinn.data import Darcy2D
from spinn.data.formats import convert
from spinn.data.formats.samples import opened
from spinn.data.generation import verify
from spinn.errors import SpinnError
from spinn.operators.origin import family_of
from spinn.operators.polishing import smoothed
from spinn.operators.predicting import predict, summary
from spinn.solvers import SuperLU


def test_predictions_are_a_dataset_with_true_residuals(run, darcy, tmp_path):
    found = predict(run.folder, darcy, tmp_path / "p.h5")
    assert found.errors is not None and 0.0 < found.errors.mean() < 0.3
    with opened(tmp_path / "p.h5") as samples:
        family = family_of(samples.attributes)
        fields = {name: column.read(5) for name, column in samples.fields.items()}
        assert family.residual({"a": fields["a"]}, fields) == pytest.approx(found.residuals[5], rel=1e-6)
        assert np.array_equal(samples.index, np.arange(24))
        assert verify(tmp_path / "p.h5", family).good


def test_polished_ones_meet_the_tolerance(run, darcy, tmp_path):
    found = predict(run.folder, darcy, tmp_path / "p.h5", polish=1e-9, compared=24)
    assert found.residuals.max() <= 1e-9 and found.errors.max() < 1e-7 and not found.polish.failed
    assert len(found.polish.alone) == 24 and found.polish.ratio > 1.0
    told = summary(found)["polish"]
    assert told["iterations"] == pytest.approx(told["iterations_compared"]) and told["residual_before"] > 1e-3
    with opened(tmp_path / "p.h5") as samples:
        assert verify(tmp_path / "p.h5", family_of(samples.attributes), share=1.0).good


def test_files_of_others_are_predicted(run, darcy, tmp_path):
    with h5py.File(darcy) as file, h5py.File(tmp_path / "n.hdf5", "w") as target:
        target["tensor"], target["inputs/a"] = file["outputs/u"][:][:, None], file["inputs/a"][:]
        target["x-coordinate"] = target["y-coordinate"] = np.linspace(0, 1, 17)
    before = predict(run.folder, darcy, tmp_path / "p.h5")
    found = predict(run.folder, tmp_path / "n.hdf5", tmp_path / "q.h5")
    with opened(tmp_path / "p.h5") as ours, opened(tmp_path / "q.h5") as theirs:
        assert ours.outputs["u"].read(3) == pytest.approx(theirs.outputs["u"].read(3), abs=1e-7)
    # The family that the operator was trained on gives residuals to files that tell none.
    assert found.residuals == pytest.approx(before.residuals, rel=1e-3)


def test_other_inputs_are_refused(run, darcy, tmp_path):
    convert(darcy, tmp_path / "d.pt", "neuraloperator")
    with pytest.raises(SpinnError, match="expected the inputs a on the axes x, y, got x"):
        predict(run.folder, tmp_path / "d.pt", tmp_path / "p.h5")


def test_smoothing_takes_what_is_rough_and_leaves_what_is_smooth():
    system = Darcy2D(grid=(33, 33)).system(Darcy2D(grid=(33, 33)).parameters(0, 0))
    exact = SuperLU().solve(system.matrix, system.rhs)[0]
    i, j = np.indices(system.shape)
    rough = ((-1.0) ** (i + j)).ravel() * exact.max()
    assert np.linalg.norm(smoothed(system, exact + rough) - exact) < 0.25 * np.linalg.norm(rough)
    assert system.residual(smoothed(system, exact)) < 1e-9
    start = smoothed(system, np.zeros_like(exact))
    assert np.linalg.norm(start - exact) > 0.8 * np.linalg.norm(exact)


def test_what_cannot_be_done_is_told(run, darcy, tmp_path):
    (tmp_path / "p.h5").touch()
    with pytest.raises(SpinnError, match="exists already"):
        predict(run.folder, darcy, tmp_path / "p.h5")
    with pytest.raises(SpinnError, match="expected a tolerance between 0 and 1"):
        predict(run.folder, darcy, tmp_path / "q.h5", polish=2.0)
    with pytest.raises(SpinnError, match="no such file"):
        predict(run.folder, tmp_path / "none.h5", tmp_path / "q.h5")
    assert not (tmp_path / "q.h5").exists()
