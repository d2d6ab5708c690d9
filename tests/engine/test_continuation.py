"""Continuation in parameters: a boundary layer that Newton's method reaches from wider ones."""

import dataclasses

import numpy as np
import pytest

from spinn import stagewise
from spinn.config import Stage, parse
from spinn.config.prepare import checked
from spinn.continuation import chosen_path, posed_plan, remedy
from spinn.engine import solve
from spinn.errors import SpinnError
from spinn.pdes import PDE, Box, Dirichlet, Face, Initial, Robin, tanh
from spinn.recipes import resolve
from tests.engine.test_resuming import KilledError, assert_same, start  # noqa: F401

pytestmark = pytest.mark.usefixtures("x64")


class Layer(PDE):
    """Steady Burgers:  u u_x = nu u_xx   on x in [-1, 1],  u(-1) = 1,  u(1) = -1."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(-1, 1))
    nu: float = 0.05
    power: int = 1

    def residual(self, u, x):
        return u**self.power * u.d("x") - self.nu * u.d("xx")

    def conditions(self):
        return [Dirichlet("u", value=lambda x: -x)]

    def exact(self, x):
        """-a tanh(a x / 2 nu) with a tanh(a / 2 nu) = 1."""
        a = 1.0
        for _ in range(100):
            a = 1.0 / np.tanh(a / (2.0 * self.nu))
        return -a * tanh(a * x / (2.0 * self.nu))


class Waiting(PDE):
    """Nonlinear decay:  u_t = -rate u^2   on t in [0, 2],  u(0) = 1."""

    coordinates = ("t",)
    unknowns = ("u",)
    domain = Box(t=(0, 2))
    rate: float = 4.0

    def residual(self, u, t):
        return u.d("t") + self.rate * u**2

    def conditions(self):
        return [Initial("u", value=1.0)]

    def exact(self, t):
        return 1.0 / (1.0 + self.rate * t)


def steps(solution):
    return [(stage["name"], stage["steps"]) for stage in solution.summary["stages"]]


def test_newtons_method_reaches_a_layer_from_wider_ones(configure, listen):
    """From nothing it ends in a minimum of the residual that is no solution."""
    pde, network = Layer(nu=0.01), {"modes": 250}
    alone = solve(configure(network=network), pde, reporter=listen(), write=False)
    assert alone.summary["relative_l2"]["all"] > 0.4
    reporter = listen()
    config = configure(network=network, continuation={"nu": [0.04]})
    solution = solve(config, pde, reporter=reporter, write=False)
    assert solution.summary["relative_l2"]["all"] < 0.02
    assert solution.summary["parameters_of_pde"]["nu"] == 0.01
    names = ["nu=0.04 gauss_newton", "gauss_newton"]
    assert reporter.stages == [stage["name"] for stage in solution.summary["stages"]] == names


def test_every_window_goes_through_all_values_and_modes_grow_at_the_last(configure, listen):
    config = configure(network={}, windows=2, continuation={"rate": [1.0, 2.0]})
    reporter = listen()
    solution = solve(config, Waiting(), reporter=reporter, write=False)
    assert solution.summary["relative_l2"]["all"] < 1e-10
    for window in ("window 1/2", "window 2/2"):
        here = [name for name in reporter.stages if name.startswith(window)]
        values = [f"{window} rate=1 gauss_newton", f"{window} rate=2 gauss_newton", f"{window} gauss_newton level 1"]
        assert here[:3] == values
    assert "first with rate = 1, 2" in solution.summary["recipe"]


def test_it_resumes_to_the_same_bits(start, configure, tmp_path, programs):  # noqa: F811
    config, pde = configure("basis", windows=2, continuation={"rate": [1.0, 2.0]}), Waiting()
    plan, compiled = resolve(config, pde), programs(config, pde)
    whole, records = start(plan, pde, compiled)
    names = [record["stage"] for record in records]
    firsts = [number + 1 for number in range(1, len(names)) if names[number] != names[number - 1]]
    assert len(firsts) == 5
    for stop in (firsts[0], firsts[1] + 1, firsts[3]):
        (tmp_path / "checkpoints").rename(tmp_path / f"before {stop}")
        with pytest.raises(KilledError):
            start(plan, pde, compiled, kill_at=stop)
        again, rest = start(plan, pde, compiled)
        assert [record["stage"] for record in rest] == names[stop - 1 :]
        assert_same(again, whole)


def shifted_error(solution, pde):
    """Relative error up to a shift of the layer, whose place is rounding: conditions tell it to exp(-1 / nu)."""
    x = np.linspace(-1, 1, 2001)
    found = np.asarray(solution.at_points({"x": x})["u"])
    shift = np.interp(0.0, -found[950:1051], x[950:1051])
    return np.linalg.norm(found - pde.exact(x - shift)) / np.linalg.norm(found)


@pytest.mark.slow
def test_a_steady_problem_finds_its_own_values_of_the_viscosity(configure, listen):
    reporter, pde = listen(), Layer(nu=0.02)
    solution = solve(configure(network={}), pde, reporter=reporter, write=False)
    assert any("continuation from easier values, nu = 1.28, 0.64" in text for text in reporter.messages)
    names = [stage["name"] for stage in solution.summary["stages"]]
    # A value that is solved with quickly lets the next one be skipped, but not the last.
    assert "nu=1.28 gauss_newton" in names and "nu=0.64 gauss_newton" not in names and "nu=0.04 gauss_newton" in names
    assert solution.summary["warnings"] == []
    assert solution.summary["relative_l2"]["all"] < 1e-3
    assert shifted_error(solution, pde) < 1e-7


def test_a_path_is_for_steady_nonlinear_problems_with_a_viscosity(configure, oscillator):
    path = chosen_path(resolve(configure(network={}), Layer()), Layer())
    assert [value["nu"] for value in path] == pytest.approx([3.2, 1.6, 0.8, 0.4, 0.2, 0.1])
    for pde in (Waiting(), Linear(), oscillator()):
        assert chosen_path(resolve(configure(network={}), pde), pde) == ()
    given = resolve(configure(network={}, continuation={"nu": [0.5]}), Layer())
    assert chosen_path(given, Layer()) == ()
    assert chosen_path(resolve(configure(network={}), Thin()), Thin()) == ()


class Linear(Layer):
    """nu u_xx = u_x: linear, so that Newton's method cannot fail."""

    def residual(self, u, x):
        return u.d("x") - self.nu * u.d("xx")


