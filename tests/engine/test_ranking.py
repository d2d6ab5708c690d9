"""Ranks that grow by the residual: accuracy, cores beyond the budget, systems, resuming, and what is refused."""

import functools
import importlib.util
import itertools
import math
import operator
from pathlib import Path

import numpy as np
import pytest

from spinn import ranking
from spinn.api import load
from spinn.config import config_from
from spinn.config.yaml_source import load as load_yaml
from spinn.engine import solve
from spinn.errors import SpinnError
from spinn.growth import MAX_UNKNOWNS
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE, Box, Dirichlet, Initial, Periodic, cos, div, exp, get, grad, laplacian, sin
from spinn.recipes import resolve
from spinn.sizing import planned
from tests.engine.test_resuming import KilledError, assert_same, start  # noqa: F401

STAGE = {"optimizer": "gauss_newton", "steps": 30}  # in place of the sweeps that linear problems get

pytestmark = pytest.mark.usefixtures("x64")


def waves(numbers, *points):
    """A sum of products of sines that no single product is, each half as large as the one before."""
    terms = [
        0.5**place * functools.reduce(operator.mul, [sin(n * math.pi * x) for n, x in zip(row, points, strict=True)])
        for place, row in enumerate(numbers)
    ]
    return functools.reduce(operator.add, terms)


class Diffusion4D(PDE):
    """u - div(a grad u) = f on [-1, 1]^4, zero on the faces, with a coefficient that joins the coordinates."""

    coordinates = ("x", "y", "z", "w")
    unknowns = ("u",)
    domain = Box(**dict.fromkeys(coordinates, (-1, 1)))

    def residual(self, u, *x):
        return self.operator(u, *x) - self.operator(self.exact(*x), *x)

    def operator(self, u, *x):
        """u - div(a grad u)."""
        a = 1 + 0.25 * (x[0] * x[1] + x[2] * x[3] + x[0] * x[-1])
        return u - div(a * grad(u))

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, *x):
        return waves([(1, 2, 3, 1), (2, 3, 1, 2), (3, 1, 2, 2)], *x)


class Diffusion5D(Diffusion4D):
    """The same in five axes."""

    coordinates = ("x", "y", "z", "w", "v")
    domain = Box(**dict.fromkeys(coordinates, (-1, 1)))

    def exact(self, *x):
        return waves([(1, 2, 1, 2, 1), (2, 1, 2, 1, 1), (1, 1, 2, 2, 2)], *x)


class Poisson4D(Diffusion4D):
    """The same with a constant coefficient and without the unknown itself."""

    def operator(self, u, *x):
        """Lap u."""
        return laplacian(u)


class Coupled2D(PDE):
    """Lap u + u = q on a square, with data that are not separable and a solution whose ranks rise with its accuracy."""

    coordinates = ("x", "y")
    unknowns = ("u",)
    domain = Box(x=(-1, 1), y=(-1, 1))

    def residual(self, u, x, y):
        return self.operator(u) - self.operator(self.exact(x, y))

    def operator(self, u):
        """Lap u + u."""
        return laplacian(u) + u

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x, y):
        return (1 - x**2) * (1 - y**2) * exp(sin(2 * x * y))


class Transport2D(PDE):
    """A wave as a system of first order in time: u_t = v, v_t = u_xx, periodic in x."""

    coordinates = ("t", "x")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(0, 2 * math.pi))

    def residual(self, u, v, t, x):
        return u.d("t") - v, v.d("t") - u.d("xx")

    def conditions(self):
        return [
            Initial("u", value=lambda t, x: sin(3 * x)),
            Initial("v", value=0.0),
            Periodic("u", "x"),
            Periodic("v", "x"),
        ]

    def exact(self, t, x):
        return sin(3 * x) * cos(3 * t), -3 * sin(3 * x) * sin(3 * t)


def grown(pde, name="helmholtz_3d", **sections):
    sections = {"output": {"estimate": False}, **sections, "network": {"rank": "grow", **sections.get("network", {})}}
    config = config_from({"pde": name, **sections})
    return solve(config, pde, reporter=SilentReporter(), write=False)


def ranks_and_modes(solution):
    network = solution.networks[0]
    return max(network.core.shape[1:]), min(one.body.width for one in network.features)


@pytest.fixture
def few(monkeypatch):
    """A first core so small that ranks have to grow."""
    monkeypatch.setattr(ranking, "FIRST_UNKNOWNS", 60)


