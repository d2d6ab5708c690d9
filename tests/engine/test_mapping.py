"""Maps that a run learns: the layers they find, what is solved in them, and that runs with them resume and load."""

import numpy as np
import pytest

import spinn
from spinn.config import parse
from spinn.config.prepare import checked
from spinn.engine import solve
from spinn.errors import SpinnError
from spinn.pdes import PDE, Box, Dirichlet, Initial, Periodic, exp
from spinn.recipes import resolve
from spinn.resuming import stored
from tests.engine.test_resuming import KilledError, assert_same, start  # noqa: F401

pytestmark = pytest.mark.usefixtures("x64")


class Outflow(PDE):
    """A boundary layer:  -eps u_xx + u_x = 1   on [0, 1],  u = 0 at the ends."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, 1))
    eps: float = 2e-3

    def residual(self, u, x):
        return u.d("x") - self.eps * u.d("xx") - 1

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x):
        ends = np.exp(-1 / self.eps)
        return x - (exp((x - 1) / self.eps) - ends) / (1 - ends)


class Standing(PDE):
    """A peak that rises:  u_t = -u + f(x)   on t in [0, 1], x in [-1, 1], periodic;  u* = (1 - exp(-t)) f."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(-1, 1))

    def residual(self, u, t, x):
        return u.d("t") + u - self.peak(x)

    def peak(self, x):
        """Smooth and periodic up to 1e-13, at 0.2."""
        return exp(-(((x - 0.2) / 0.02) ** 2))

    def conditions(self):
        return [Initial("u", value=0.0), Periodic("u", axis="x")]

    def exact(self, t, x):
        return (1 - exp(-t)) * self.peak(x)


@pytest.fixture
def learned(configure):
    def made(**network):
        return configure(network={"map": "learned", **network}, windows=1, output={"estimate": True})

    return made


def test_a_boundary_layer_is_found_and_resolved_in_few_modes(learned, listen):
    reporter = listen()
    solution = solve(learned(), Outflow(), reporter=reporter, write=False)
    assert solution.summary["relative_l2"]["all"] < 1e-9
    (piece,) = solution.pieces
    body = piece.network.features[0].body
    ((centre, width, _),) = np.asarray(body.peaks)
    assert centre > 1.0 - 0.02 and width < 0.02
    assert solution.summary["parameters"] <= 128
    assert any("map x 1 peaks" in text for text in reporter.messages)
    values = solution.at_points({"x": np.array([0.0, 1.0])})["u"]
    np.testing.assert_allclose(values, 0.0, atol=1e-12)  # conditions are held exactly
    estimate = solution.summary["error_estimate"]
    assert estimate["reliable"] and estimate["relative_l2"]["all"] < 1e-8


def test_it_resumes_to_the_same_bits_and_loads_what_was_saved(start, learned, tmp_path, programs):  # noqa: F811
    config, pde = learned(), Outflow()
    plan, compiled = resolve(config, pde), programs(config, pde)
    whole, records = start(plan, pde, compiled)
    assert whole.place.maps[-1]["x"]
    first = next(n for n, record in enumerate(records, 1) if "level 2" in record["stage"])
    (tmp_path / "checkpoints").rename(tmp_path / "before")
    with pytest.raises(KilledError):
        start(plan, pde, compiled, kill_at=first)
    again, _ = start(plan, pde, compiled)
    assert_same(again, whole)


def test_a_saved_solution_comes_back(learned, listen, tmp_path):
    config, pde = learned(), Outflow()
    solution = solve(config, pde, out=tmp_path / "run", reporter=listen())
    x = {"x": np.linspace(0.0, 1.0, 101)}
    folder = spinn.output.folder.RunFolder.open(tmp_path / "run")
    again = stored(resolve(config, pde), pde, folder)
    np.testing.assert_array_equal(again.at_points(x)["u"], solution.at_points(x)["u"])


def test_waves_of_a_periodic_axis_are_mapped_too(configure, listen):
    config = configure(network={"map": {"x": "learned"}}, windows=1)
    solution = solve(config, Standing(), reporter=listen(), write=False)
    assert solution.summary["relative_l2"]["all"] < 1e-8


def test_axes_that_are_not_there_have_a_line(tmp_path):
    with pytest.raises(SpinnError, match=r"run.yaml:2: network.map.y: expected one of the axes x, got 'y'"):
        checked(parse("pde: outflow\nnetwork: {map: {y: learned}}\n", tmp_path / "run.yaml"), Outflow())
    with pytest.raises(SpinnError, match=r"run.yaml:2: network.map"):
        checked(parse("pde: outflow\nnetwork: {map: sharp}\n", tmp_path / "run.yaml"), Outflow())
