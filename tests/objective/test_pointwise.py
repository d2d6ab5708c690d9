"""The point-wise objective: the separable one at the same points, averages, causal bins, faces."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.networks.bodies import MLP, Sine
from spinn.networks.pointwise import PointNetwork, point_network
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network
from spinn.objective import PointObjective, SeparableObjective, Weighting
from spinn.pdes import PDE, Box, Dirichlet, Gauge, Initial, Neumann, Periodic, Robin, exp, sin
from spinn.sampling import AxisSampler, PointSampler, scattered

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(0)


class Everything(PDE):
    """Nonlinear, two unknowns, every kind of condition; coordinates out of alphabetical order."""

    coordinates = ("t", "x", "a")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(-1, 1), a=(0, 2))

    def residual(self, u, v, t, x, a):  # type: ignore[no-untyped-def]
        return {
            "first": u.d("t") + v * u.d("x") - 0.1 * (u.d("xx") + u.d("aa")) - sin(x) * t,
            "second": v.d("t") - exp(u) * a + v.d("xa"),
        }

    def residual_weights(self) -> dict[str, float]:
        return {"second": 4.0}

    def conditions(self) -> list[Any]:
        return [
            Initial("u", value=lambda t, x, a: x * a, weight=10.0),
            Initial("v", order=1),
            Dirichlet("u", faces=("x",), value=lambda t, x, a: t + a),
            Neumann("v", faces=("x",)),
            Robin("v", faces=("a",)),
            Periodic("u", axis="a", order=1),
            Gauge("u"),
            Gauge("v", axes=("a",), value=lambda t, x, a: x),
        ]


COUNTS = {"t": 3, "x": 4, "a": 2}


def separable() -> SeparableNetwork:
    ends = {axis: tuple(jnp.asarray(end) for end in Everything().domain[axis]) for axis in COUNTS}
    features = {
        axis: AxisFeatures(Sine(3, 1, 2.0, key=jax.random.key(i)), *ends[axis]) for i, axis in enumerate(COUNTS)
    }
    return cp_network(features, ("u", "v"), 3, key=KEY)


def pointwise() -> PointNetwork:
    return point_network(functools.partial(MLP, 4, 1), Everything().domain, ("u", "v"), key=KEY)


def midpoints() -> Any:
    """A batch whose times are the middles of equal bins; the other axes have no symmetry."""
    batch = AxisSampler(COUNTS, "uniform").draw(Everything().domain, key=KEY)
    points = {axis: 0.9 * values + 0.1 for axis, values in batch.points.items()}
    weights = {axis: jnp.full(n, 1.0 / n) for axis, n in COUNTS.items()}
    return batch._replace(points={**points, "t": (jnp.arange(3) + 0.5) / 3}, weights=weights)


@pytest.mark.parametrize("causal", [0.0, 5.0])
def test_it_is_the_separable_objective_at_the_same_points(causal: float) -> None:
    weighting = Weighting({"first": 3.0}, causal)
    batch, scales = midpoints(), {"initial_u": 2.0}
    grid, points = SeparableObjective(Everything(), weighting), PointObjective(Everything(), weighting, time_bins=3)
    expected = eqx.filter_jit(grid.blocks)(separable(), batch, scales)
    found = eqx.filter_jit(points.blocks)(separable(), scattered(batch), scales)
    assert list(found) == list(expected)
    for name, block in expected.items():
        assert found[name].shape == (block.size,)
        np.testing.assert_allclose(found[name], block.ravel(), rtol=1e-9, atol=1e-12)
    assert min(float(jnp.abs(block).max()) for block in found.values()) > 1e-4


@pytest.mark.parametrize("rule", ["random", "sobol", "gauss"])
def test_the_loss_is_half_the_sum_of_squares_of_the_blocks(rule: Any) -> None:
    batch = PointSampler(COUNTS, rule).draw(Everything().domain, key=KEY)
    objective = PointObjective(Everything())
    (loss, parts), blocks = eqx.filter_jit(lambda n, b: (objective.loss(n, b), objective.blocks(n, b)))(
        pointwise(), batch
    )
    for name, block in blocks.items():
        assert float(parts[name]) == pytest.approx(0.5 * float(jnp.sum(block**2)), rel=1e-12)
    assert float(loss) == pytest.approx(sum(float(part) for part in parts.values()), rel=1e-12)


def test_interior_is_the_bare_residual() -> None:
    batch = PointSampler(COUNTS).draw(Everything().domain, key=KEY)
    objective = PointObjective(Everything(), skip=frozenset({"gauge", "periodic", "robin", "neumann", "dirichlet"}))
    bare, blocks = eqx.filter_jit(lambda n, b: (objective.interior(n, b), objective.blocks(n, b)))(pointwise(), batch)
    assert set(blocks) == {"first", "second", "initial_u", "initial_dt_v"}
    np.testing.assert_allclose(blocks["first"], bare["first"] * np.sqrt(1 / 24), rtol=1e-12)
    np.testing.assert_allclose(blocks["second"], 2 * bare["second"] * np.sqrt(1 / 24), rtol=1e-12)


def test_gauges_average_over_the_axes_named_at_fixed_others() -> None:
    batch = PointSampler({"t": 3, "x": 4, "a": 5}, "random").draw(Everything().domain, key=KEY)
    only = PointObjective(Everything(), skip=frozenset({"initial", "dirichlet", "neumann", "robin", "periodic"}))
    blocks = eqx.filter_jit(only.blocks)(pointwise(), batch)
    t, x, a = (batch.means.points[axis] for axis in "txa")
    wt, wx, wa = (np.asarray(batch.means.weights[axis]) for axis in "txa")
    mesh = [part.ravel() for part in jnp.meshgrid(t, x, a, indexing="ij")]
    u, v = (np.asarray(values).reshape(3, 4, 5) for values in pointwise()(*mesh).values())
    np.testing.assert_allclose(blocks["gauge_u"], np.einsum("txa,x,a->t", u, wx, wa) * np.sqrt(wt), atol=1e-13)
    expected = (np.einsum("txa,a->tx", v, wa) - np.asarray(x)) * np.sqrt(np.outer(wt, wx))
    np.testing.assert_allclose(blocks["gauge_v"], expected.ravel(), atol=1e-13)


def test_opposite_faces_have_matching_points() -> None:
    """Periodicity compares point by point: it holds exactly for a periodic network."""
    network = point_network(functools.partial(MLP, 4, 1), Everything().domain, ("u", "v"), periodic={"a": 2}, key=KEY)
    batch = PointSampler(COUNTS, "random").draw(Everything().domain, key=KEY)
    blocks = eqx.filter_jit(PointObjective(Everything()).blocks)(network, batch)
    assert max(float(jnp.abs(blocks[f"periodic_u_a_{order}"]).max()) for order in (0, 1)) < 1e-13
    assert float(jnp.abs(blocks["robin_v_a_low"]).max()) > 1e-3


def test_causal_weights_sort_points_into_bins_of_time() -> None:
    batch = PointSampler(COUNTS, "random", interior=60).draw(Everything().domain, key=KEY)
    skip = frozenset({"initial", "dirichlet", "neumann", "robin", "periodic", "gauge"})
    plain, found = (
        eqx.filter_jit(PointObjective(Everything(), Weighting(causal=c), skip, 4).blocks)(pointwise(), batch)
        for c in (0.0, 2.0)
    )
    bins = np.minimum((np.asarray(batch.points["t"]) * 4).astype(int), 3)
    squares = np.asarray(plain["first"]) ** 2 + np.asarray(plain["second"]) ** 2
    losses = 4 * np.array([squares[bins == number].sum() for number in range(4)])
    weights = np.exp(-2.0 * (np.cumsum(losses) - losses))[bins]
    assert weights.min() < 0.9
    for name in ("first", "second"):
        np.testing.assert_allclose(found[name], plain[name] * np.sqrt(weights), rtol=1e-10)


def test_causal_weighting_needs_time() -> None:
    class Still(Everything):
        """u = 0 on [0, 1]."""

        coordinates = ("x",)
        domain = Box(x=(0, 1))

    with pytest.raises(SpinnError, match="Still has no axis 't'"):
        PointObjective(Still(), Weighting(causal=1.0))


def test_a_window_continues_the_one_before() -> None:
    batch = PointSampler(COUNTS).draw(Everything().domain, key=KEY)
    objective = PointObjective(Everything(), skip=frozenset({"dirichlet", "neumann", "robin", "periodic", "gauge"}))
    blocks = eqx.filter_jit(objective.blocks)(pointwise(), batch, {}, pointwise())
    assert float(jnp.abs(blocks["initial_u"]).max()) == 0.0 == float(jnp.abs(blocks["initial_dt_v"]).max())
    other = point_network(functools.partial(MLP, 4, 1), Everything().domain, ("u", "v"), key=jax.random.key(9))
    jump = eqx.filter_jit(objective.blocks)(pointwise(), batch, {}, other)["initial_u"]
    start = {**batch.faces["t"].points, "t": jnp.zeros(8)}
    expected = pointwise().at_points(start)["u"] - other.at_points(start)["u"]
    np.testing.assert_allclose(jump, expected * np.sqrt(10.0 / 8.0), rtol=1e-11, atol=1e-13)


def test_the_gradient_reaches_every_parameter() -> None:
    batch = PointSampler(COUNTS).draw(Everything().domain, key=KEY)
    objective = PointObjective(Everything(), skip=frozenset({"neumann", "robin", "periodic", "gauge"}))
    slopes = eqx.filter_jit(eqx.filter_grad(lambda n: objective.loss(n, batch)[0]))(pointwise())
    parts = jax.tree.leaves((slopes.body, slopes.last))
    assert len(parts) == 4 and all(np.all(np.isfinite(part)) and np.any(part) for part in parts)


@pytest.mark.parametrize("enabled", [False, True])
def test_single_precision_stays_single(enabled: bool) -> None:
    with jax.enable_x64(False):
        network, batch = pointwise(), PointSampler(COUNTS).draw(Everything().domain, key=KEY)
    with jax.enable_x64(enabled):
        found = eqx.filter_eval_shape(PointObjective(Everything()).loss, network, batch)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {jnp.dtype("float32")}
