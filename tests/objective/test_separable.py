"""The separable objective: exact solutions leave nothing, and weights, slabs, norms and windows act as documented."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.networks.bodies import MLP, Fourier, Legendre
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network, tucker_network
from spinn.objective import SeparableObjective, Weighting
from spinn.objective.blocks import causal_weights
from spinn.pdes import PDE, Box, Dirichlet, Gauge, Initial, Neumann, Periodic, Robin, cos, laplacian, sin
from spinn.sampling import AxisSampler
from spinn.sampling.separable import AxisBatch

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

KEY = jax.random.key(0)


class Polynomial(PDE):
    """u_t - u_xx + u^2 = f with a polynomial solution, and every kind of condition."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 2), x=(-1, 3))
    k: float = 1.0

    def residual(self, u, t, x):  # type: ignore[no-untyped-def]
        return u.d("t") - u.d("xx") + u**2 - self.source(t, x)

    def source(self, t, x):  # type: ignore[no-untyped-def]
        return self.slope(t, x) - 6 * (1 + self.k * t) * x + self.exact(t, x) ** 2

    def conditions(self) -> list[Any]:
        return [
            Initial("u", value=self.exact),
            Initial("u", value=self.slope, order=1),
            Dirichlet("u", value=self.exact),
            Neumann("u", value=lambda t, x: 3 * (1 + self.k * t) * x**2 * where_out(x)),
            Robin("u", value=lambda t, x: self.exact(t, x) + 3 * (1 + self.k * t) * x**2 * where_out(x)),
            Gauge("u", value=lambda t, x: (1 + self.k * t) * 5.0),
        ]

    def exact(self, t, x):  # type: ignore[no-untyped-def]
        return (1 + self.k * t) * x**3

    def slope(self, t, x):  # type: ignore[no-untyped-def]
        return self.k * x**3


def where_out(x: Any) -> Any:
    """-1 on the low face (x = -1), 1 on the high one (x = 3)."""
    return (x - 1.0) / 2.0


class Torus(PDE):
    """Two advected waves on a torus; the linear residual stays separable."""

    coordinates = ("t", "x", "y")
    unknowns = ("u", "v")
    domain = Box(t=(0, 1), x=(0, 2), y=(0, 1))

    def residual(self, u, v, t, x, y):  # type: ignore[no-untyped-def]
        k = np.pi
        return {
            "transport": u.d("t") + 2.0 * u.d("x") - 0.01 * (laplacian(u) + k**2 * u),
            "curl": v.d("x") - u.d("y") - u,
        }

    def residual_weights(self) -> dict[str, float]:
        return {"curl": 4.0}

    def conditions(self) -> list[Any]:
        periodic = [Periodic(name, axis=axis, order=2) for name in self.unknowns for axis in "xy"]
        return [Initial("u", value=self.exact), *periodic, Gauge("v"), Gauge("u")]

    def exact(self, t, x, y):  # type: ignore[no-untyped-def]
        k = np.pi
        phase = [sin(k * x), cos(k * x), sin(2 * k * t), cos(2 * k * t)]
        wave = phase[0] * phase[3] - phase[1] * phase[2]
        return wave, -(phase[1] * phase[3] + phase[0] * phase[2]) * (1 / k)


def interpolant(pde: PDE, bodies: dict[str, Any]) -> SeparableNetwork:
    """The Tucker network that interpolates the exact solution: exact where the bases hold it."""
    ends = {axis: tuple(jnp.asarray(end) for end in pde.domain[axis]) for axis in pde.coordinates}
    features = {axis: AxisFeatures(body, *ends[axis]) for axis, body in bodies.items()}
    network = tucker_network(features, pde.unknowns, dict.fromkeys(bodies, None), key=KEY)
    batch = AxisSampler({axis: 4 * body.width for axis, body in bodies.items()}, "gauss").draw(pde.domain, key=KEY)
    values = jnp.meshgrid(*(batch.points[axis] for axis in pde.coordinates), indexing="ij")
    tables = network.tables(batch.points, dict.fromkeys(bodies, 0))
    cores = []
    for array in pde.exact_solution(*values).values():
        for index, axis in enumerate(pde.coordinates):
            inverse = jnp.linalg.pinv(tables[axis][0, :, 0])
            array = jnp.moveaxis(jnp.tensordot(inverse, array, ((1,), (index,))), 0, index)
        cores.append(array)
    return eqx.tree_at(lambda n: n.core, network, jnp.stack(cores))


