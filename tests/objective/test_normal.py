"""Blocks of the normal matrix against the Jacobian itself, for linear and nonlinear residuals and their conditions."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from spinn.networks.bodies import Fourier, Legendre
from spinn.networks.separable import AxisFeatures, SeparableNetwork, tucker_network
from spinn.objective import SeparableObjective, Weighting
from spinn.objective.normal import MAX_WHOLE, coupling
from spinn.pdes import PDE, Box, Dirichlet, Gauge, Initial, Periodic, exp, sin
from spinn.sampling import AxisSampler

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


class Coupled(PDE):
    """Two unknowns, constant and variable coefficients, a nonlinear term of choice, and conditions of several kinds."""

    coordinates = ("t", "x", "y")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(-1, 1), y=(0, 2))
    bend: float = 0.0  # size of the nonlinear terms

    def residual(self, u, v, t, x, y):  # type: ignore[no-untyped-def]
        first = u.d("t") - u.d("xx") + exp(x) * v.d("y") + 2.0 * v - sin(x) * sin(y)
        second = v.d("t") - v.d("yy") - u
        if self.bend:
            first = first + self.bend * u * v.d("x")
            second = second + self.bend * sin(u + v.d("y"))
        return {"first": first, "second": second}

    def conditions(self) -> list[Any]:
        return [
            Initial("u", value=1.0, weight=3.0),
            Initial(lambda u, v: u.d("x") - v, label="slope"),
            Dirichlet("u", faces=("x",)),
            *(Periodic(name, axis="y") for name in self.unknowns),
            Gauge("v"),
        ]


def built(bend: float) -> tuple[SeparableObjective, SeparableNetwork, Any]:
    pde = Coupled(bend=bend)
    features = {
        axis: AxisFeatures(body, *(jnp.asarray(float(end)) for end in pde.domain[axis]))
        for axis, body in {"t": Legendre(3), "x": Legendre(4), "y": Fourier(2)}.items()
    }
    network = tucker_network(features, pde.unknowns, dict.fromkeys(features), 2.0, key=jax.random.key(3))
    waves = jnp.eye(5)[:, jnp.asarray([0, 1, 3, 2, 4])]  # the constant, then cosine and sine of each wave number
    network = eqx.tree_at(lambda n: n.mixings, network, (None, None, waves), is_leaf=lambda leaf: leaf is None)
    sampler = AxisSampler({"t": 5, "x": 7, "y": 9}, "gauss", frozenset({"y"}))
    skip = frozenset({"periodic_u_y", "periodic_v_y"})
    objective = SeparableObjective(pde, Weighting({"second": 5.0}), skip)
    return objective, network, sampler.draw(pde.domain, key=jax.random.key(0))


def exact_normal(objective: SeparableObjective, network: SeparableNetwork, batch: Any) -> np.ndarray:
    """J^T J from forward mode, as (unknown, t, x, y) by the same."""

    def residuals(core: Any) -> Any:
        return ravel_pytree(objective.blocks(eqx.tree_at(lambda n: n.core, network, core), batch))[0]

    core: Any = network.core
    jacobian = np.asarray(jax.jacfwd(residuals)(core)).reshape(-1, core.size)
    return (jacobian.T @ jacobian).reshape(*core.shape, *core.shape)


def found_normal(objective: SeparableObjective, network: SeparableNetwork, batch: Any) -> np.ndarray:
    return np.asarray(eqx.filter_jit(objective.normal)(network, batch))  # type: ignore[attr-defined]


@pytest.mark.parametrize("bend", [0.0, 0.7])
def test_a_small_core_is_kept_whole_and_exact(bend: float) -> None:
    objective, network, batch = built(bend)
    exact = exact_normal(objective, network, batch)
    size = int(np.sqrt(exact.size))
    np.testing.assert_allclose(found_normal(objective, network, batch), exact.reshape(1, size, size), atol=1e-9)


def test_a_larger_core_keeps_time_pairs_of_waves_and_the_diagonal_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nonlinear terms the blocks are those of the exact matrix; what fills a group up is zero."""
    monkeypatch.setattr("spinn.objective.normal.MAX_WHOLE", 10)
    objective, network, batch = built(0.0)
    exact = exact_normal(objective, network, batch)
    count, t, x, y = network.core.shape  # type: ignore[union-attr]
    exact = np.pad(exact, [(1, 0) if i % 4 == 3 else (0, 0) for i in range(8)])  # as the constant stands alone
    pairs = (y + 1) // 2
    found = found_normal(objective, network, batch).reshape(x, pairs, count, t, 2, count, t, 2)
    for i in range(x):
        for j in range(pairs):
            pair = slice(2 * j, 2 * j + 2)
            np.testing.assert_allclose(found[i, j], exact[:, :, i, pair, :, :, i, pair], atol=1e-9)
    assert np.abs(found[:, 1:, 0, :, 0, 1, :, 1]).max() > 1e-3  # a first derivative couples sine and cosine


def test_nonlinear_terms_enter_by_their_mean_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not exact then, but positive definite and of the right size."""
    monkeypatch.setattr("spinn.objective.normal.MAX_WHOLE", 10)
    objective, network, batch = built(0.7)
    exact, found = exact_normal(objective, network, batch), found_normal(objective, network, batch)
    real = np.einsum("mii->mi", found) > 0  # what fills a group up is zero
    assert all(np.all(np.linalg.eigvalsh(one[rows][:, rows]) > 0) for one, rows in zip(found, real, strict=True))
    count, t, x, y = network.core.shape  # type: ignore[union-attr]
    trace = np.trace(exact.reshape(count * t * x * y, -1))
    assert np.trace(found, axis1=1, axis2=2).sum() == pytest.approx(trace, rel=0.5)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 20, 20), ((0, 1), (1, 1))),
        ((1, 60, 61), ((0,), (1, 2))),
        ((3, 12, 11, 11), ((0,), (1, 2, 2))),
        ((3, 40, 11, 11), ((0,), (1, 1, 1))),
        ((1, 400, 41), ((), (1, 2))),
        ((200, 140, 41), ((), (1, 1))),
    ],
)
def test_what_is_kept(shape: tuple[int, ...], expected: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    axes = ("t", "x", "y")[: len(shape) - 1]
    assert coupling(shape, axes, axes[1:]) == expected
    assert MAX_WHOLE < 60 * 61