class Thin(Layer):
    """The same as its parent, with values of the viscosity that it refuses."""

    def __post_init__(self):
        if self.nu > 1.0:
            raise ValueError("too thick")


class Cooling(Layer):
    """The same with a condition that depends on the parameter:  nu u_x + u = 0 at x = 1."""

    def conditions(self):
        return [
            Dirichlet("u", value=1.0, faces=(Face("x", "low"),)),
            Robin("u", a=1.0, b=self.nu, faces=(Face("x", "high"),)),
        ]


def test_conditions_have_the_parameters_of_the_value(configure):
    plan = resolve(configure("basis", continuation={"nu": [0.5]}), Cooling())
    weights = [posed_plan(plan, Cooling(), ahead)[0].embedding.traces["x"][1].weights for ahead in (1, 0)]
    assert weights[0] != weights[1] == plan.embedding.traces["x"][1].weights
    assert posed_plan(plan, Cooling(), 1)[1] == dataclasses.replace(Cooling(), nu=0.5)


def test_values_that_fail_are_told(configure, listen, monkeypatch):
    monkeypatch.setattr("spinn.continuation.UNHELPFUL", 0.0)
    config = configure(network={}, windows=1, continuation={"rate": [1.0, 2.0]})
    warnings = solve(config, Waiting(), reporter=listen(), write=False).summary["warnings"]
    assert "of the data's at rate=1; try an easier first value" in warnings[0]
    assert "of the data's at rate=2; try values closer together" in warnings[1]


def test_it_is_the_remedy_where_newtons_method_fails(configure, listen, monkeypatch):
    monkeypatch.setattr(stagewise, "UNHELPFUL", 0.0)
    monkeypatch.setattr(stagewise, "GRADIENT_STAGES", (Stage(optimizer="lbfgs", steps=20),))
    solution = solve(configure(windows=1), Waiting(), reporter=listen(), write=False)
    assert "`continuation` from easier values of rate may help" in solution.summary["warnings"][0]
    plan = resolve(configure(continuation={"nu": [0.1]}), Layer())
    assert remedy(plan, Layer()) == "; values of `continuation` closer together may help"


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"network": {"trainable": True}}, "fixed features under a Tucker core"),
        ({"network": {"rank": 3, "trainable": False}}, "fixed features under a Tucker core"),
        ({"network": {"kind": "pointwise"}}, "fixed features under a Tucker core"),
        ({"train": [{"optimizer": "adam", "steps": 10}]}, "gauss_newton alone"),
    ],
)
def test_other_methods_are_refused(configure, sections, told):
    with pytest.raises(SpinnError, match=told):
        resolve(configure(**sections, continuation={"nu": [0.1]}), Layer())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mu: [0.1]", "4: continuation.mu: expected one of the numeric parameters nu, power, got 'mu'"),
        ("nu: []", "4: continuation.nu: expected"),
        ("nu: [0.1, fast]", "4: continuation.nu.1: expected a number, got the text 'fast'"),
        ("power: [1.5]", "4: continuation.power: expected a whole number, got 1.5"),
        ("{nu: [0.1, 0.2], power: [2]}", "3: continuation: expected as many values of each parameter, got 2 of nu"),
    ],
)
def test_what_does_not_fit_has_its_line(tmp_path, text, told):
    block = f"continuation: {text}" if text.startswith("{") else f"continuation:\n  {text}"
    with pytest.raises(SpinnError) as caught:
        checked(parse(f"pde: layer\nseed: 0\n{block}\n", tmp_path / "run.yaml"), Layer())
    assert f"run.yaml:{told}" in str(caught.value)


def test_what_the_pde_refuses_and_what_has_no_parameters(tmp_path, oscillator):
    class Positive(Layer):
        def __post_init__(self):
            if self.nu <= 0:
                raise ValueError("nu must be positive")

    with pytest.raises(SpinnError, match=r"run.yaml:2: continuation: Positive refuses nu = -1: nu must be positive"):
        checked(parse("pde: layer\ncontinuation: {nu: [-1]}\n", tmp_path / "run.yaml"), Positive())
    with pytest.raises(SpinnError, match="continuation: expected nothing, as Oscillator has no numeric parameters"):
        checked(parse("pde: layer\ncontinuation: {nu: [1]}\n", tmp_path / "run.yaml"), oscillator())
