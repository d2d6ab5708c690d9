"""Identities of vector calculus, on fields at scattered points in float64."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spinn.pdes import Field, Vector, cos, div, exp, grad, laplacian, point_coordinates, sin

pytestmark = pytest.mark.usefixtures("x64")

generator = np.random.default_rng(0)
POINTS = {name: generator.uniform(-1, 1, 12) for name in ("t", "x", "y", "z")}
numbers = st.floats(-2, 2)
modes = st.tuples(numbers, numbers, numbers, numbers, numbers)
quick = settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking takes minutes


def wave(mode: tuple[float, ...]) -> Any:
    t, x, y, z = point_coordinates(**POINTS).values()
    a, b, c, d, e = mode
    return exp(a * t * x) * sin(b * x + c * y) + cos(d * z * y) * (x + e)


def close(left: Field, right: Field) -> None:
    np.testing.assert_allclose(left.value, right.value, rtol=1e-10, atol=1e-10)


@quick
@given(modes)
def test_divergence_of_gradient_is_laplacian(mode: tuple[float, ...]) -> None:
    u = wave(mode)
    close(div(grad(u)), laplacian(u))


@quick
@given(modes, modes)
def test_product_rule_of_the_flux(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    a, u = wave(first), wave(second)
    close(div(a * grad(u)), a * laplacian(u) + grad(a).dot(grad(u)))
    close(div(grad(u) * a), div(a * grad(u)))


@quick
@given(modes, modes)
def test_laplacian_of_a_product(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    u, v = wave(first), wave(second)
    close(laplacian(u * v), u * laplacian(v) + 2.0 * grad(u).dot(grad(v)) + v * laplacian(u))


@quick
@given(modes, modes, modes)
def test_divergence_of_curl_is_zero(first: Any, second: Any, third: Any) -> None:
    u, v, w = wave(first), wave(second), wave(third)
    curl = Vector(("x", "y", "z"), (w.d("y") - v.d("z"), u.d("z") - w.d("x"), v.d("x") - u.d("y")))
    np.testing.assert_allclose(div(curl).value, 0.0, atol=1e-11)


@quick
@given(modes, modes, numbers)
def test_derivatives_are_linear(first: tuple[float, ...], second: tuple[float, ...], scale: float) -> None:
    u, v = wave(first), wave(second)
    close((u * scale + v).d("xyt"), u.d("xyt") * scale + v.d("xyt"))


def test_gradient_leaves_out_time() -> None:
    u = wave((1.0, 1.0, 1.0, 1.0, 1.0))
    assert grad(u).axes == ("x", "y", "z")
    assert grad(u, ("t", "y")).axes == ("t", "y")
    close(laplacian(u, ("x",)), u.d("xx"))


def test_vectors_add_and_scale() -> None:
    u, v = wave((0.3, 1.0, -1.0, 0.5, 1.0)), wave((1.0, 0.2, 0.3, -0.4, 0.5))
    combination = (grad(u) - 2.0 * grad(v)) / 4.0 + -grad(u)
    for axis, component in zip(combination.axes, combination.components, strict=True):
        close(component, (u.d(axis) - 2.0 * v.d(axis)) / 4.0 - u.d(axis))
    with pytest.raises(ValueError, match="different axes"):
        grad(u) + grad(v, ("x",))


def test_dot_takes_vectors_sequences_and_mappings() -> None:
    u = wave((0.3, 1.0, -1.0, 0.5, 1.0))
    gradient = grad(u, ("x", "y"))
    expected = 2.0 * u.d("x") - 3.0 * u.d("y")
    close(gradient.dot((2.0, -3.0)), expected)
    close(gradient.dot({"y": -3.0, "x": 2.0}), expected)
    close(gradient.dot(Vector(("x", "y"), (2.0, -3.0))), expected)
