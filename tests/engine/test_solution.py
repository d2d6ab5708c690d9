"""The solution object: called, on grids, derived quantities, saved and read back."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spinn
from spinn.errors import SpinnError
from spinn.pdes import get
from spinn.solution import MODEL, load_pieces

STRIP = {
    "network": {"features": "mlp", "rank": 3, "width": 4, "depth": 1}, "sampling": {"points_per_axis": 6},
    "train": [{"optimizer": "adam", "steps": 50, "learning_rate": 0.01}], "device": "cpu",
    "output": {"figures": False, "report": False, "vtkhdf": False, "grid": [5, 6]}, "windows": 2,
}  # fmt: skip
T, X = np.array([[0.0], [0.3], [0.5], [0.9]]), np.linspace(0.0, 1.0, 5)


@pytest.fixture(scope="module")
def heat(quick, tmp_path_factory):
    """Two windows of trained networks on (t, x), in a folder."""
    return spinn.solve(get("heat")(), out=tmp_path_factory.mktemp("runs") / "heat", **STRIP)


@pytest.fixture(scope="module")
def pair(quick, oscillator):
    """Two unknowns with a derived quantity, nearly exact."""
    return spinn.solve(oscillator(), network={"modes": 14}, train=[{"optimizer": "gauss_newton", "steps": 4}],
                       device="cpu")  # fmt: skip


# --- calling ----------------------------------------------------------------------------------------------------------


def test_arrays_broadcast(heat):
    whole = heat(T, X)
    assert (whole.shape, whole.dtype) == ((4, 5), np.float64)
    for i in range(4):
        for j in range(5):
            assert heat(T[i, 0], X[j]) == pytest.approx(whole[i, j], rel=1e-12, abs=1e-14)
    assert heat(0.5, X).shape == (5,)
    assert heat(0.5, 0.5).shape == ()
    assert heat([0.5, 0.6], [0.5, 0.1]).shape == (2,)


def test_nothing_at_no_points(heat):
    assert heat([], []).shape == (0,)
    assert heat(np.zeros((0, 1)), X).shape == (0, 5)


def test_several_unknowns_are_a_dict(pair):
    t = np.linspace(0, 2, 7)
    values = pair(t)
    assert list(values) == ["u", "v"]
    np.testing.assert_allclose(values["u"], np.cos(t), atol=1e-9)
    np.testing.assert_allclose(values["v"], -np.sin(t), atol=1e-9)


def test_derived_quantities(pair):
    on_grid = pair.on_grid({"t": np.linspace(0, 2, 7)})
    assert set(on_grid) == {"u", "v", "energy"}
    np.testing.assert_allclose(on_grid["energy"], 1.0, atol=1e-8)
    np.testing.assert_allclose(pair.at_points({"t": np.zeros(3)}, derived=True)["energy"], 1.0, atol=1e-8)
    assert set(pair.on_grid({"t": np.zeros(1)}, derived=False)) == {"u", "v"}


def test_grids_and_calls_agree(heat):
    t = np.array([0.9, 0.0, 0.5, 0.50001, 0.3])  # both windows, in no order, with the cut itself
    grid = heat.on_grid({"t": t, "x": X})["u"]
    assert grid.shape == (5, 5)
    np.testing.assert_allclose(grid, heat(t[:, None], X), rtol=1e-11, atol=1e-13)


def test_axes_may_come_in_any_order_and_as_lists(heat):
    usual = heat.on_grid({"t": np.array([0.7]), "x": np.array([0.1, 0.2])})
    np.testing.assert_array_equal(heat.on_grid({"x": [0.1, 0.2], "t": [0.7]})["u"], usual["u"])
    assert heat.on_grid({"t": 0.7, "x": X})["u"].shape == (1, 5)


def test_wrong_arguments_are_told(heat):
    with pytest.raises(ValueError, match=r"expected 2 coordinates \(t, x\), got 1"):
        heat(0.5)
    with pytest.raises(ValueError, match="points for every axis; x are missing"):
        heat.on_grid({"t": np.zeros(1)})
    with pytest.raises(ValueError, match="broadcast"):
        heat(np.zeros(2), np.zeros(3))


def test_the_precision_of_the_caller_does_not_matter(heat):
    with jax.enable_x64(False):
        single = heat(T, X)
    with jax.enable_x64(True):
        double = heat(T, X)
    np.testing.assert_array_equal(single, double)
    assert jnp.zeros(()).dtype == np.float32


def test_networks_are_there_to_be_looked_at(heat):
    assert len(heat.networks) == 2
    assert heat.networks[0].axes == ("t", "x")


# --- saving and loading -----------------------------------------------------------------------------------------------


def test_a_loaded_solution_is_the_same_to_the_last_bit(heat):
    again = spinn.load(heat.folder)
    for one, other in zip(heat.networks, again.networks, strict=True):
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            assert a.dtype == b.dtype == np.float64
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again(T, X), heat(T, X))
    assert [(p.start, p.end) for p in again.pieces] == [(p.start, p.end) for p in heat.pieces]
    assert again.pde == heat.pde
    assert again.summary["relative_l2"] == pytest.approx(heat.summary["relative_l2"])
    assert again.config.model_dump() == heat.config.model_dump()
    assert [dict(modes) for modes in again.modes] == [dict(modes) for modes in heat.modes]


def test_loading_what_is_no_run(tmp_path):
    with pytest.raises(SpinnError, match="expected the folder of a run"):
        spinn.load(tmp_path / "nothing")
    with pytest.raises(SpinnError, match="holds no run"):
        spinn.load(tmp_path)


def test_loading_a_run_that_has_not_ended(heat, tmp_path):
    (tmp_path / "config.yaml").write_text((heat.folder / "config.yaml").read_text())
    with pytest.raises(SpinnError, match="has not ended; continue it with --resume"):
        spinn.load(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(SpinnError, match="expected the networks of a finished run"):
        spinn.load(tmp_path)


def rebuilt(heat, tmp_path, arrays):
    file = tmp_path / MODEL
    np.savez(file, **arrays)
    return load_pieces(file, lambda window, modes, breaks, maps: heat.networks[window])


def stored(heat):
    with np.load(heat.folder / MODEL) as data:
        return dict(data)


def test_networks_of_another_configuration(heat, tmp_path):
    arrays = stored(heat)
    name = max((name for name in arrays if name != "meta"), key=lambda name: arrays[name].ndim)
    with pytest.raises(SpinnError, match="do not fit the run's config.yaml"):
        rebuilt(heat, tmp_path, arrays | {name: np.zeros((17, 2))})
    with pytest.raises(SpinnError, match="do not fit the run's config.yaml"):
        rebuilt(heat, tmp_path, {key: value for key, value in arrays.items() if key != name})


@pytest.mark.parametrize("content", [b"", b"not a zip file", None], ids=["empty", "text", "cut"])
def test_a_torn_file_of_networks(heat, tmp_path, content):
    file = tmp_path / MODEL
    file.write_bytes((heat.folder / MODEL).read_bytes()[:-100] if content is None else content)
    with pytest.raises(SpinnError, match="expected the networks of a finished run") as caught:
        load_pieces(file, lambda window, modes, breaks, maps: heat.networks[window])
    assert caught.value.file == str(file)


def test_what_is_stored_says_how_to_put_it_together(heat):
    meta = json.loads(stored(heat)["meta"].tobytes())
    assert meta["spans"] == [[0.0, 0.5], [0.5, 1.0]]
    assert len(meta["modes"]) == 2
