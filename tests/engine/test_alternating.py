"""Linear problems by sweeps over the axes: solved, written, loaded, resumed."""

import dataclasses
import functools
import operator

import h5py
import numpy as np
import pytest

import spinn
from spinn.config import config_from
from spinn.engine import estimate
from spinn.errors import SpinnError
from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, exp, get, laplacian, sin
from spinn.recipes import resolve

FIVE = tuple(f"x{i}" for i in range(1, 6))


def product(factors):
    return functools.reduce(operator.mul, factors)


class Reaction(PDE):
    """-Laplacian u + a(x1) u = f on boxes of several lengths, two terms of different waves, u = 0 on the faces."""

    coordinates = FIVE
    unknowns = ("u",)
    domain = Box(x1=(0, 1), x2=(-1, 1), x3=(0, 2), x4=(0, 1), x5=(1, 2))
    strength: float = 1.0

    def residual(self, u, *x):
        exact = self.exact(*x)
        wanted = sum(-exact.d(axis, axis) for axis in FIVE) + exp(x[0]) * exact
        return -laplacian(u) + self.strength * exp(x[0]) * u - wanted

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, *x):
        from math import pi

        ends = [self.domain[axis] for axis in FIVE]
        scaled = [pi * (one - low) / (high - low) for one, (low, high) in zip(x, ends, strict=True)]
        waves = [sin(one) for one in scaled]
        return product(waves) + 0.3 * product([sin(2.0 * scaled[0]), *waves[1:4], sin(3.0 * scaled[4])])


class Boundary(PDE):
    """Poisson equation with values on the faces (Mueller, Zeinhofer, ICML 2023, section 4.1)."""

    coordinates = FIVE
    unknowns = ("u",)
    domain = Box(**dict.fromkeys(FIVE, (0, 1)))

    def residual(self, u, *x):
        return -laplacian(u) - np.pi**2 * self.exact(*x)

    def conditions(self):
        return [Dirichlet("u", value=self.exact)]

    def exact(self, *x):
        return functools.reduce(operator.add, [cos(np.pi * one) for one in x])


class Heat(PDE):
    """Heat equation in four space axes and time, from a sine."""

    coordinates = ("t", *FIVE[:4])
    unknowns = ("u",)
    domain = Box(t=(0, 1), **dict.fromkeys(FIVE[:4], (0, 1)))

    def residual(self, u, t, *x):
        return u.d("t") - 0.05 * laplacian(u)

    def conditions(self):
        return [Dirichlet("u", value=0.0), Initial("u", value=self.exact)]

    def exact(self, t, *x):
        return exp(-0.2 * np.pi**2 * t) * product([sin(np.pi * one) for one in x])


@pytest.mark.parametrize(("pde", "error"), [(Reaction(), 1e-10), (Boundary(), 1e-10), (Heat(), 1e-9)])
def test_problems_that_nothing_was_tuned_for(pde, error):
    summary = spinn.solve(pde).summary
    assert summary["status"] == "ok"
    assert summary["recipe"].startswith("linear, 5 axes")
    assert "ALS on a tensor train" in summary["recipe"]
    assert summary["relative_l2"]["all"] < error
    assert "20,000 random points" in summary["truth_note"]
    assert summary["stages"][-1]["relative_residual"] < 1e-9
    assert summary["warnings"] == []


def test_a_wrong_coefficient_gives_a_wrong_solution():
    assert spinn.solve(Reaction(strength=1.1)).summary["relative_l2"]["all"] > 1e-4


@pytest.mark.parametrize("head", ["tt", "cp"])
def test_heads_agree_with_the_tucker_core_on_three_axes(head):
    pde = get("helmholtz_3d")(a1=1.0, a2=1.0, a3=1.0)
    tucker = spinn.solve(pde, network={"modes": 10})
    other = spinn.solve(pde, network={"modes": 10, "head": head})
    assert other.networks[0].head == head
    points = np.random.default_rng(0).uniform(-1, 1, (3, 50))
    np.testing.assert_allclose(other(*points), tucker(*points), atol=2e-6)  # both far from the limit of ten modes


