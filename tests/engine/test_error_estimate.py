"""The error estimate against true errors, from coarse solutions to rounding; and that it never gets in the way."""

import math

import numpy as np
import pytest

from spinn import correction, engine, error_estimate
from spinn.config.shipped import examples
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE, Box, Dirichlet, Initial, exp, get, sin
from spinn.pdes.heat import Heat

ESTIMATED = {"figures": False, "report": False, "vtkhdf": False, "estimate": True}
GAUSS_NEWTON = [{"optimizer": "gauss_newton", "steps": 8}]


class Logistic(PDE):
    """Logistic growth:  u_t = rate u (1 - u)   on t in [0, 1],  u = 0.1 at the start."""

    coordinates = ("t",)
    unknowns = ("u",)
    domain = Box(t=(0, 1))
    rate: float = 4.0

    def residual(self, u, t):
        return u.d("t") - self.rate * u * (1.0 - u)

    def conditions(self):
        return [Initial("u", value=0.1)]

    def exact(self, t):
        return 1.0 / (1.0 + 9.0 * exp(-self.rate * t))


class Unknown(PDE):
    """The heat equation of `spinn.pdes.heat`, of which nobody told the solution."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Heat.domain

    def residual(self, u, t, x):
        return Heat().residual(u, t, x)

    def conditions(self):
        return Heat().conditions()


@pytest.fixture
def summary_of(configure):
    """The summary of a run that estimates its error."""

    def solved(pde, *presets, **sections):
        sections = {"train": GAUSS_NEWTON, "output": ESTIMATED, **sections} if not presets else sections
        config = configure(*presets, **{"output": ESTIMATED, **sections})
        return engine.solve(config, pde, reporter=SilentReporter(), write=False).summary

    return solved


def ratio(summary):
    return summary["error_estimate"]["relative_l2"]["all"] / summary["relative_l2"]["all"]


@pytest.mark.parametrize("modes", [2, 4, 7, 14])
def test_a_linear_problem_at_any_resolution(summary_of, decay, modes):
    summary = summary_of(decay(), network={"modes": modes})
    assert 0.1 < ratio(summary) < 10.0
    assert summary["error_estimate"]["reliable"]


@pytest.mark.parametrize(("modes", "largest"), [(5, 3e-2), (9, 2e-4), (14, 1e-7), (24, 1e-11)])
def test_two_axes_at_any_resolution(summary_of, modes, largest):
    summary = summary_of(Heat(), network={"modes": modes})
    assert summary["relative_l2"]["all"] < largest
    assert 0.5 < ratio(summary) < 2.0


@pytest.mark.parametrize("modes", [3, 6, 12, 24])
def test_a_nonlinear_problem(summary_of, modes):
    summary = summary_of(Logistic(), network={"modes": modes})
    assert 0.1 < ratio(summary) < 10.0


def test_errors_add_up_over_windows(summary_of, oscillator):
    summary = summary_of(oscillator(domain=Box(t=(0, 12))), network={"modes": 6}, windows=4)
    estimate = summary["error_estimate"]["relative_l2"]
    assert 0.1 < ratio(summary) < 10.0
    for name in ("u", "v"):
        assert 0.1 < estimate[name] / summary["relative_l2"][name] < 10.0


def test_single_precision(summary_of, decay):
    summary = summary_of(decay(), network={"modes": 8}, precision="float32")
    assert 0.1 < ratio(summary) < 10.0
    assert summary["error_estimate"]["relative_l2"]["all"] > 1e-9


@pytest.mark.parametrize("kind", ["separable", "pointwise"])
def test_trained_networks(summary_of, decay, kind):
    network = {"features": "mlp", "width": 4, "depth": 1, "kind": kind}
    network |= {"head": "cp", "rank": 2} if kind == "separable" else {}
    train = [{"optimizer": "adam", "steps": 200, "learning_rate": 0.01}]
    summary = summary_of(decay(), "trained", network=network, train=train)
    assert 0.5 < ratio(summary) < 2.0
    assert summary["error_estimate"]["reliable"]


def test_trained_networks_whose_conditions_are_rows(summary_of):
    network = {"features": "mlp", "head": "tucker", "rank": 4, "width": 8, "depth": 1, "embed": False}
    summary = summary_of(Heat(), "trained", network=network, train=[{"optimizer": "adam", "steps": 200}])
    assert 0.3 < ratio(summary) < 3.0


def test_a_trained_head_over_fixed_features(summary_of):
    summary = summary_of(Heat(), "trained", network={"rank": 8}, train=[{"optimizer": "adam", "steps": 300}])
    assert 0.5 < ratio(summary) < 2.0


def test_networks_trained_by_least_squares(summary_of, decay):
    network = {"trainable": True, "features": "sine", "width": 6}
    summary = summary_of(decay(), "trained", network=network, train=[{"optimizer": "levenberg_marquardt", "steps": 5}])
    assert 0.1 < ratio(summary) < 10.0


def test_no_exact_solution_is_needed(summary_of):
    known = summary_of(Heat(), network={"modes": 8})
    unknown = summary_of(Unknown(), network={"modes": 8})
    assert unknown["relative_l2"] is None
    expected = known["error_estimate"]["relative_l2"]["all"]
    assert unknown["error_estimate"]["relative_l2"]["all"] == pytest.approx(expected, rel=1e-6)


def test_what_the_summary_says(summary_of, decay):
    summary = summary_of(decay(), network={"modes": 4})
    estimate = summary["error_estimate"]
    assert estimate["relative_l2"].keys() == {"u", "all"}
    assert estimate["residual"] > 0.0
    assert summary["seconds"]["estimate"] == estimate["seconds"] > 0.0
    seconds = summary["seconds"]
    assert seconds["total"] == pytest.approx(seconds["compile"] + seconds["solve"] + seconds["estimate"])
    assert summary["warnings"] == []


def test_a_solution_that_is_no_solution_is_not_vouched_for(summary_of):
    train = [{"optimizer": "gauss_newton", "steps": 1}]
    summary = summary_of(get("klein_gordon_2d")(), network={"modes": 4}, train=train)
    assert not summary["error_estimate"]["reliable"]
    assert summary["error_estimate"]["note"]


def test_the_switch(summary_of, decay):
    summary = summary_of(decay(), network={"modes": 4}, output={**ESTIMATED, "estimate": False})
    assert summary["error_estimate"] is None
    assert summary["seconds"]["estimate"] is None
    assert summary["warnings"] == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("out of memory\nat 0x1"), "out of memory"),
        (KeyboardInterrupt(), "interrupted"),
        (KeyError("x"), "no error estimate: KeyError: 'x'"),
        (MemoryError(), "no error estimate: MemoryError"),
    ],
)
def test_a_failure_inside_is_a_warning(summary_of, decay, monkeypatch, error, words):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(correction, "build_network", fails)
    summary = summary_of(decay(), network={"modes": 4})
    assert (summary["status"], summary["error_estimate"]) == ("ok", None)
    (warning,) = summary["warnings"]
    assert warning.startswith("no error estimate: ") and warning.endswith(words)


def test_a_correction_that_is_no_number_is_a_warning(summary_of, decay, monkeypatch):
    monkeypatch.setattr(error_estimate, "_relative", lambda *_: {"u": math.nan, "all": math.nan})
    summary = summary_of(decay(), network={"modes": 4})
    assert summary["error_estimate"] is None
    assert "not finite" in summary["warnings"][0]


def test_runs_that_did_not_end_get_none(configure, decay, listen):
    config = configure("trained", output=ESTIMATED)
    summary = engine.solve(config, decay(), reporter=listen(stop_at_update=1), write=False).summary
    assert (summary["status"], summary["error_estimate"]) == ("interrupted", None)
    assert summary["warnings"] == ["no error estimate: the run was interrupted"]


def test_it_gives_up_after_a_while_unless_asked_for(summary_of, oscillator, monkeypatch):
    monkeypatch.setattr(error_estimate, "LEAST_SECONDS", -math.inf)
    monkeypatch.setattr(error_estimate.Session, "seconds", -1.0)
    sections = {"network": {"modes": 6}, "windows": 2}
    late = summary_of(oscillator(), output={**ESTIMATED, "estimate": "auto"}, **sections)
    assert late["error_estimate"] is None
    assert "longer than solving" in late["warnings"][0] and "output.estimate: true" in late["warnings"][0]
    assert summary_of(oscillator(), **sections)["error_estimate"] is not None


def test_progress_is_told(configure, decay, listen):
    reporter = listen()
    engine.solve(configure("basis", output=ESTIMATED), decay(), reporter=reporter, write=False)
    assert "estimating the error" in reporter.messages


class Rough(PDE):
    """A right-hand side that no few modes resolve:  u_xx = |x - 0.3|^(-1/4), zero at both ends."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(-1, 1))

    def residual(self, u, x):
        return u.d("xx") - abs(x - 0.3 + 1e-9 * sin(x)) ** -0.25

    def conditions(self):
        return [Dirichlet("u")]


def test_a_rough_problem_is_of_the_right_size(summary_of):
    coarse, fine = (summary_of(Rough(), network={"modes": n})["error_estimate"]["relative_l2"]["all"] for n in (8, 32))
    assert 1e-8 < fine < coarse < 1e-1
    assert np.isfinite(coarse)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(examples()))
def test_shipped_problems(name):
    import spinn

    summary = spinn.solve(name, output=ESTIMATED).summary
    assert 0.1 < ratio(summary) < 10.0
