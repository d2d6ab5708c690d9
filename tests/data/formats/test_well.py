"""Files as the reader of The Well takes them apart: attributes decide how every field is indexed and tiled."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spinn.data.formats import convert
from spinn.data.formats.well import fixed_parameters
from spinn.errors import SpinnError

BOUNDARIES = {"wall": 0, "open": 1, "periodic": 2}


def load(path: Path, sample: int) -> dict[str, Any]:
    """One trajectory: fields that vary and constant ones by tensor order, scalars, boundary codes and coordinates."""
    with h5py.File(path) as file:
        dims = list(file["dimensions"].attrs["spatial_dims"])
        sizes = [file["dimensions"][dim].shape[-1] for dim in dims]
        assert file.attrs["n_spatial_dims"] == len(dims) and file.attrs["grid_type"] == "cartesian"
        assert 0 <= sample < file.attrs["n_trajectories"]
        steps = file["dimensions/time"].shape[-1]
        assert steps >= 2 and not file["dimensions/time"].attrs["sample_varying"]
        found: dict[str, Any] = {"varying": {}, "constant": {}, "scalars": {}, "steps": steps, "dims": dims}
        for order in range(3):
            group = file[f"t{order}_fields"]
            assert sorted(group) == sorted(group.attrs["field_names"])
            for name in group.attrs["field_names"]:
                field = group[name]
                assert field.dtype == np.float32 and len(field.attrs["dim_varying"]) == len(dims)
                index = ((sample,) if field.attrs["sample_varying"] else ()) + (
                    (slice(0, steps),) if field.attrs["time_varying"] else ()
                )
                values = field[index]
                tiles = [1 if used else size for used, size in zip(field.attrs["dim_varying"], sizes, strict=True)]
                lead = (1,) if field.attrs["time_varying"] else ()
                values = np.tile(values, (*lead, *tiles, *(1,) * order))
                expected = (*((steps,) if lead else ()), *sizes, *(len(dims),) * order)
                assert values.shape == expected
                found["varying" if lead else "constant"][name] = (order, values)
        for name in file["scalars"].attrs["field_names"]:
            scalar = file["scalars"][name]
            assert not scalar.attrs["time_varying"]
            value = scalar[(sample,) if scalar.attrs["sample_varying"] else ()]
            assert np.shape(value) == (), "the reader joins scalars of shape () only"
            found["scalars"][name] = float(value)
        for name in file.attrs["simulation_parameters"]:
            assert found["scalars"][name] == pytest.approx(file.attrs[name])
        found["boundaries"] = boundaries(file, dims)
        for dim in dims:
            assert not file["dimensions"][dim].attrs["sample_varying"]
            assert not file["dimensions"][dim].attrs["time_varying"]
        return found


def boundaries(file: h5py.File, dims: list[str]) -> np.ndarray:
    """Codes (dims, 2), open where nothing is said."""
    codes = np.ones((len(dims), 2))
    for group in file["boundary_conditions"].values():
        assert not group.attrs["sample_varying"] and not group.attrs["time_varying"]
        mask = group["mask"][:]
        assert (
            mask.dtype == bool and group["values"].shape == (mask.sum(),) and len(group.attrs["associated_fields"]) == 0
        )
        for dim in group.attrs["associated_dims"]:
            for side, end in enumerate((0, -1)):
                if mask[end]:
                    codes[dims.index(dim), side] = BOUNDARIES[group.attrs["bc_type"].lower()]
    return codes


@pytest.fixture
def converted(native, tmp_path):
    def make(name: str) -> Path:
        convert(native(name), tmp_path / f"{name}.hdf5", "well")
        return tmp_path / f"{name}.hdf5"

    return make


def test_a_steady_problem_goes_from_zero_to_its_solution(converted, native, fields):
    data, expected = load(converted("oblong"), 1), fields(native("oblong"))
    assert data["steps"] == 2
    np.testing.assert_array_equal(data["constant"]["a"][1], expected["a"][1])
    np.testing.assert_array_equal(data["varying"]["u"][1], np.stack([0 * expected["u"][1], expected["u"][1]]))
    np.testing.assert_array_equal(data["boundaries"], 0)
    assert data["scalars"] == {"source": 1.0}


def test_an_evolving_one_on_a_circle(converted, native, fields):
    data, expected = load(converted("fisher"), 2), fields(native("fisher"))
    np.testing.assert_array_equal(data["varying"]["u"][1], expected["u"][2])
    np.testing.assert_array_equal(data["constant"]["u0"][1], expected["u0"][2])
    np.testing.assert_array_equal(data["boundaries"], [[2, 2]])
    assert data["scalars"] == pytest.approx({"rho": expected["rho"][2], "nu": 1e-3})


def test_components_of_the_velocity_are_one_vector_field(converted, native, fields):
    data, expected = load(converted("convection"), 0), fields(native("convection"))
    assert list(data["constant"]) == ["velocity"]
    order, velocity = data["constant"]["velocity"]
    assert order == 1
    np.testing.assert_array_equal(velocity[..., 0], expected["vx"][0])
    np.testing.assert_array_equal(velocity[..., 1], expected["vy"][0])
    assert set(data["scalars"]) == {"eps", "speed", "source"}


@pytest.mark.parametrize(
    ("name", "dims", "steps", "code"),
    [
        ("flow", ["x", "y"], 3, 2),
        ("heat", ["x", "y"], 4, 0),
        ("space", ["x", "y", "z"], 2, 0),
        ("numbers", ["x", "y"], 2, 0),
    ],
)
def test_axes_steps_and_boundaries(converted, name, dims, steps, code):
    data = load(converted(name), 0)
    assert data["dims"] == list(dims) and data["steps"] == steps
    np.testing.assert_array_equal(data["boundaries"], code)


def test_numbers_that_vary_are_not_among_the_fixed_ones(converted, native, fields):
    path = converted("numbers")
    assert load(path, 1)["scalars"] == pytest.approx({"k": fields(native("numbers"))["k"][1], "f": 1.0})
    with h5py.File(path) as file:
        assert list(file.attrs["simulation_parameters"]) == ["f"]


def test_settings_are_no_parameters():
    described = {
        "name": "heat_2d",
        "grid": [9, 9],
        "frames": 4,
        "tolerance": 1e-8,
        "order": 2,
        "nu": 0.5,
        "mixed": True,
    }
    assert fixed_parameters(described, ()) == {"nu": 0.5}


def test_a_mesh_is_refused(native, tmp_path):
    with pytest.raises(SpinnError, match="one value a node of a mesh"):
        convert(native("plate"), tmp_path / "p.hdf5", "well")
