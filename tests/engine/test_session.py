"""A run in order: stages, levels of resolution, time windows."""

import jax
import numpy as np
import pytest

from spinn import assembly
from spinn.config.prepare import prepare
from spinn.evaluation import point_values
from spinn.optim import mixed
from spinn.pdes import PDE, Box, Dirichlet, Face, Initial, cos, sin
from spinn.recipes import resolve
from spinn.session import Session
from spinn.training.loop import LEFT_FLOAT32

pytestmark = pytest.mark.usefixtures("x64")


@pytest.fixture
def run(listen, programs):
    """Train in memory: the session and its records."""

    def trained(config, pde):
        records = []
        session = Session(resolve(config, pde), pde, listen(), records.append, compiled=programs(config, pde))
        session.train()
        return session, records

    return trained


def worst(session, pde, count=41):
    """The largest error of all pieces, each on its own part of time."""
    errors = []
    for piece in session.pieces:
        t = np.linspace(piece.start, piece.end, count)
        errors.append(np.max(np.abs(point_values(pde, piece.network, {"t": t})["u"] - np.asarray(pde.exact(t)))))
    return max(errors)


# --- stages -----------------------------------------------------------------------------------------------------------


def test_each_stage_starts_where_the_last_one_ended(run, configure, decay):
    stages = [{"optimizer": "adam", "steps": 100, "learning_rate": 0.01}, {"optimizer": "lbfgs", "steps": 40}]
    session, records = run(configure("trained", train=stages), decay())
    assert [stage["optimizer"] for stage in session.stages] == ["adam", "lbfgs"]
    assert [record["step"] for record in records] == [50, 100, 120, 140]
    assert [record["stage"] for record in records] == ["adam", "adam", "lbfgs", "lbfgs"]
    seconds = [record["seconds"] for record in records]
    assert seconds == sorted(seconds)
    losses = [record["loss"] for record in records]
    assert losses[2] < losses[1] < losses[0]
    assert session.stages[0]["steps"] == 100


@pytest.mark.parametrize(("name", "modes"), [("heat", "20"), ("klein_gordon_2d", "{t: 36, x: 10, y: 10}")])
def test_mixed_precision_ends_where_double_precision_does(name, modes, listen):
    """A linear problem, and one that is not: as many steps, and the same error."""
    found = {}
    for precision in ("float64", "mixed"):
        config, pde, _ = prepare(name, flags={"precision": precision}, assignments=[f"network.modes={modes}"])
        session = Session(resolve(config, pde), pde, listen(), lambda record: None)
        session.train()
        found[precision] = session.stages[0]["steps"], session.stages[0]["loss"], session.reporter.updates[-1].error
    assert found["mixed"][0] == found["float64"][0]
    assert found["mixed"][1] < 1.01 * found["float64"][1] + 1e-22
    assert found["mixed"][2] < 10.0 * found["float64"][2] < 1e-2


def test_a_summary_tells_once_where_float32_does_not_do(configure, decay, listen, monkeypatch):
    monkeypatch.setattr(mixed, "LEAST_GAIN", 1e-12)
    config = configure("basis", windows=2, precision="mixed")
    session = Session(resolve(config, decay()), decay(), listen(), lambda record: None)
    session.train()
    assert session.warnings == [LEFT_FLOAT32]
    assert worst(session, decay()) < 1e-9


def test_compiling_is_counted_apart(configure, decay, listen):
    session = Session(resolve(configure("basis"), decay()), decay(), listen(), lambda record: None)
    with session.clock.running():
        session.train()
    assert 0.0 < session.stages[0]["compile_seconds"] < session.compile_seconds
    assert session.stages[0]["seconds"] == session.reporter.updates[-1].seconds_elapsed


def test_the_error_is_watched_where_the_solution_is_known(run, configure, decay):
    session, records = run(configure("basis"), decay())
    assert records[-1]["error"] < 1e-5
    assert records[-1]["error"] == pytest.approx(session.reporter.updates[-1].error)


# --- levels -----------------------------------------------------------------------------------------------------------