@pytest.mark.slow
def test_klein_gordon(monkeypatch):
    monkeypatch.setattr(ranking, "FIRST_UNKNOWNS", 400)
    solution = grown(get("klein_gordon_2d")(), "klein_gordon_2d")
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert len(solution.summary["stages"]) > 1
    assert "ranks and modes grown" in solution.summary["recipe"]
    assert max(solution.networks[0].core.shape[1:]) < 9


def test_the_recipe_lets_ranks_grow_where_the_data_are_too_large_for_a_whole_core():
    solution = grown(Diffusion4D(), network={"rank": "auto"})
    network, summary = solution.networks[0], solution.summary
    whole = math.prod(one.body.width for one in network.features)
    error = summary["relative_l2"]["all"]
    print(f"4 axes: relative L2 {error:.1e} with a core {network.core.shape}, {whole:,} unknowns with all modes")
    assert error < 1e-10
    assert whole > 5 * MAX_UNKNOWNS["whole"]
    assert network.core.shape == (1, 3, 3, 3, 2)  # the ranks of the exact solution
    assert summary["parameters"] == network.core.size
    assert "ALS on a Tucker core" in summary["recipe"]
    assert "a core over all modes that the data show would have" in summary["recipe"]
    assert solution.config.network.rank == "grow"
    assert not summary["warnings"]


def test_small_data_and_what_is_configured_keep_the_whole_core(monkeypatch):
    settings = {"pde": "helmholtz_3d"}
    kept = [({"modes": 20}, {}), ({"head": "cp"}, {}), ({}, {"train": [{"optimizer": "gauss_newton", "steps": 5}]})]
    for network, rest in kept:
        config = config_from({**settings, "network": network, **rest})
        assert planned(config, Diffusion4D()) == resolve(config, Diffusion4D())
    config = config_from(settings)
    assert planned(config, Diffusion4D()) != resolve(config, Diffusion4D())
    monkeypatch.setitem(MAX_UNKNOWNS, "whole", 10**7)
    assert planned(config, Diffusion4D()) == resolve(config, Diffusion4D())


def test_five_axes_with_coupled_coefficients():
    solution = grown(Diffusion5D(), output={"estimate": True})
    network = solution.networks[0]
    assert solution.summary["relative_l2"]["all"] < 1e-10
    assert network.core.shape == (1, 2, 2, 2, 2, 2)
    assert min(one.body.width for one in network.features) >= 16
    assert solution.summary["error_estimate"]["relative_l2"]["all"] < 1e-9


def test_a_swept_core_is_loaded_as_it_was_saved(tmp_path):
    config = config_from({"pde": "poisson_5d", "network": {"rank": "grow"},
                          "output": {"figures": False, "estimate": False, "vtkhdf": False}})  # fmt: skip
    solution = solve(config, get("poisson_5d")(), out=tmp_path / "run", reporter=SilentReporter())
    assert solution.summary["relative_l2"]["all"] < 1e-10
    assert solution.networks[0].core.shape == (1, *(3,) * 5)
    points = np.random.default_rng(0).uniform(0, 1, (5, 20))
    np.testing.assert_array_equal(load(tmp_path / "run")(*points), solution(*points))


@pytest.mark.slow
def test_a_core_over_all_modes_would_be_beyond_the_budget():
    """By Gauss-Newton's method, as problems go that are not linear."""
    solution = grown(Poisson4D(), network={"modes": 28}, train=[STAGE])
    rank, modes = ranks_and_modes(solution)
    whole = math.prod(one.body.width for one in solution.networks[0].features)
    error = solution.summary["relative_l2"]["all"]
    print(f"4 axes: relative L2 {error:.1e} with ranks up to {rank} of {modes}, {whole:,} unknowns with all modes")
    assert error < 1e-8
    assert whole > 5 * MAX_UNKNOWNS["whole"]
    assert rank <= 12
    assert solution.summary["parameters"] < 0.02 * whole
    assert solution.summary["tucker_ranks"][1]["ranks"] == [{"x": 3, "y": 3, "z": 3, "w": 2}]


def test_the_residual_falls_from_level_to_level(few):
    solution = grown(Coupled2D(), network={"modes": 24})
    losses = [stage["loss"] for stage in solution.summary["stages"]]
    assert len(losses) > 2
    rounding = 1.0 + 1e-6  # at the last levels nothing is left to gain
    assert all(after < rounding * before for before, after in itertools.pairwise(losses[1:]))
    assert losses[-1] < 1e-9 * losses[1]
    assert solution.summary["relative_l2"]["all"] < 1e-9
    rank, modes = ranks_and_modes(solution)
    assert rank < 0.8 * modes


