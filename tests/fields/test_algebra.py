"""The algebra of grid fields: laws of differentiation, and agreement with the same expression read at points."""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.fields import Grid, Pointwise, Separable, Univariate, coordinate_fields
from spinn.networks.bodies import MLP, Legendre
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network, tucker_network
from spinn.pdes import cos, div, exp, grad, laplacian, point_fields, sin, sqrt, tanh, where

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

POINTS = {"t": [0.2, 0.9], "x": [-0.8, 0.3, 0.7], "y": [0.1, 0.6]}
HEADS = ["cp", "tucker"]


@functools.cache
def network(head: str) -> SeparableNetwork:
    keys = jax.random.split(jax.random.key(4), 4)
    bodies = {"t": Legendre(3), "x": MLP(3, 1, key=keys[0]), "y": MLP(3, 1, key=keys[1])}
    features = {axis: AxisFeatures(body, jnp.asarray(-1.0), jnp.asarray(1.0)) for axis, body in bodies.items()}
    if head == "cp":
        made = cp_network(features, ("u", "v"), 3, key=keys[2])
        return eqx.tree_at(lambda n: n.mixings, made, tuple(3.0 * one for one in made.mixings))
    return tucker_network(features, ("u", "v"), {"t": None, "x": 2, "y": 3}, 30.0, key=keys[3])


def grid() -> Grid:
    points = {axis: jnp.asarray(values) for axis, values in POINTS.items()}
    return Grid(tuple(points), points, {axis: jnp.full(len(p), 1.0 / len(p)) for axis, p in points.items()})


@functools.cache
def on_grid(head: str) -> dict[str, Any]:
    """u, v and the coordinates on the grid."""
    one, here = network(head), grid()
    return {**one.fields(here, one.tables(here.points, dict.fromkeys("txy", 6))), **coordinate_fields(here)}


@functools.cache
def at_points(head: str) -> dict[str, Any]:
    """The same at the flattened grid: an independent path, by nested forward mode."""
    parts = jnp.meshgrid(*grid().points.values(), indexing="ij")
    mesh = {axis: part.ravel() for axis, part in zip("txy", parts, strict=True)}

    def values(t: Any, x: Any, y: Any) -> dict[str, Any]:
        return {**network(head).at_points({"t": t, "x": x, "y": y}), "t": t, "x": x, "y": y}

    return point_fields(values, ("u", "v", "t", "x", "y"), mesh)


def full(field: Any) -> np.ndarray:
    return np.broadcast_to(field.value, grid().shape)


def agree(left: Any, right: Any) -> None:
    np.testing.assert_allclose(full(left), full(right), rtol=1e-10, atol=1e-11)


Expression = Callable[..., Any]

