"""Exports hold the same numbers under the same names."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spinn.errors import SpinnError
from spinn.output import SolutionGrid
from spinn.output.export import export_solution

AXES = {"t": np.array([0.0, 0.1, 0.2]), "x": np.array([-1.0, 1 / 3])}
U = np.arange(6.0).reshape(3, 2) / 7
GRID = SolutionGrid(
    AXES, {"u": U}, reference={"u": U + 1}, derived={"q": 2 * U}, attributes={"pde": "heat", "p": {"a": 1}}
)


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.float64, (3, 2), elements=st.floats(allow_nan=True)))
def test_csv_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("csv") / "s.csv"
    export_solution(SolutionGrid(AXES, {"u": values}), path)
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 0], np.repeat(AXES["t"], 2))
    np.testing.assert_array_equal(table[:, 1], np.tile(AXES["x"], 3))
    np.testing.assert_array_equal(table[:, 2], values.ravel())


def test_csv_has_a_header_and_every_column(tmp_path: Path) -> None:
    export_solution(GRID, tmp_path / "s.csv")
    with open(tmp_path / "s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["t", "x", "u", "q", "u_reference", "u_error"]
    assert len(rows) == 6
    assert float(rows[3]["u_error"]) == pytest.approx(-1)


def test_csv_of_a_line(tmp_path: Path) -> None:
    export_solution(SolutionGrid({"x": np.array([0.0, 0.1])}, {"u": np.array([1.0, 2.5])}), tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_text() == "x,u\n0.0,1.0\n0.1,2.5\n"


def test_npz_holds_everything(tmp_path: Path) -> None:
    export_solution(GRID, tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as found:
        assert list(found["coordinates"]) == ["t", "x"]
        np.testing.assert_array_equal(found["axis_x"], AXES["x"])
        np.testing.assert_array_equal(found["q"], 2 * U)
        np.testing.assert_allclose(found["u_error"], -1)


def test_vtkhdf_is_read_by_pyvista(tmp_path: Path) -> None:
    pyvista = pytest.importorskip("pyvista")
    export_solution(GRID, tmp_path / "s.vtkhdf")
    data = pyvista.get_reader(str(tmp_path / "s.vtkhdf")).read()
    np.testing.assert_allclose(data["u"], U[0], rtol=1e-6)


def test_netcdf_is_read_by_xarray(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    export_solution(GRID, tmp_path / "s.nc")
    with xarray.open_dataset(tmp_path / "s.nc") as found:
        assert found["u"].dims == ("t", "x")
        np.testing.assert_array_equal(found["u"], U)
        np.testing.assert_array_equal(found["x"], AXES["x"])
        assert found.attrs["pde"] == "heat"


def test_netcdf_without_xarray_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(SpinnError, match=r"pip install 'spinn-pde\[xarray\]'"):
        export_solution(GRID, tmp_path / "s.nc")
    assert not list(tmp_path.iterdir())


def test_unknown_formats_are_told(tmp_path: Path) -> None:
    with pytest.raises(SpinnError, match=r"expected one of csv, npz, vtkhdf, netcdf, got the file name 's\.xyz'"):
        export_solution(GRID, tmp_path / "s.xyz")
    with pytest.raises(SpinnError, match="got 'matlab'"):
        export_solution(GRID, tmp_path / "s.csv", "matlab")


def test_a_named_format_overrules_the_suffix(tmp_path: Path) -> None:
    export_solution(GRID, tmp_path / "table.txt", "csv")
    assert (tmp_path / "table.txt").read_text().startswith("t,x,u,")