@pytest.mark.slow
def test_a_coupled_solution_has_the_ranks_of_its_accuracy(monkeypatch):
    file = Path(__file__).parents[2] / "benchmarks" / "unseen_problems.py"
    spec = importlib.util.spec_from_file_location("unseen_problems", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.syspath_prepend(str(file.parent))
    spec.loader.exec_module(module)
    solution = grown(module.CoupledHelmholtz3D())
    rank, modes = ranks_and_modes(solution)
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert rank < 0.8 * modes


@pytest.mark.slow
def test_a_system_with_prescribed_values(few):
    solution = grown(Transport2D(), train=[STAGE])
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert solution.networks[0].restricted


@pytest.mark.slow
def test_a_solution_is_loaded_as_it_was_saved(few, tmp_path):
    config = config_from({"pde": "klein_gordon_2d", "network": {"rank": "grow", "modes": 10}, "windows": 1,
                          "output": {"figures": False, "estimate": False, "vtkhdf": False}})  # fmt: skip
    solution = solve(config, get("klein_gordon_2d")(), out=tmp_path / "run", reporter=SilentReporter())
    points = np.random.default_rng(0).uniform([0, -1, -1], [10, 1, 1], (20, 3)).T
    np.testing.assert_array_equal(load(tmp_path / "run")(*points), solution(*points))


def test_configured_modes_are_kept(few):
    solution = grown(Transport2D(), network={"modes": {"t": 22, "x": 5}}, train=[STAGE])
    assert solution.modes[0] == {"t": 22, "x": 5}
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert "ranks grown" in solution.summary["recipe"]


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_bits(few, start, tmp_path):  # noqa: F811
    config = config_from({"pde": "helmholtz_3d", "network": {"rank": "grow"}, "train": [STAGE]})
    pde = Transport2D()
    plan, compiled = resolve(config, pde), {}
    whole, records = start(plan, pde, compiled)
    levels = [record["stage"] for record in records]
    assert len(set(levels)) > 2
    last = levels.index(levels[-1]) + 1
    for stop in {2, last, len(levels)}:
        (tmp_path / "checkpoints").rename(tmp_path / f"before {stop}")
        with pytest.raises(KilledError):
            start(plan, pde, compiled, kill_at=stop)
        again, _ = start(plan, pde, compiled)
        assert_same(again, whole)


@pytest.mark.parametrize(
    ("network", "got"),
    [
        ({"head": "cp"}, "head: cp"),
        ({"head": "tt"}, "head: tt"),
        ({"trainable": True}, "trainable: true"),
        ({"features": "sine", "trainable": False}, "features: sine"),
        ({"kind": "pointwise"}, "kind: pointwise"),
        ({"map": "learned"}, "map: learned"),
    ],
)
def test_networks_without_ranks_that_grow_are_refused(network, got, tmp_path):
    file = tmp_path / "run.yaml"
    settings = "".join(f"  {key}: {str(value).lower()}\n" for key, value in network.items())
    file.write_text(f"pde: helmholtz_3d\nnetwork:\n  rank: grow\n{settings}")
    with pytest.raises(SpinnError, match=rf"run.yaml:2: network: expected a Tucker core .* got {got}.*"):
        load_yaml(file)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train": [{"optimizer": "adam", "steps": 10}]}, "one stage of gauss_newton"),
        ({"loss": {"weighting": "gradient_norm"}}, "fixed weights"),
    ],
)
def test_what_ranks_cannot_grow_with_is_refused(sections, message):
    pde = get("helmholtz_3d")()
    with pytest.raises(SpinnError, match=rf"network.rank: grow needs .*{message}"):
        resolve(config_from({"pde": "helmholtz_3d", "network": {"rank": "grow"}, **sections}), pde)


def test_a_core_of_many_axes_is_refused():
    pde = get("poisson_10d")()
    with pytest.raises(SpinnError, match=r"network.rank: grow .* up to 5 axes; this problem has 10: use head: tt"):
        resolve(config_from({"pde": "poisson_10d", "network": {"rank": "grow"}}), pde)


def test_linear_problems_are_swept_unless_told_otherwise():
    plans = [
        resolve(config_from({"pde": "poisson_5d", "network": {"rank": "grow"}, **rest}), get("poisson_5d")())
        for rest in ({}, {"train": [STAGE]}, {"sampling": {"resample_every": 10}})
    ]
    assert [plan.config.train[0].optimizer for plan in plans] == ["als", "gauss_newton", "gauss_newton"]
    assert {plan.config.network.head for plan in plans} == {"tucker"}