LAWS: dict[str, tuple[Expression, Expression]] = {
    "product": (lambda u, v, t, x, y: (u * v).d("x"), lambda u, v, t, x, y: u.d("x") * v + u * v.d("x")),
    "product, twice": (
        lambda u, v, t, x, y: (u * v).d("xy"),
        lambda u, v, t, x, y: u.d("xy") * v + u.d("x") * v.d("y") + u.d("y") * v.d("x") + u * v.d("xy"),
    ),
    "product with a known function": (
        lambda u, v, t, x, y: (sin(x) * u).d("xx"),
        lambda u, v, t, x, y: sin(x) * u.d("xx") + 2 * cos(x) * u.d("x") - sin(x) * u,
    ),
    "product with a known function of two coordinates": (
        lambda u, v, t, x, y: ((t * x + y) * u).d("xt"),
        lambda u, v, t, x, y: u + t * u.d("t") + x * u.d("x") + (t * x + y) * u.d("tx"),
    ),
    "power": (lambda u, v, t, x, y: (u**3).d("y"), lambda u, v, t, x, y: 3 * u**2 * u.d("y")),
    "square of a known sum": (
        lambda u, v, t, x, y: ((x + y) ** 2).d("x"),
        lambda u, v, t, x, y: 2.0 * (x + y),
    ),
    "quotient": (
        lambda u, v, t, x, y: (u / (3.0 + v)).d("x"),
        lambda u, v, t, x, y: u.d("x") / (3.0 + v) - u * v.d("x") / (3.0 + v) ** 2,
    ),
    "chain": (
        lambda u, v, t, x, y: exp(u).d("xx"),
        lambda u, v, t, x, y: exp(u) * (u.d("x") ** 2 + u.d("xx")),
    ),
    "chain, mixed": (
        lambda u, v, t, x, y: tanh(u + v).d("tx"),
        lambda u, v, t, x, y: (
            (1 - tanh(u + v) ** 2) * ((u + v).d("tx") - 2 * tanh(u + v) * (u + v).d("t") * (u + v).d("x"))
        ),
    ),
    "power of two fields": (
        lambda u, v, t, x, y: ((3.0 + u) ** v).d("x"),
        lambda u, v, t, x, y: (3.0 + u) ** v * (v.d("x") * (3.0 + u).apply(jnp.log) + v * u.d("x") / (3.0 + u)),
    ),
    "power of a separable field": (
        lambda u, v, t, x, y: (u + 3.0) ** v,
        lambda u, v, t, x, y: exp(v * (u + 3.0).apply(jnp.log)),
    ),
    "nested derivatives": (
        lambda u, v, t, x, y: (v.d("x") - u.d("y")).d("t").d("x"),
        lambda u, v, t, x, y: v.d("txx") - u.d("txy"),
    ),
    "divergence of a flux": (
        lambda u, v, t, x, y: div((1.0 + x**2 * y) * grad(u)),
        lambda u, v, t, x, y: (1.0 + x**2 * y) * laplacian(u) + 2 * x * y * u.d("x") + x**2 * u.d("y"),
    ),
    "divergence of a nonlinear flux": (
        lambda u, v, t, x, y: div(v * grad(u)),
        lambda u, v, t, x, y: v * laplacian(u) + v.d("x") * u.d("x") + v.d("y") * u.d("y"),
    ),
    "reflected operators": (lambda u, v, t, x, y: 2.0 - u, lambda u, v, t, x, y: -(u - 2.0)),
    "reciprocal": (lambda u, v, t, x, y: 1.0 / (4.0 + u) * (4.0 + u), lambda u, v, t, x, y: 1.0 + 0.0 * u),
    "constant along the other axes": (lambda u, v, t, x, y: sin(x).d("t") + u, lambda u, v, t, x, y: u),
    "piecewise": (
        lambda u, v, t, x, y: where(x > 0.0, u, v).d("y"),
        lambda u, v, t, x, y: where(x > 0.0, u.d("y"), v.d("y")),
    ),
    "piecewise by the unknown": (
        lambda u, v, t, x, y: where(u * u > 0.1, u, 2.0 * v).d("x"),
        lambda u, v, t, x, y: where(u * u > 0.1, u.d("x"), 2.0 * v.d("x")),
    ),
    "absolute value": (lambda u, v, t, x, y: abs(u).d("x"), lambda u, v, t, x, y: where(u > 0, 1.0, -1.0) * u.d("x")),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", LAWS)
def test_laws(name: str, head: str) -> None:
    left, right = LAWS[name]
    arguments = on_grid(head).values()
    agree(left(*arguments), right(*arguments))
    assert np.abs(full(left(*arguments))).max() > 1e-3


@pytest.mark.parametrize("name", LAWS)
def test_expressions_on_the_grid_are_those_at_points(name: str) -> None:
    expression = LAWS[name][0]
    expected = jnp.broadcast_to(expression(*at_points("tucker").values()).value, (12,))
    np.testing.assert_allclose(full(expression(*on_grid("tucker").values())).ravel(), expected, rtol=1e-9, atol=1e-10)


def leaves() -> st.SearchStrategy[Expression]:
    """Derivatives of the unknowns and known functions."""
    words = st.sampled_from(["", "t", "x", "y", "tx", "xx", "yy"])
    unknown = st.builds(lambda i, w: lambda *a: a[i].d(w) if w else a[i], st.integers(0, 1), words)
    known = st.sampled_from(
        [
            lambda u, v, t, x, y: x,
            lambda u, v, t, x, y: sin(2 * t),
            lambda u, v, t, x, y: x * y - t,
            lambda u, v, t, x, y: sqrt(2.0 + x) * cos(y),
        ]
    )
    return unknown | known


def combined(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    numbers = st.sampled_from([-2.0, 0.5, 3])
    return st.one_of(
        st.builds(lambda f, g: lambda *a: f(*a) + g(*a), parts, parts),
        st.builds(lambda f, g: lambda *a: f(*a) - g(*a), parts, parts),
        st.builds(lambda f, g: lambda *a: f(*a) * g(*a), parts, parts),
        st.builds(lambda f, c: lambda *a: c * f(*a) + c, parts, numbers),
        st.builds(lambda f: lambda *a: tanh(f(*a)), parts),
        st.builds(lambda f: lambda *a: f(*a) ** 2, parts),
        st.builds(lambda f, w: lambda *a: f(*a).d(w), parts, st.sampled_from("txy")),
    )


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(HEADS), st.recursive(leaves(), combined, max_leaves=4), st.sampled_from(["", "x", "ty"]))
def test_any_expression_on_the_grid_is_the_one_at_points(head: str, expression: Expression, word: str) -> None:
    found, expected = (expression(*fields.values()) for fields in (on_grid(head), at_points(head)))
    values = full(found.d(word) if word else found).ravel()
    reference = np.broadcast_to((expected.d(word) if word else expected).value, (12,))
    np.testing.assert_allclose(values, reference, rtol=1e-8, atol=1e-8 * (1 + np.abs(reference).max()))


NUMBERS = st.integers(-3, 3)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(HEADS), NUMBERS, NUMBERS, st.sampled_from(["x", "ty", "xx"]))
def test_differentiation_is_linear_and_stays_lazy(head: str, a: int, b: int, word: str) -> None:
    u, v, _, x, _ = on_grid(head).values()
    combination = a * u + b * v - 2.0 * x + 1.0
    assert isinstance(combination.d(word), Separable)
    expected = a * u.d(word).value + b * v.d(word).value - (2.0 if word == "x" else 0.0)
    np.testing.assert_allclose(full(combination.d(word)), expected, rtol=1e-11, atol=1e-12)


