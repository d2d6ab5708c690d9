"""Files are read back with VTK itself: positions, order, steps, vectors."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.output import write_solution
from spinn.output.vtkhdf import obstacle

pyvista = pytest.importorskip("pyvista")


def steps(path: Path) -> list[Any]:
    """Every step as a PyVista data set."""
    from vtkmodules.vtkIOHDF import vtkHDFReader

    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    assert reader.CanReadFile(str(path))
    reader.UpdateInformation()
    found = []
    for step in range(reader.GetNumberOfSteps()):
        reader.SetStep(step)
        reader.Update()
        copy = pyvista.wrap(reader.GetOutput()).copy()
        found.append(copy)
    return found


def at_points(data: Any, function: Any, **fixed: float) -> np.ndarray:
    """The function at the points where VTK believes its values to lie."""
    return function(*fixed.values(), *np.asarray(data.points, np.float64).T)


AXES = {
    "t": np.array([0.0, 0.5, 2.0]),
    "x": np.linspace(-1, 1, 5),
    "y": np.linspace(0, 3, 4),
    "z": np.linspace(2, 4, 3),
}


def field(t: Any, x: Any, y: Any, z: Any) -> Any:
    return x + 10 * y + 100 * z + 1000 * t


def test_a_time_series_in_three_dimensions(tmp_path: Path) -> None:
    grid = np.meshgrid(*AXES.values(), indexing="ij")
    u = field(*grid)
    write_solution(tmp_path / "s.h5", AXES, {"u": u}, reference={"u": u - 1}, derived={"q": -u})
    found = steps(tmp_path / "s.h5")
    assert len(found) == 3
    for data, time in zip(found, AXES["t"], strict=True):
        assert isinstance(data, pyvista.ImageData)
        assert data.dimensions == (5, 4, 3)
        np.testing.assert_allclose(data.origin, (-1, 0, 2))
        np.testing.assert_allclose(data.spacing, (0.5, 1, 1))
        expected = at_points(data, field, t=time)
        np.testing.assert_allclose(data["u"], expected, rtol=1e-6)
        np.testing.assert_allclose(data["u_reference"], expected - 1, rtol=1e-6)
        np.testing.assert_allclose(data["u_error"], 1, rtol=1e-6)
        np.testing.assert_allclose(data["q"], -expected, rtol=1e-6)


def test_the_times_reach_the_pipeline(tmp_path: Path) -> None:
    from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline
    from vtkmodules.vtkIOHDF import vtkHDFReader

    write_solution(tmp_path / "s.h5", AXES, {"u": np.zeros((3, 5, 4, 3))})
    reader = vtkHDFReader()
    reader.SetFileName(str(tmp_path / "s.h5"))
    reader.UpdateInformation()
    times = reader.GetOutputInformation(0).Get(vtkStreamingDemandDrivenPipeline.TIME_STEPS())
    np.testing.assert_allclose(times, AXES["t"])


def test_x_runs_fastest(tmp_path: Path) -> None:
    names = ("x", "y", "z")
    u = np.arange(60.0).reshape(5, 4, 3)
    write_solution(tmp_path / "s.h5", {name: AXES[name] for name in names}, {"u": u})
    (data,) = steps(tmp_path / "s.h5")
    np.testing.assert_array_equal(data["u"], u.ravel(order="F"))
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["VTKHDF/PointData/u"].shape == (3, 4, 5)


@pytest.mark.parametrize("names", ["x", "xy", "tx", "txy", "t"])
def test_fewer_axes_are_padded_with_one_layer(tmp_path: Path, names: str) -> None:
    axes = {name: AXES[name] if name != "t" else np.linspace(0, 1, 3) for name in names}
    u = np.random.default_rng(0).normal(size=tuple(len(a) for a in axes.values()))
    write_solution(tmp_path / "s.h5", axes, {"u": u})
    found = steps(tmp_path / "s.h5")
    space = [name for name in names if name != "t"] or ["t"]
    lengths = [len(axes[name]) for name in space]
    assert found[0].dimensions == (*lengths, *[1] * (3 - len(lengths)))
    series = u if len(found) > 1 else u[None]
    assert len(found) == len(series)
    for data, values in zip(found, series, strict=True):
        np.testing.assert_allclose(data["u"], values.ravel(order="F"), rtol=1e-6)


@pytest.mark.parametrize("timed", [False, True])
def test_uneven_axes_become_a_rectilinear_grid(tmp_path: Path, timed: bool) -> None:
    gauss = np.polynomial.legendre.leggauss(6)[0]
    axes = {"t": np.array([0.0, 0.3, 1.0]), "x": gauss, "y": np.linspace(0, 1, 4), "z": np.array([0.0, 1.0, 4.0])}
    if not timed:
        del axes["t"]
    u = sum(10**i * grid for i, grid in enumerate(np.meshgrid(*axes.values(), indexing="ij")))
    write_solution(tmp_path / "s.h5", axes, {"u": u})
    found = steps(tmp_path / "s.h5")
    assert len(found) == (3 if timed else 1)
    for index, data in enumerate(found):
        assert isinstance(data, pyvista.RectilinearGrid)
        np.testing.assert_allclose(data.x, gauss)
        np.testing.assert_allclose(data.z, [0, 1, 4])
        np.testing.assert_allclose(data["u"], (u[index] if timed else u).ravel(order="F"), rtol=1e-6)


def test_time_need_not_come_first(tmp_path: Path) -> None:
    axes = {"x": AXES["x"], "t": AXES["t"], "y": AXES["y"]}
    u = np.random.default_rng(0).normal(size=(5, 3, 4))
    write_solution(tmp_path / "s.h5", axes, {"u": u})
    for step, data in enumerate(steps(tmp_path / "s.h5")):
        np.testing.assert_allclose(data["u"], u[:, step].ravel(order="F"), rtol=1e-6)


def test_velocities_and_named_components_are_vectors_too(tmp_path: Path) -> None:
    u, v, w = np.random.default_rng(0).normal(size=(3, 3, 5, 4, 3))
    derived = {"omega_x": v, "omega_y": w, "omega_z": u}
    write_solution(tmp_path / "s.h5", AXES, {"u": u, "v": v, "w": w}, derived=derived)
    data = steps(tmp_path / "s.h5")[1]
    expected = np.stack([a[1].ravel(order="F") for a in (u, v, w)], axis=1)
    np.testing.assert_allclose(data["velocity"], expected, rtol=1e-6)
    np.testing.assert_allclose(data["omega_vector"], np.roll(expected, -1, axis=1), rtol=1e-6)


def test_a_plane_velocity_has_no_third_component(tmp_path: Path) -> None:
    u, v = np.random.default_rng(0).normal(size=(2, 5, 4))
    write_solution(tmp_path / "s.h5", {"x": AXES["x"], "y": AXES["y"]}, {"u": u, "v": v})
    (data,) = steps(tmp_path / "s.h5")
    np.testing.assert_array_equal(data["velocity"][:, 2], 0)
    np.testing.assert_allclose(data["velocity"][:, 1], v.ravel(order="F"), rtol=1e-6)


def test_two_unknowns_on_a_line_are_no_velocity(tmp_path: Path) -> None:
    u = np.zeros(5)
    write_solution(tmp_path / "s.h5", {"x": AXES["x"]}, {"u": u, "v": u})
    (data,) = steps(tmp_path / "s.h5")
    assert sorted(data.point_data.keys()) == ["u", "v"]


def test_four_space_axes_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    axes = {name: np.arange(2.0) for name in ("t", "a", "b", "c", "d")}
    assert "4 (a, b, c, d)" in str(obstacle(axes))
    with pytest.raises(SpinnError, match=r"output\.vtkhdf"):
        write_solution(tmp_path / "s.h5", axes, {"u": np.zeros((2,) * 5)})
    assert not list(tmp_path.iterdir())
    write_solution(tmp_path / "s.h5", axes, {"u": np.zeros((2,) * 5)}, vtkhdf=False)


def test_pyvista_opens_the_file(tmp_path: Path) -> None:
    write_solution(tmp_path / "s.h5", {"x": AXES["x"], "y": AXES["y"]}, {"u": np.ones((5, 4))})
    data = pyvista.HDFReader(str(tmp_path / "s.h5")).read()
    np.testing.assert_array_equal(data["u"], 1)