PROBLEMS: dict[str, tuple[PDE, dict[str, Any], dict[str, int]]] = {
    "polynomial": (Polynomial(), {"t": Legendre(3), "x": Legendre(5)}, {"t": 4, "x": 5}),
    "torus": (Torus(), {"t": Fourier(1), "x": Fourier(1), "y": Fourier(1)}, {"t": 4, "x": 6, "y": 3}),
}
BLOCKS = {
    "polynomial": {
        "residual", "initial_u", "initial_dt_u", "dirichlet_u_x_low", "dirichlet_u_x_high", "neumann_u_x_low",
        "neumann_u_x_high", "robin_u_x_low", "robin_u_x_high", "gauge_u",
    },
    "torus": {
        "transport", "curl", "initial_u", "gauge_u", "gauge_v",
        *(f"periodic_{name}_{axis}_{order}" for name in "uv" for axis in "xy" for order in range(3)),
    },
}  # fmt: skip


@functools.cache
def exact(name: str) -> tuple[PDE, SeparableNetwork, AxisBatch]:
    pde, bodies, counts = PROBLEMS[name]
    periodic = frozenset("xy") if name == "torus" else frozenset()
    return pde, interpolant(pde, bodies), AxisSampler(counts, "gauss", periodic).draw(pde.domain, key=KEY)


def blocks_of(objective: SeparableObjective, network: Any, batch: Any, *more: Any) -> dict[str, np.ndarray]:
    return jax.tree.map(np.asarray, eqx.filter_jit(objective.blocks)(network, batch, *more))


@functools.cache
def plain_blocks(name: str) -> dict[str, np.ndarray]:
    """Of the perturbed solution, without further weights."""
    pde, network, batch = exact(name)
    return blocks_of(SeparableObjective(pde), perturbed(network), batch)


def perturbed(network: SeparableNetwork) -> SeparableNetwork:
    return eqx.tree_at(lambda n: n.core, network, network.core + 0.1 * jax.random.normal(KEY, network.core.shape))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_exact_solution_leaves_no_residual(name: str) -> None:
    pde, network, batch = exact(name)
    blocks = blocks_of(SeparableObjective(pde), network, batch)
    assert set(blocks) == BLOCKS[name]
    worst = {key: float(jnp.abs(block).max()) for key, block in blocks.items()}
    assert max(worst.values()) < 1e-11, worst


@pytest.mark.parametrize("name", PROBLEMS)
def test_any_other_field_leaves_some_in_every_block(name: str) -> None:
    blocks = plain_blocks(name)
    held = {key for key in blocks if key.startswith("periodic")}  # by the basis, whatever its coefficients
    assert all((float(jnp.abs(block).max()) > 1e-3) == (key not in held) for key, block in blocks.items())


def test_a_wrong_coefficient_is_seen() -> None:
    _, network, batch = exact("polynomial")
    residual = eqx.filter_jit(SeparableObjective(Polynomial(k=1.1)).interior)(network, batch)["residual"]
    assert float(jnp.abs(residual).max()) > 1e-2