KINDS: dict[str, tuple[Expression, type]] = {
    "coordinate": (lambda u, v, t, x, y: x, Univariate),
    "function of one coordinate": (lambda u, v, t, x, y: exp(-(x**2)) / (2.0 + x) - 1.0, Univariate),
    "product of known functions": (lambda u, v, t, x, y: sin(x) * cos(t) + y, Separable),
    "linear combination": (lambda u, v, t, x, y: u.d("xx") - 2 * v.d("t") + u - 3.0, Separable),
    "with known coefficients": (lambda u, v, t, x, y: (x * sin(t)) * u.d("x") + v * y, Separable),
    "product of unknowns": (lambda u, v, t, x, y: u * v, Pointwise),
    "function of an unknown": (lambda u, v, t, x, y: exp(u), Pointwise),
    "function of two coordinates": (lambda u, v, t, x, y: exp(x * y), Pointwise),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_can_stay_separable_does(name: str) -> None:
    expression, kind = KINDS[name]
    assert type(expression(*on_grid("cp").values())) is kind


def test_long_known_products_become_arrays() -> None:
    """Expanding (sum of 40 terms) u would cost more than its array."""
    u, _, t, x, _ = on_grid("cp").values()
    coefficient = sum((t**n * x**n for n in range(2, 41)), start=t * x)
    product = coefficient * u
    assert isinstance(product, Pointwise)
    np.testing.assert_allclose(product.value, full(coefficient) * u.value, rtol=1e-12)


@pytest.mark.parametrize("head", HEADS)
def test_arrays_combine_with_fields_but_cannot_be_differentiated(head: str) -> None:
    u = on_grid(head)["u"]
    array = np.arange(12.0).reshape(2, 3, 2)
    np.testing.assert_allclose((u * array + array).value, u.value * array + array, rtol=1e-13)
    np.testing.assert_allclose((array - u).value, array - u.value, rtol=1e-13)
    with pytest.raises(ValueError, match="plain array has no known derivative"):
        (u * array).d("x")


def test_arrays_that_do_not_fit_the_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="[Ii]ncompatible shapes"):
        on_grid("cp")["u"] + np.zeros((5, 3, 2))


def test_a_function_that_returns_a_number_is_a_constant_field() -> None:
    one = on_grid("cp")["x"].apply(lambda _: 1.0)
    np.testing.assert_array_equal(full(one), 1.0)
    np.testing.assert_array_equal(full(one.d("x")), 0.0)


def test_values_are_computed_once() -> None:
    calls = []
    field = on_grid("cp")["u"].apply(lambda value: calls.append(1) or value)
    assert field.value is field.value
    assert len(calls) == 1
