"""solution.h5: what goes in comes out, and other tools find their way."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spinn.errors import SpinnError
from spinn.output import SolutionGrid, read_solution, write_solution
from spinn.output.grid import is_uniform


def axes(*lengths: int) -> dict[str, np.ndarray]:
    return {name: np.linspace(0.0, 1.0 + i, n) for i, (name, n) in enumerate(zip("txyz", lengths, strict=False))}


@settings(max_examples=20, deadline=None)
@given(
    values=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
        elements=st.floats(width=32, allow_nan=True),
    )
)
def test_round_trip_is_exact(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("trip") / "s.h5"
    given_axes = axes(*values.shape)
    attributes = {"pde": "heat", "parameters": {"kappa": 0.1}, "seed": 3, "list": [1, "a"]}
    with np.errstate(all="ignore"):
        write_solution(path, given_axes, {"u": values}, derived={"flux": values * 2}, attributes=attributes)
        grid = read_solution(path)
        np.testing.assert_array_equal(grid.derived["flux"], values * 2)
    np.testing.assert_array_equal(grid.unknowns["u"], values)
    assert grid.unknowns["u"].dtype == values.dtype
    assert list(grid.axes) == list(given_axes)
    for name, points in given_axes.items():
        np.testing.assert_array_equal(grid.axes[name], points)
    assert attributes.items() <= grid.attributes.items()
    assert grid.attributes["units"] == "nondimensional"


def test_errors_are_solution_minus_truth_where_there_is_one(tmp_path: Path) -> None:
    u, v = np.random.default_rng(0).normal(size=(2, 3, 4))
    write_solution(
        tmp_path / "s.h5", axes(3, 4), {"u": u, "v": v}, derived={"w": u + v}, reference={"u": u - 0.5, "w": u}
    )
    with h5py.File(tmp_path / "s.h5") as file:
        assert sorted(file["error"]) == ["u", "w"]
        np.testing.assert_allclose(file["error/u"], 0.5)
        np.testing.assert_allclose(file["error/w"], v)


def test_dimensions_know_their_axes(tmp_path: Path) -> None:
    write_solution(tmp_path / "s.h5", axes(3, 4, 5), {"u": np.zeros((3, 4, 5))})
    with h5py.File(tmp_path / "s.h5") as file:
        dataset = file["unknowns/u"]
        assert [dimension.label for dimension in dataset.dims] == ["t", "x", "y"]
        assert [dimension[0].name for dimension in dataset.dims] == ["/axes/t", "/axes/x", "/axes/y"]
        assert json.loads(file.attrs["coordinates"]) == ["t", "x", "y"]


def test_coordinate_order_is_kept_even_against_the_alphabet(tmp_path: Path) -> None:
    given_axes = {"z": np.arange(2.0), "a": np.arange(3.0), "m": np.arange(4.0)}
    u = np.random.default_rng(0).normal(size=(2, 3, 4))
    write_solution(tmp_path / "s.h5", given_axes, {"v": u, "b": 2 * u})
    grid = read_solution(tmp_path / "s.h5")
    assert list(grid.axes) == ["z", "a", "m"]
    assert list(grid.unknowns) == ["v", "b"]
    np.testing.assert_array_equal(grid.unknowns["b"], 2 * u)


def test_without_vtkhdf_there_is_no_such_group(tmp_path: Path) -> None:
    write_solution(tmp_path / "s.h5", axes(3, 4), {"u": np.zeros((3, 4))}, vtkhdf=False)
    with h5py.File(tmp_path / "s.h5") as file:
        assert "VTKHDF" not in file


def test_misfits_are_refused_before_a_file_exists(tmp_path: Path) -> None:
    zero = np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"u: expected shape \(3, 4\) \(axes t, x\), got \(4, 3\)"):
        write_solution(tmp_path / "s.h5", axes(3, 4), {"u": zero.T})
    with pytest.raises(ValueError, match="reference for q"):
        write_solution(tmp_path / "s.h5", axes(3, 4), {"u": zero}, reference={"q": zero})
    with pytest.raises(ValueError, match="axis x: expected increasing"):
        write_solution(tmp_path / "s.h5", {"t": np.arange(3), "x": np.array([0, 2, 1, 3])}, {"u": zero})
    with pytest.raises(ValueError, match="both an unknown and a derived"):
        write_solution(tmp_path / "s.h5", axes(3, 4), {"u": zero}, derived={"u": zero})
    assert not list(tmp_path.iterdir())


def test_reading_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpinnError, match="no such file"):
        read_solution(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("hello")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name in ("text.h5", "other.h5"):
        with pytest.raises(SpinnError, match="expected a solution file"):
            read_solution(tmp_path / name)


def test_time_alone_counts_as_space() -> None:
    grid = SolutionGrid({"t": np.arange(3.0)}, {"u": np.zeros(3)})
    assert grid.space == ("t",)
    assert grid.time is None


def test_uniform_is_what_linspace_makes() -> None:
    assert is_uniform(np.linspace(-1, 1, 1000, dtype=np.float32))
    assert is_uniform(np.array([0.0, 5.0]))
    assert not is_uniform(np.polynomial.legendre.leggauss(8)[0])
    assert not is_uniform(np.array([0.0, 1.0, 2.01]))