def test_modes_grow_until_the_solution_is_resolved(run, configure, decay, monkeypatch):
    monkeypatch.setattr(assembly, "FIRST_MODES", {1: 4})
    session, _ = run(configure(), decay(rate=3.0))
    names = session.reporter.stages
    assert names[:2] == ["gauss_newton level 1", "gauss_newton level 2"]
    (modes,) = session.place.modes
    assert 12 <= modes["t"] <= 40
    assert worst(session, decay(rate=3.0)) < 1e-11
    assert any("modes t 4 -> " in text for text in session.reporter.messages)
    assert session.warnings == []


def test_given_modes_stay(run, configure, decay):
    session, _ = run(configure("basis"), decay())
    assert session.reporter.stages == ["gauss_newton"]
    assert session.place.modes == ({"t": 6},)


def test_what_cannot_be_resolved_is_told(run, configure, decay, monkeypatch):
    monkeypatch.setattr(assembly, "FIRST_MODES", {1: 4})
    monkeypatch.setattr("spinn.growth.MAX_LEVELS", 2)
    session, _ = run(configure(windows=1), decay(rate=40.0))
    assert len(session.stages) == 2
    assert len(session.warnings) == 1
    assert "the last modes still carry t" in session.warnings[0]


def test_a_grown_level_starts_from_the_field_before(run, configure, decay, monkeypatch):
    monkeypatch.setattr(assembly, "FIRST_MODES", {1: 4})
    _, records = run(configure(), decay(rate=3.0))
    ends = {}
    for record in records:
        ends[record["stage"]] = record["loss"]
    losses = list(ends.values())
    assert losses == sorted(losses, reverse=True)


# --- windows ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def windowed(configure, decay, listen, quick):
    """Decay in three windows on a fixed basis."""
    with jax.enable_x64(True):
        pde = decay(domain=Box(t=(1, 4)))
        session = Session(
            resolve(configure("basis", windows=3, network={"modes": 9}), pde), pde, listen(), lambda r: None
        )
        session.train()
    return session, pde


