"""Elementary functions on numbers, numpy arrays, jax arrays and fields."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn import pdes
from spinn.pdes import Field, point_coordinates, where

NAMES = ["sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh", "absolute", "sign"]
VALUES = np.array([0.2, 0.9, 1.4])


@pytest.mark.parametrize("name", NAMES)
def test_dispatch_on_the_type_of_the_argument(name: str) -> None:
    function, expected = getattr(pdes, name), getattr(np, name)(VALUES)
    on_numpy = function(VALUES)
    assert isinstance(on_numpy, np.ndarray)
    assert on_numpy.dtype == np.float64
    np.testing.assert_array_equal(on_numpy, expected)
    on_jax = function(jnp.asarray(VALUES, jnp.float32))
    assert isinstance(on_jax, jax.Array)
    np.testing.assert_allclose(on_jax, expected, rtol=1e-6)
    assert function(0.9) == getattr(np, name)(0.9)
    on_field = function(point_coordinates(x=jnp.asarray(VALUES, jnp.float32))["x"])
    assert isinstance(on_field, Field)
    np.testing.assert_allclose(on_field.value, expected, rtol=1e-6)


def test_where_on_arrays_keeps_numpy() -> None:
    result = where(VALUES > 0.5, VALUES, 0.0)
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, [0.0, 0.9, 1.4])


def test_where_on_jax_arrays() -> None:
    result = where(jnp.asarray(VALUES) > 0.5, 1.0, 0.0)
    assert isinstance(result, jax.Array)
    np.testing.assert_array_equal(result, [0.0, 1.0, 1.0])


@pytest.mark.parametrize("condition", [VALUES > 0.5, "field"], ids=["array", "field"])
@pytest.mark.parametrize("true", [2.0, "field"], ids=["number", "field"])
@pytest.mark.parametrize("false", [-1.0, "field"], ids=["number", "field"])
def test_where_takes_a_field_anywhere(condition: object, true: object, false: object) -> None:
    x = point_coordinates(x=VALUES.astype(np.float32))["x"]
    chosen = where(
        x > 0.5 if condition is not VALUES and isinstance(condition, str) else condition,
        x * 2.0 if true == "field" else true,
        x * 3.0 if false == "field" else false,
    )
    expected = np.where(
        VALUES > 0.5, VALUES * 2 if true == "field" else true, VALUES * 3 if false == "field" else false
    )
    values = chosen.value if isinstance(chosen, Field) else chosen
    np.testing.assert_allclose(values, expected, rtol=1e-6)
