"""Functions in float32: the values and derivatives of float64 up to rounding, and no float64 on the way."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.optim.narrowing import narrow, narrowed

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

POINT = np.linspace(0.1, 1.0, 12).reshape(3, 4)


def residual(x: Any) -> dict[str, Any]:
    basis = jnp.linalg.qr(jnp.eye(4) + 0.1)[0]
    product = jnp.einsum("ij,jk->ik", x, basis)
    return {"one": jnp.sin(product) * 2.0, "two": jax.nn.softplus(product)[:, :2]}


def swept(x: Any) -> Any:
    return jax.lax.scan(lambda total, row: (total + row * row, row), jnp.zeros(4), x)[0]


def branched(x: Any) -> Any:
    return jax.lax.cond(x[0, 0] > 0.0, lambda a: jnp.sin(a) * 2.0, lambda a: a * a, x)


def derivative(function: Any) -> Any:
    return jax.linearize(function, POINT)[1]


def types(jaxpr: Any) -> set[str]:
    """Of all operations, those inside of branches among them."""
    found = {str(atom.aval.dtype) for equation in jaxpr.eqns for atom in [*equation.invars, *equation.outvars]}
    inner = [branch.jaxpr for equation in jaxpr.eqns for branch in equation.params.get("branches", ())]
    return found.union(*(types(one) for one in inner))


@pytest.mark.parametrize("function", [residual, swept, branched])
def test_values_agree_to_rounding(function: Any) -> None:
    push = derivative(function)
    found, expected = narrowed(push, POINT)(POINT), push(POINT)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == jnp.float32
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [residual, branched])
def test_no_operation_is_in_double_precision(function: Any) -> None:
    @jax.jit
    def step(point: Any, direction: Any) -> Any:
        return narrowed(jax.linearize(function, point)[1], point)(direction)

    push = derivative(function)
    assert "float64" in types(jax.make_jaxpr(push)(POINT).jaxpr)
    assert "float64" not in types(jax.make_jaxpr(narrowed(push, POINT))(POINT.astype(np.float32)).jaxpr)
    assert jax.tree.leaves(step(POINT, POINT.astype(np.float32)))[0].dtype == jnp.float32


def test_it_can_be_transposed() -> None:
    push = derivative(residual)
    small = narrowed(push, POINT)
    image = push(POINT)
    found = jax.linear_transpose(small, POINT.astype(np.float32))(narrow(image))[0]
    expected = jax.linear_transpose(push, POINT)(image)[0]
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_it_works_on_numbers_that_are_being_traced() -> None:
    """Inside of a compiled step, what the function has closed over are no arrays yet."""

    @jax.jit
    def step(point: Any, direction: Any) -> Any:
        push = jax.linearize(residual, point)[1]
        return narrowed(push, point)(direction)["one"]

    np.testing.assert_allclose(step(POINT, POINT), derivative(residual)(POINT)["one"], rtol=1e-5, atol=1e-6)


def test_other_types_stay() -> None:
    tree = {"whole": jnp.arange(3), "real": jnp.ones(2), "truth": jnp.asarray(True)}
    assert {name: str(leaf.dtype) for name, leaf in narrow(tree).items()} == {
        "whole": "int64", "real": "float32", "truth": "bool"
    }  # fmt: skip