def test_windows_cover_the_time_axis(windowed):
    session, _ = windowed
    assert [(piece.start, piece.end) for piece in session.pieces] == [(1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    assert session.reporter.stages == [f"window {n}/3 gauss_newton" for n in (1, 2, 3)]
    assert len(session.place.modes) == 3


def test_windows_agree_with_the_exact_solution(windowed):
    session, pde = windowed
    assert worst(session, pde) < 1e-8


def test_the_solution_is_continuous_at_the_cuts(windowed):
    session, pde = windowed
    for before, after in zip(session.pieces[:-1], session.pieces[1:], strict=True):
        ends = [point_values(pde, piece.network, {"t": np.array([before.end])})["u"] for piece in (before, after)]
        assert abs(ends[0] - ends[1]) < 1e-9


def test_later_windows_compile_once(windowed):
    """An earlier window is no argument of a step where the start is held exactly: it would count as another size."""
    session, _ = windowed
    assert len(session.compiled) == 1
    assert session.stages[2]["compile_seconds"] == 0.0


def test_later_windows_do_not_see_the_initial_value(windowed, decay, configure, listen):
    """The end of the first window is what counts: a wrong one is continued, not repaired."""
    session, pde = windowed
    last = point_values(pde, session.pieces[-1].network, {"t": np.array([3.0])})["u"]
    assert last == pytest.approx(np.exp(-2.0), rel=1e-7)


class String(PDE):
    """u_tt = u_xx: value and slope go over the cuts."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 3), x=(0, np.pi))

    def residual(self, u, t, x):
        return u.d("tt") - u.d("xx")

    def conditions(self):
        return [Initial("u", value=self.exact), Initial("u", order=1), Dirichlet("u")]

    def exact(self, t, x):
        return cos(t) * sin(x)


def test_slopes_are_continued_too(run, configure):
    pde = String()
    session, _ = run(configure("basis", windows=2, network={"modes": 12}, output={"grid": [5, 5]}), pde)
    for piece in session.pieces:
        t, x = np.full(5, piece.end), np.linspace(0.2, 3.0, 5)
        values = point_values(pde, piece.network, {"t": t, "x": x})["u"]
        np.testing.assert_allclose(values, np.cos(t) * np.sin(x), atol=1e-7)


@pytest.mark.parametrize(
    "network",
    [
        {"features": "mlp", "head": "cp", "rank": 2, "width": 4, "depth": 1},
        {"kind": "pointwise", "width": 4, "depth": 1},
    ],
    ids=["separable", "pointwise"],
)
def test_trained_networks_start_a_window_from_the_last_one(run, configure, decay, network):
    """They are moved, not made anew: without a step the window's network is the last one's, shifted in time."""
    config = configure("trained", windows=2, network=network, train=[{"optimizer": "adam", "steps": 1}])
    session, _ = run(config, decay())
    first, second = (
        point_values(decay(), piece.network, {"t": np.linspace(piece.start, piece.end, 5)})["u"]
        for piece in session.pieces
    )
    np.testing.assert_allclose(second, first, atol=0.02)
    assert np.ptp(first) > 1e-3


def test_random_features_may_differ_in_rank_between_windows(run, configure, decay):
    """Frozen random features are orthonormalised window by window: what is compiled for one may not fit the next."""
    network = {"features": "sine", "trainable": False, "width": 24, "depth": 1}
    config = configure(windows=3, network=network, sampling={"points_per_axis": 40},
                       train=[{"optimizer": "gauss_newton", "steps": 4}])  # fmt: skip
    session, _ = run(config, decay())
    ranks = [piece.network.core.shape[1] for piece in session.pieces]
    assert len(set(ranks)) > 1  # else this test tests nothing: choose another width
    assert worst(session, decay()) < 1e-6


def test_causal_weights_reach_the_same_solution(run, configure, decay):
    session, _ = run(configure("basis", loss={"causal": 1.0}, network={"modes": 9}), decay())
    assert worst(session, decay()) < 1e-8


def test_gradient_norms_are_balanced(run, configure, decay):
    config = configure("trained", loss={"weighting": "gradient_norm"})
    plain, balanced = run(configure("trained"), decay())[1], run(config, decay())[1]
    assert balanced[-1]["loss"] != plain[-1]["loss"]
    assert np.isfinite(balanced[-1]["loss"])


# --- windows left to the session --------------------------------------------------------------------------------------


def test_a_window_that_fails_is_cut_until_the_time_axis_is_covered(run, configure, decay, monkeypatch):
    """Every residual counts as a failure here, so that windows shrink to the shortest allowed."""
    monkeypatch.setattr("spinn.growth.FAILED", 0.0)
    monkeypatch.setattr("spinn.growth.MAX_WINDOWS", 8)
    session, _ = run(configure(network={"features": "legendre"}), decay())
    ends = [piece.end for piece in session.pieces]
    assert [piece.start for piece in session.pieces] == [0.0, *ends[:-1]]
    np.testing.assert_allclose(ends, np.arange(1, 17) / 16)
    assert worst(session, decay()) < 1e-9


def test_one_window_is_enough_where_newtons_method_succeeds(run, configure, decay):
    session, _ = run(configure(network={"features": "legendre"}), decay())
    assert [(piece.start, piece.end) for piece in session.pieces] == [(0.0, 1.0)]


class Layer(PDE):
    """Advection and diffusion:  u_x = eps u_xx,  u(0) = 0,  u(1) = 1: a layer of width eps at the right end."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, 1))
    eps: float = 2e-3

    def residual(self, u, x):
        return u.d("x") - self.eps * u.d("xx")

    def conditions(self):
        return [
            Dirichlet("u", value=0.0, faces=(Face("x", "low"),)),
            Dirichlet("u", value=1.0, faces=(Face("x", "high"),)),
        ]


def test_an_axis_with_a_layer_is_cut_into_elements_there(run, configure, monkeypatch):
    monkeypatch.setattr("spinn.growth.MAX_GLOBAL_MODES", {False: 50, True: 50})
    session, _ = run(configure(network={"features": "legendre"}), Layer())
    widths = np.diff(session.place.breaks[-1]["x"])
    assert widths[-1] < 0.1 * widths[0]
    x = np.linspace(0, 1, 1001)
    found = point_values(Layer(), session.pieces[-1].network, {"x": x})["u"]
    np.testing.assert_allclose(found, np.exp((x - 1) / 2e-3), atol=1e-8)
