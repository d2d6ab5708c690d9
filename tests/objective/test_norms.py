"""Mean squares of separable residuals: every norm is that of the array, and so is its gradient."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.fields import Grid, Separable, coordinate_fields
from spinn.networks.bodies import MLP
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network
from spinn.objective import norms
from spinn.objective.norms import gram_norm, grid_norm, qr_norm
from spinn.pdes import sin

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

Norm = Callable[[Separable], Any]
NORMS: dict[str, Norm] = {"grid": grid_norm, "gram": gram_norm, "qr": qr_norm}
SHAPE = {"t": 7, "x": 9, "y": 5}


@functools.cache
def network() -> SeparableNetwork:
    ends = jnp.asarray(0.0), jnp.asarray(1.0)
    features = {axis: AxisFeatures(MLP(3, 1, key=jax.random.key(i)), *ends) for i, axis in enumerate(SHAPE)}
    made = cp_network(features, ("u", "v"), 2, key=jax.random.key(5))
    return eqx.tree_at(lambda n: n.mixings, made, tuple(3.0 * one for one in made.mixings))


def fields(one: SeparableNetwork, dtype: Any = jnp.float64) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    weights = {axis: generator.uniform(0.5, 1.5, n) for axis, n in SHAPE.items()}
    grid = Grid(
        tuple(SHAPE),
        {axis: jnp.linspace(0.05, 0.95, n).astype(dtype) for axis, n in SHAPE.items()},
        {axis: jnp.asarray(w / w.sum(), dtype) for axis, w in weights.items()},
    )
    return {**one.fields(grid, one.tables(grid.points, dict.fromkeys(SHAPE, 2))), **coordinate_fields(grid)}


RESIDUALS: dict[str, Callable[..., Any]] = {
    "value": lambda u, v, t, x, y: u,
    "heat with source": lambda u, v, t, x, y: u.d("t") - 0.1 * (u.d("xx") + u.d("yy")) - sin(3 * x) * t + 1.0,
    "two unknowns": lambda u, v, t, x, y: v.d("x") - u.d("y") + 2.0 * u,
    "known coefficients": lambda u, v, t, x, y: (x * t + y) * u.d("x") + u,
    "repeated terms": lambda u, v, t, x, y: u + u.d("xx") + u - 3.0 * u.d("xx"),
    "known": lambda u, v, t, x, y: sin(x) * y - t,
    "traced coefficient": lambda u, v, t, x, y: jnp.asarray(0.7) * u.d("x") - v,
}


def reference(field: Separable) -> Any:
    """The weighted mean of squares of the array."""
    values = field.value**2
    for axis in field.grid.axes:
        values = values * field.grid.broadcast(axis, field.grid.weights[axis])
    return jnp.sum(values)


@functools.cache
def all_norms(name: str) -> dict[str, float]:
    def every(one: SeparableNetwork) -> dict[str, Any]:
        field = RESIDUALS[name](*fields(one).values())
        return {"array": reference(field), **{key: norm(field) for key, norm in NORMS.items()}}

    return {key: float(value) for key, value in eqx.filter_jit(every)(network()).items()}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", RESIDUALS)
def test_norms_are_those_of_the_array(name: str, norm: str) -> None:
    assert all_norms(name)[norm] == pytest.approx(all_norms(name)["array"], rel=1e-11)


@functools.cache
def gradient(norm: Norm, name: str) -> Any:
    def value(one: SeparableNetwork) -> Any:
        return norm(RESIDUALS[name](*fields(one).values()))

    return eqx.filter_jit(eqx.filter_grad(value))(network())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["heat with source", "repeated terms", "traced coefficient"])
def test_gradients_are_those_of_the_array(name: str, norm: str) -> None:
    """Columns repeat in these: the derivative of a QR factorisation would not exist."""
    found, expected = gradient(NORMS[norm], name), gradient(reference, name)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("entries", [1, 40, 100, 10**6])
def test_sweeping_in_blocks_changes_nothing(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms, "CACHE_ENTRIES", entries)
    monkeypatch.setattr(norms, "DEVICE_ENTRIES", entries)

    def value(one: SeparableNetwork) -> Any:
        return grid_norm(RESIDUALS["heat with source"](*fields(one).values()))

    total, slopes = eqx.filter_jit(eqx.filter_value_and_grad(value))(network())
    assert float(total) == pytest.approx(all_norms("heat with source")["array"], rel=1e-12)
    expected = gradient(reference, "heat with source")
    for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("norm", NORMS)
def test_no_terms_have_no_norm(norm: str) -> None:
    u = fields(network())["u"]
    assert float(NORMS[norm](Separable(u.grid, ()))) == 0.0


@pytest.mark.parametrize("norm", NORMS)
def test_single_precision_stays_single_and_loses_no_more_than_its_rounding(norm: str) -> None:
    with jax.enable_x64(False):
        single = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_array(a) else a, network())

        def both(one: SeparableNetwork) -> Any:
            u, v, *_ = fields(one, jnp.float32).values()
            # large terms cancel: squares in single precision would keep no digit at all
            field = 1000.0 * u - 1000.0 * u.d("x") + 1000.0 * u.d("x") - 999.0 * u + v
            return NORMS[norm](field), reference(u + v)

        found, expected = eqx.filter_jit(both)(single)
    assert found.dtype == jnp.float32
    assert float(found) == pytest.approx(float(expected), rel=2e-3)


@pytest.mark.parametrize("norm", ["grid", "qr"])
def test_all_digits_survive_cancellation(norm: str) -> None:

    def both(one: SeparableNetwork) -> Any:
        u, v, *_ = fields(one).values()
        return NORMS[norm](1e8 * u - 1e8 * u.d("x") + 1e8 * (u.d("x") - u) + v), reference(v)

    found, expected = eqx.filter_jit(both)(network())
    assert float(found) == pytest.approx(float(expected), rel=1e-6)
