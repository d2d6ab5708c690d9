"""Averages over axes: values, derivatives, and their way back into expressions of the full grid."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.fields import Grid, Separable, coordinate_fields
from spinn.networks.bodies import MLP
from spinn.networks.separable import AxisFeatures, cp_network, tucker_network

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

SHAPE = (2, 3, 4)
WEIGHTS = {"t": [0.5, 0.5], "x": [0.2, 0.5, 0.3], "y": [0.1, 0.2, 0.3, 0.4]}


@functools.cache
def fields(head: str) -> dict[str, Any]:
    ends = jnp.asarray(0.0), jnp.asarray(1.0)
    features = {axis: AxisFeatures(MLP(3, 1, key=jax.random.key(i)), *ends) for i, axis in enumerate("txy")}
    key = jax.random.key(8)
    made = (
        cp_network(features, ("u", "v"), 4, key=key)
        if head == "cp"
        else tucker_network(features, ("u", "v"), {"t": 2, "x": 3, "y": 2}, 3.0, key=key)
    )
    points = {axis: jnp.linspace(0.1, 0.9, n) for axis, n in zip("txy", SHAPE, strict=True)}
    grid = Grid(tuple("txy"), points, {axis: jnp.asarray(w) for axis, w in WEIGHTS.items()})
    return {**made.fields(grid, made.tables(points, dict.fromkeys("txy", 2))), **coordinate_fields(grid)}


def averaged(values: Any, axes: str) -> np.ndarray:
    result = np.broadcast_to(values, SHAPE)
    for axis in axes:
        index = "txy".index(axis)
        result = np.average(result, axis=index, weights=WEIGHTS[axis], keepdims=True)
    return result


EXPRESSIONS = {
    "linear": lambda u, v, t, x, y: u - 2 * v.d("x") + 1.0,
    "with known coefficients": lambda u, v, t, x, y: x * t * u + y,
    "known": lambda u, v, t, x, y: x**2 * y + t,
    "one coordinate": lambda u, v, t, x, y: x**2,
    "nonlinear": lambda u, v, t, x, y: u * v + u**2,
}


@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_means_are_weighted_averages(name: str, head: str) -> None:
    field = EXPRESSIONS[name](*fields(head).values())
    for axes in ("x", "xy", "txy"):
        mean = field.mean(*axes)
        assert mean.grid.shape == tuple(1 if a in axes else n for a, n in zip("txy", SHAPE, strict=True))
        np.testing.assert_allclose(
            np.broadcast_to(mean.value, mean.grid.shape), averaged(field.value, axes), rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_derivative_of_a_mean_goes_under_it(name: str, head: str) -> None:
    field = EXPRESSIONS[name](*fields(head).values())
    mean = field.mean("x", "y").d("t")
    expected = np.broadcast_to(averaged(field.d("t").value, "xy"), (2, 1, 1))
    np.testing.assert_allclose(np.broadcast_to(mean.value, (2, 1, 1)), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_mean_is_constant_along_its_axes(name: str, head: str) -> None:
    field = EXPRESSIONS[name](*fields(head).values())
    np.testing.assert_array_equal(field.mean("x").d("x").value, 0.0)


@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize(
    "name", ["field - mean", "mean - field", "mean * field", "mean * known", "mean of one + mean of another"]
)
def test_means_broadcast_in_expressions(name: str, head: str) -> None:
    u, v, t, x, _ = fields(head).values()
    a, b = np.asarray(u.value), np.asarray(v.value)
    found, expected = {
        "field - mean": lambda: (u - u.mean("x"), a - averaged(a, "x")),
        "mean - field": lambda: (u.mean("x") - u, averaged(a, "x") - a),
        "mean * field": lambda: (u.mean("y") * v, averaged(a, "y") * b),
        "mean * known": lambda: (u.mean("x") * (x * t), averaged(a, "x") * (x * t).value),
        "mean of one + mean of another": lambda: (u.mean("x") + v.mean("t"), averaged(a, "x") + averaged(b, "t")),
    }[name]()
    assert found.grid.shape == SHAPE
    np.testing.assert_allclose(found.value, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("head", ["cp", "tucker"])
def test_fluctuations_differentiate(head: str) -> None:
    u = fields(head)["u"]
    a = np.asarray(u.d("x").value)
    np.testing.assert_allclose((u - u.mean("x")).d("x").value, a, rtol=1e-12, atol=1e-14)
    moved = ((u - u.mean("x")) ** 2).d("t").value
    fluctuation = np.asarray(u.value) - averaged(u.value, "x")
    slope = np.asarray(u.d("t").value) - averaged(u.d("t").value, "x")
    np.testing.assert_allclose(moved, 2 * fluctuation * slope, rtol=1e-11, atol=1e-13)


def test_means_of_linear_expressions_stay_separable() -> None:
    assert isinstance(fields("cp")["u"].d("xx").mean("x", "y"), Separable)
