"""The grammar's shared parts: derivative names, operators, truth values."""

import numpy as np
import pytest

from spinn.pdes import point_coordinates
from spinn.pdes._field import is_scalar, split_axes


@pytest.mark.parametrize(
    ("words", "coordinates", "expected"),
    [
        (("tt",), ("t", "x"), ("t", "t")),
        (("t", "x"), ("t", "x"), ("t", "x")),
        (("xy", "t"), ("t", "x", "y"), ("x", "y", "t")),
        (("theta", "theta"), ("r", "theta"), ("theta", "theta")),
        (("theta", "r"), ("r", "theta"), ("theta", "r")),
        (("xx",), ("x", "xx"), ("xx",)),
        ((), ("x",), ()),
    ],
)
def test_split_axes(words: tuple[str, ...], coordinates: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert split_axes(words, coordinates) == expected


@pytest.mark.parametrize("words", [("z",), ("xz",), ("",), ("theta",)])
def test_split_axes_refuses_what_is_no_coordinate(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="coordinates are t, x"):
        split_axes(words, ("t", "x"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, True), (2.5, True), (np.float32(1), True), (np.array(3.0), True), (np.ones(1), False), ("a", False)],
)
def test_is_scalar(value: object, expected: bool) -> None:
    assert is_scalar(value) is expected


@pytest.mark.usefixtures("x64")
def test_arithmetic_with_numbers_and_arrays_on_either_side() -> None:
    values = np.array([0.5, 1.5, -2.0])
    x = point_coordinates(x=values)["x"]
    other = np.array([1.0, 2.0, 3.0])
    cases = [
        (2.0 - x, 2.0 - values),
        (x - 2.0, values - 2.0),
        (other - x, other - values),
        (other * x, other * values),
        (x / other, values / other),
        (other / x, other / values),
        (3.0 / x, 3.0 / values),
        (x**3, values**3),
        (-x, -values),
        (+x, values),
        (np.float64(2.0) * x, 2 * values),
        (abs(x), abs(values)),
    ]
    for found, expected in cases:
        np.testing.assert_allclose(found.value, expected)


def test_a_field_has_no_truth_value() -> None:
    x = point_coordinates(x=np.ones(3))["x"]
    with pytest.raises(TypeError, match="where"):
        bool(x > 0)


def test_comparisons() -> None:
    x = point_coordinates(x=np.array([0.0, 1.0, 2.0]))["x"]
    np.testing.assert_array_equal((x < 1.0).value, [True, False, False])
    np.testing.assert_array_equal((x <= 1.0).value, [True, True, False])
    np.testing.assert_array_equal((x > 1.0).value, [False, False, True])
    np.testing.assert_array_equal((x >= 1.0).value, [False, True, True])
