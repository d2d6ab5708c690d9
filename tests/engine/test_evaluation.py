"""Evaluation in parts equals evaluation in one go; every time belongs to one window."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn import evaluation
from spinn.assembly import build_network, first_modes
from spinn.config import config_from
from spinn.evaluation import Piece, device_context, grid_values, piecewise, point_values
from spinn.pdes import PDE, Box
from spinn.recipes import resolve

pytestmark = pytest.mark.usefixtures("x64")

NETWORKS = {
    "cp": {"features": "mlp", "head": "cp", "rank": 3, "width": 4, "depth": 1},
    "tucker": {"features": "mlp", "rank": 3, "width": 4, "depth": 1},
    "pointwise": {"kind": "pointwise", "width": 4, "depth": 1},
}


@pytest.fixture(scope="module", params=NETWORKS)
def case(request, oscillator_2d):
    """A PDE with two unknowns and a derived quantity, and an untrained network of each kind."""
    pde = oscillator_2d()
    with jax.enable_x64(True):
        plan = resolve(config_from({"pde": "heat", "network": NETWORKS[request.param]}), pde)
        network = build_network(plan, pde, pde.domain, first_modes(plan, pde), key=jax.random.key(3))
    return pde, network


@pytest.fixture(scope="module")
def oscillator_2d():
    class Pair(PDE):
        """Two unknowns on a strip."""

        coordinates = ("t", "x")
        unknowns = ("u", "v")
        domain = Box(t=(0, 1), x=(-1, 1))

        def residual(self, u, v, t, x):
            return u.d("t") - v, v.d("xx") + u

        def derived(self, u, v):
            return {"slope": u.d("x") + v}

    return Pair


AXES = {"t": np.linspace(0, 1, 7), "x": np.linspace(-1, 1, 5)}


def test_grids_in_parts(case, monkeypatch):
    pde, network = case
    whole = grid_values(pde, Piece(network, 0, 1), AXES, derived=True)
    assert {name: value.shape for name, value in whole.items()} == dict.fromkeys(("u", "v", "slope"), (7, 5))
    for batch in (10, 1):
        monkeypatch.setattr(evaluation, "BATCH", batch)
        parts = grid_values(pde, Piece(network, 0, 1), AXES, derived=True)
        for name in whole:
            np.testing.assert_allclose(parts[name], whole[name], rtol=1e-13, atol=1e-15)


def test_points_in_parts(case, monkeypatch):
    pde, network = case
    generator = np.random.default_rng(0)
    points = {"t": generator.random(11), "x": generator.random(11)}
    whole = point_values(pde, network, points)
    monkeypatch.setattr(evaluation, "BATCH", 4 * evaluation._numbers_a_point(network))
    parts = point_values(pde, network, points)
    for name in whole:
        assert parts[name].shape == (11,)
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-13, atol=1e-15)


def test_points_and_grids_agree(case):
    pde, network = case
    grid = grid_values(pde, Piece(network, 0, 1), AXES, derived=True)
    t, x = (mesh.reshape(-1) for mesh in np.meshgrid(AXES["t"], AXES["x"], indexing="ij"))
    points = point_values(pde, network, {"t": t, "x": x}, derived=True)
    for name, values in grid.items():
        np.testing.assert_allclose(points[name].reshape(7, 5), values, rtol=1e-10, atol=1e-12)
        assert values.dtype == np.float64


def test_few_programs_serve_many_lengths(case, monkeypatch):
    pde, network = case
    points = {"t": np.linspace(0, 1, 40), "x": np.linspace(-1, 1, 40)}
    whole, traces, original = point_values(pde, network, points)["u"], [], type(network).at_points
    monkeypatch.setattr(type(network), "at_points", lambda self, points: traces.append(1) or original(self, points))
    for length in (33, 35, 39):
        some = point_values(pde, network, {axis: array[:length] for axis, array in points.items()})["u"]
        np.testing.assert_allclose(some, whole[:length], rtol=1e-13, atol=1e-15)
    assert not traces


def test_derived_quantities_only_if_asked_for(case):
    pde, network = case
    assert set(grid_values(pde, Piece(network, 0, 1), AXES, derived=False)) == {"u", "v"}
    assert set(point_values(pde, network, {"t": np.zeros(1), "x": np.zeros(1)})) == {"u", "v"}


def test_nothing_at_no_points(case):
    pde, network = case
    assert point_values(pde, network, {"t": np.zeros(0), "x": np.zeros(0)})["u"].shape == (0,)
    axes = {"t": np.zeros(0), "x": np.zeros(3)}
    assert grid_values(pde, Piece(network, 0, 1), axes, derived=False)["u"].shape == (0, 3)


# --- windows ----------------------------------------------------------------------------------------------------------

PIECES = [Piece("a", 0.0, 1.0), Piece("b", 1.0, 2.0), Piece("c", 2.0, 3.0)]


@given(st.lists(st.floats(-0.5, 3.5) | st.sampled_from([0.0, 1.0, 2.0, 3.0]), max_size=20))
def test_every_time_goes_to_exactly_one_piece(times):
    found = piecewise(PIECES, np.array(times))
    indices = [int(index) for _, chosen in found for index in chosen]
    assert sorted(indices) == list(range(len(times)))
    for piece, chosen in found:
        for time in np.array(times)[chosen]:
            outside = (time < 0 and piece is PIECES[0]) or (time > 3 and piece is PIECES[-1])
            assert outside or piece.start <= time <= piece.end


def test_a_cut_belongs_to_the_earlier_window():
    found = {piece.network: list(chosen) for piece, chosen in piecewise(PIECES, np.array([2.0, 0.5, 1.0]))}
    assert found == {"a": [1, 2], "b": [0]}


def test_precision_is_a_context():
    with jax.enable_x64(False):
        with device_context("float64"):
            assert jnp.zeros(()).dtype == np.float64
        assert jnp.zeros(()).dtype == np.float32
    with device_context("float32"):
        assert jnp.zeros(()).dtype == np.float32