def test_a_run_is_written_loaded_and_needs_no_second_one(tmp_path):
    solution = spinn.solve("poisson_5d", out=tmp_path / "run", output={"report": False})
    again = spinn.load(tmp_path / "run")
    points = np.random.default_rng(0).uniform(0, 1, (5, 20))
    np.testing.assert_allclose(again(*points), solution(*points), rtol=0, atol=1e-14)
    with h5py.File(tmp_path / "run" / "solution.h5") as file:
        assert file["unknowns/u"].shape == (33, 33, 33)
        assert set(file["tensor_train/cores/u"]) == set(FIVE)
        value = np.ones((1, 1))
        for axis in FIVE:
            row = file[f"tensor_train/features/{axis}"][16]
            value = value @ np.tensordot(row, file[f"tensor_train/cores/u/{axis}"][()], (0, 1))
        assert value.item() == pytest.approx(float(again(*[0.5] * 5)), rel=1e-12)
    assert (tmp_path / "run" / "figures" / "u.png").is_file()
    resumed = spinn.solve("poisson_5d", out=tmp_path / "run", resume=True, output={"report": False})
    assert resumed.summary["relative_l2"] == solution.summary["relative_l2"]


def test_an_interrupted_run_keeps_what_it_has_and_starts_anew(tmp_path, listen):
    settings = {"output": {"report": False, "figures": False}}
    solution = spinn.solve("poisson_5d", out=tmp_path / "run", reporter=listen(stop_at_update=2), **settings)
    assert solution.summary["status"] == "interrupted"
    assert solution.summary["relative_l2"]["all"] < 0.1
    listener = listen()
    resumed = spinn.solve("poisson_5d", out=tmp_path / "run", resume=True, reporter=listener, **settings)
    assert any("starting anew" in message for message in listener.messages)
    assert resumed.summary["relative_l2"]["all"] < 1e-10


def test_ranks_below_those_of_the_solution_are_warned_of():
    summary = spinn.solve(Reaction(), network={"rank": 1}).summary
    assert summary["relative_l2"]["all"] > 1e-2
    assert "network.rank" in summary["warnings"][0]


def test_no_grid_of_many_axes_is_formed():
    solution = spinn.solve("poisson_5d", train=[{"optimizer": "als", "steps": 1}])
    with pytest.raises(ValueError, match="too large to form"):
        solution.on_grid({axis: np.linspace(0, 1, 200) for axis in FIVE})


def test_limits_of_a_stage_end_it(listen):
    listener = listen()
    spinn.solve("poisson_5d", train=[{"optimizer": "als", "tolerance": 1e-1}], reporter=listener)
    assert len(listener.updates) < 4
    assert listener.updates[0].error is not None


def test_estimate_makes_one_sweep():
    found = estimate(config_from({"pde": "poisson_5d"}), get("poisson_5d")())
    assert found["modes"]["x1"] > 4
    assert found["seconds"] > 0


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train": [{"optimizer": "als", "steps": 3}, {"optimizer": "adam", "steps": 3}]}, "one stage"),
        ({"network": {"head": "tt"}, "train": [{"optimizer": "adam", "steps": 3}]}, "one stage of als"),
        ({"network": {"rank": [1, 2]}}, "tt head has one rank"),
        ({"train": [{"optimizer": "als", "steps": 3}], "network": {"head": "tucker"}}, "head: tt or head: cp"),
        ({"train": [{"optimizer": "als", "steps": 3}], "network": {"features": "mlp"}}, "trainable: false"),
    ],
)
def test_settings_that_do_not_fit_are_refused(sections, message):
    with pytest.raises(SpinnError, match=message):
        resolve(config_from({"pde": "poisson_5d", **sections}), get("poisson_5d")())


class Cubic(Reaction):
    """A nonlinear problem of five axes."""

    def residual(self, u, *x):
        return -laplacian(u) + u**3 - 1.0


def test_nonlinear_problems_of_many_axes_keep_their_recipe():
    plan = resolve(config_from({"pde": "poisson_5d"}), Cubic())
    assert plan.config.network.head == "cp"
    assert [stage.optimizer for stage in plan.config.train] == ["gauss_newton"]
    with pytest.raises(SpinnError, match="linear in its unknowns"):
        resolve(config_from({"pde": "poisson_5d", "network": {"head": "tt"}}), Cubic())


def test_scattered_points_do_not_depend_on_training():
    from spinn.truth import scattered, truth_at_points

    pde = get("poisson_10d")()
    points = scattered(pde, pde.domain, 100, seed=3)
    again = scattered(dataclasses.replace(pde, mix=0.1), pde.domain, 100, seed=3)
    assert all(np.array_equal(points[axis], again[axis]) for axis in pde.coordinates)
    truth = truth_at_points(pde, points)["u"]
    np.testing.assert_allclose(truth, pde.exact(*points.values()), rtol=1e-12)