@pytest.mark.parametrize("norm", ["grid", "gram", "qr"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_loss_is_half_the_sum_of_squares_of_the_blocks(name: str, norm: str) -> None:
    pde, network, batch = exact(name)
    loss, parts = eqx.filter_jit(SeparableObjective(pde, norm=norm).loss)(perturbed(network), batch)
    blocks = plain_blocks(name)
    assert set(parts) == set(blocks)
    for key, block in blocks.items():
        assert float(parts[key]) == pytest.approx(0.5 * float(jnp.sum(block**2)), rel=1e-11, abs=1e-25)
    assert float(loss) == pytest.approx(sum(float(part) for part in parts.values()), rel=1e-13)


def test_blocks_are_weighted_so_that_losses_are_mean_squares() -> None:
    """Gauss weights: the loss does not depend on the number of points, once they resolve the residual."""
    pde, network, _ = exact("polynomial")
    loss = eqx.filter_jit(SeparableObjective(pde).loss)
    losses = [
        float(loss(perturbed(network), batch)[0])
        for batch in (AxisSampler({"t": n, "x": n + 2}, "gauss").draw(pde.domain, key=KEY) for n in (9, 14))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-11)


def test_interior_is_the_bare_residual() -> None:
    pde, network, batch = exact("torus")
    bare = eqx.filter_jit(SeparableObjective(pde).interior)(perturbed(network), batch)
    blocks = plain_blocks("torus")
    weights = np.einsum("i,j,k->ijk", *(batch.weights[axis] for axis in pde.coordinates))
    np.testing.assert_allclose(blocks["transport"], bare["transport"] * np.sqrt(weights), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(blocks["curl"], 2.0 * bare["curl"] * np.sqrt(weights), rtol=1e-12, atol=1e-14)


def test_weights_and_scales_act_on_squares() -> None:
    pde, network, batch = exact("torus")
    objective = SeparableObjective(pde, Weighting({"curl": 9.0, "gauge": 0.25}))
    found = blocks_of(objective, perturbed(network), batch, {"transport": 16.0, "gauge_u": 4.0})
    factors = {"curl": 1.5, "transport": 4.0, "gauge_u": 1.0, "gauge_v": 0.5}  # the PDE's own weight of curl is 4
    for key, block in plain_blocks("torus").items():
        np.testing.assert_allclose(found[key], factors.get(key, 1.0) * block, rtol=1e-12, atol=1e-16)


def test_blocks_that_are_held_exactly_are_skipped() -> None:
    pde, network, batch = exact("torus")
    objective = SeparableObjective(pde, skip=frozenset({"periodic_u_x", "periodic_u_y", "periodic_v"}))
    blocks = eqx.filter_eval_shape(objective.blocks, network, batch)
    assert set(blocks) == {"transport", "curl", "initial_u", "gauge_u", "gauge_v"}


def trained(head: str) -> tuple[PDE, SeparableNetwork, AxisBatch]:
    """A network with trained bodies, of either head, on the torus."""
    pde = Torus()
    ends = {axis: tuple(jnp.asarray(end) for end in pde.domain[axis]) for axis in pde.coordinates}
    bodies = {axis: MLP(3, 1, key=jax.random.key(i)) for i, axis in enumerate(pde.coordinates)}
    features = {axis: AxisFeatures(body, *ends[axis]) for axis, body in bodies.items()}
    if head == "cp":
        made = cp_network(features, pde.unknowns, 2, key=KEY)
    else:
        made = tucker_network(features, pde.unknowns, dict.fromkeys(bodies, 2), 1.0, key=KEY)
    return pde, made, AxisSampler({"t": 6, "x": 4, "y": 3}, "gauss").draw(pde.domain, key=KEY)


@functools.cache
def loss_and_gradient(head: str, causal: float, slabs: int, norm: str) -> tuple[Any, Any]:
    pde, network, batch = trained(head)
    skip = frozenset({"periodic", "gauge"})
    objective = SeparableObjective(pde, Weighting(causal=causal), skip, slabs, norm)
    return eqx.filter_jit(eqx.filter_value_and_grad(lambda n: objective.loss(n, batch), has_aux=True))(network)


@pytest.mark.parametrize(
    ("head", "causal", "slabs", "norm"),
    [
        ("cp", 0.0, 3, "grid"),
        ("tucker", 0.0, 2, "grid"),
        ("cp", 200.0, 3, "grid"),
        ("cp", 0.0, 2, "gram"),
        ("cp", 0.0, 1, "gram"),
        ("cp", 0.0, 1, "qr"),
    ],
)
def test_neither_slabs_nor_norms_change_the_loss_or_its_gradient(
    head: str, causal: float, slabs: int, norm: str
) -> None:
    (loss, parts), slopes = loss_and_gradient(head, causal, slabs, norm)
    (expected, expected_parts), expected_slopes = loss_and_gradient(head, causal, 1, "grid")
    assert float(loss) == pytest.approx(float(expected), rel=1e-11)
    assert {key: float(part) for key, part in parts.items()} == pytest.approx(
        {key: float(part) for key, part in expected_parts.items()}, rel=1e-10, abs=1e-20
    )
    for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(expected_slopes), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_slabs_must_divide_the_points() -> None:
    pde, network, batch = trained("cp")
    with pytest.raises(SpinnError, match="4 slabs must divide the 6 points along t"):
        eqx.filter_eval_shape(SeparableObjective(pde, slabs=4).loss, network, batch)


def test_causal_weights_follow_the_losses_of_earlier_times() -> None:
    pde, network, batch = trained("cp")
    skip = frozenset({"periodic", "gauge"})
    plain, found = (
        blocks_of(SeparableObjective(pde, Weighting(causal=epsilon), skip), network, batch) for epsilon in (0.0, 200.0)
    )
    losses = 6 * sum(np.sum(np.asarray(plain[key]) ** 2, axis=(1, 2)) for key in ("transport", "curl"))
    expected = np.exp(-200.0 * (np.cumsum(losses) - losses))
    assert expected[-1] < 0.5
    for key in ("transport", "curl"):
        np.testing.assert_allclose(found[key], plain[key] * np.sqrt(expected)[:, None, None], rtol=1e-10)
    np.testing.assert_array_equal(found["initial_u"], plain["initial_u"])
    np.testing.assert_allclose(causal_weights(jnp.asarray(losses), 200.0), expected, rtol=1e-10)


def test_causal_weights_are_constants_for_the_gradient() -> None:
    """Gauss-Newton's J^T r with frozen weights is the gradient of the loss."""
    pde, network, batch = trained("cp")
    objective = SeparableObjective(pde, Weighting(causal=200.0), frozenset({"periodic", "gauge"}))
    params, static = eqx.partition(network, eqx.is_inexact_array)

    @jax.jit
    def both(one: Any) -> tuple[Any, Any]:
        blocks, pull = jax.vjp(lambda p: objective.blocks(eqx.combine(p, static), batch), one)
        return pull(blocks)[0], jax.grad(lambda p: objective.loss(eqx.combine(p, static), batch)[0])(one)

    product, gradient = both(params)
    for a, b in zip(jax.tree.leaves(product), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_window_continues_the_one_before() -> None:
    pde, network, batch = exact("polynomial")
    other = perturbed(network)
    objective = SeparableObjective(pde)
    blocks = blocks_of(objective, other, batch, {}, other)
    assert float(jnp.abs(blocks["initial_u"]).max()) < 1e-13 < float(jnp.abs(blocks["dirichlet_u_x_low"]).max())
    assert float(jnp.abs(blocks["initial_dt_u"]).max()) < 1e-13
    jump = blocks_of(objective, network, batch, {}, other)["initial_u"]
    np.testing.assert_allclose(jump, -plain_blocks("polynomial")["initial_u"], rtol=1e-9, atol=1e-12)


def test_a_gauge_is_an_average_over_space_at_every_time() -> None:
    pde, network, batch = exact("torus")
    network = perturbed(network)
    block = plain_blocks("torus")["gauge_u"]
    points = [batch.points[axis] for axis in pde.coordinates]
    t, x, y = (part.ravel() for part in jnp.meshgrid(*points, indexing="ij"))
    values = np.asarray(network.at_points({"t": t, "x": x, "y": y})["u"]).reshape(4, 6, 3)
    mean = np.einsum("txy,x,y->t", values, batch.weights["x"], batch.weights["y"])
    np.testing.assert_allclose(block.ravel(), mean * np.sqrt(batch.weights["t"]), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("slabs", [1, 2])
def test_single_precision_stays_single(enabled: bool, slabs: int) -> None:
    """Whether or not double precision is switched on: no literal or constant promotes it."""
    with jax.enable_x64(False):
        pde, network, batch = trained("tucker")
    with jax.enable_x64(enabled):
        objective = SeparableObjective(pde, slabs=slabs)
        loss, parts = eqx.filter_eval_shape(objective.loss, network, batch)
        blocks = eqx.filter_eval_shape(objective.blocks, network, batch)
    assert {leaf.dtype for leaf in jax.tree.leaves((loss, parts, blocks))} == {jnp.dtype("float32")}
