"""Ranks that grow by the residual: accuracy, cores beyond the budget, systems, resuming, and what is refused."""

import functools
import importlib.util
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
from spinn.pdes import PDE, Box, Dirichlet, Initial, Periodic, cos, get, laplacian, sin
from spinn.recipes import resolve
from tests.engine.test_resuming import KilledError, assert_same, start  # noqa: F401

pytestmark = pytest.mark.usefixtures("x64")


class CoupledPoisson4D(PDE):
    """Laplace u = q on [-1, 1]^4, zero on the faces, with a sum of waves that no single product is."""

    coordinates = ("x", "y", "z", "w")
    unknowns = ("u",)
    domain = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1), w=(-1, 1))

    def residual(self, u, x, y, z, w):
        return laplacian(u) - laplacian(self.exact(x, y, z, w))

    def conditions(self):
        return [Dirichlet("u", value=0.0)]

    def exact(self, x, y, z, w):
        waves = [(1, 2, 3, 1), (2, 3, 1, 2), (3, 1, 2, 2), (1, 1, 1, 3)]
        terms = [
            0.5**number * sin(a * math.pi * x) * sin(b * math.pi * y) * sin(c * math.pi * z) * sin(d * math.pi * w)
            for number, (a, b, c, d) in enumerate(waves)
        ]
        return functools.reduce(operator.add, terms)


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
    network = {"rank": "grow", **sections.pop("network", {})}
    config = config_from({"pde": name, "network": network, "output": {"estimate": False}, **sections})
    return solve(config, pde, reporter=SilentReporter(), write=False)


def ranks_and_modes(solution):
    network = solution.networks[0]
    return max(network.core.shape[1:]), min(one.body.width for one in network.features)


@pytest.fixture
def few(monkeypatch):
    """A first core so small that ranks have to grow."""
    monkeypatch.setattr(ranking, "FIRST_UNKNOWNS", 60)


def test_klein_gordon(monkeypatch):
    monkeypatch.setattr(ranking, "FIRST_UNKNOWNS", 400)
    solution = grown(get("klein_gordon_2d")(), "klein_gordon_2d")
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert len(solution.summary["stages"]) > 1
    assert "ranks and modes grown" in solution.summary["recipe"]
    assert max(solution.networks[0].core.shape[1:]) < 9


def test_a_core_over_all_modes_would_be_beyond_the_budget():
    solution = grown(CoupledPoisson4D(), network={"modes": 28})
    rank, modes = ranks_and_modes(solution)
    whole = math.prod(one.body.width for one in solution.networks[0].features)
    error = solution.summary["relative_l2"]["all"]
    print(f"4 axes: relative L2 {error:.1e} with ranks up to {rank} of {modes}, {whole:,} unknowns with all modes")
    assert error < 1e-8
    assert whole > 5 * MAX_UNKNOWNS["whole"]
    assert rank <= 12
    assert solution.summary["parameters"] < 0.02 * whole
    assert solution.summary["tucker_ranks"][1]["ranks"] == [{"x": 3, "y": 3, "z": 3, "w": 3}]


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


def test_a_system_with_prescribed_values(few):
    solution = grown(Transport2D())
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert solution.networks[0].restricted


def test_a_solution_is_loaded_as_it_was_saved(few, tmp_path):
    config = config_from({"pde": "klein_gordon_2d", "network": {"rank": "grow", "modes": 10}, "windows": 1,
                          "output": {"figures": False, "estimate": False, "vtkhdf": False}})  # fmt: skip
    solution = solve(config, get("klein_gordon_2d")(), out=tmp_path / "run", reporter=SilentReporter())
    points = np.random.default_rng(0).uniform([0, -1, -1], [10, 1, 1], (20, 3)).T
    np.testing.assert_array_equal(load(tmp_path / "run")(*points), solution(*points))


def test_configured_modes_are_kept(few):
    solution = grown(Transport2D(), network={"modes": {"t": 22, "x": 5}})
    assert solution.modes[0] == {"t": 22, "x": 5}
    assert solution.summary["relative_l2"]["all"] < 1e-9
    assert "ranks grown" in solution.summary["recipe"]


def test_a_resumed_run_ends_with_the_same_bits(few, start, tmp_path):  # noqa: F811
    config = config_from({"pde": "helmholtz_3d", "network": {"rank": "grow"}})
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


def test_five_axes_take_a_core():
    config = config_from({"pde": "poisson_5d", "network": {"rank": "grow"}})
    assert resolve(config, get("poisson_5d")()).config.network.head == "tucker"
