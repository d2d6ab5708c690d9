"""What goes into text files is plain, and loses nothing on the way."""

import dataclasses
import datetime
import json
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.files.plain import plain

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
trees = st.recursive(
    leaves, lambda t: st.lists(t, max_size=4) | st.dictionaries(st.text(), t, max_size=4), max_leaves=12
)


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: Any


def without_infinities(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [without_infinities(item) for item in value]
    return {k: without_infinities(v) for k, v in value.items()} if isinstance(value, dict) else value


@given(trees)
def test_plain_trees_survive_json(tree: Any) -> None:
    text = json.dumps(plain(tree, finite=True), allow_nan=False)
    assert json.loads(text) == without_infinities(tree)


@given(st.floats(allow_nan=False))
def test_numpy_numbers_are_the_same_numbers(value: float) -> None:
    result = plain(np.float64(value))
    assert type(result) is float
    assert result == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int32(3), 3),
        (np.bool_(False), False),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.25), 0.25),
        (np.str_("a"), "a"),
        (np.array([[1, 2]]), [[1, 2]]),
        (jnp.float32(0.5), 0.5),
        (jnp.arange(2), [0, 1]),
        (Path("a/b"), "a/b"),
        ((1, (2,)), [1, [2]]),
        ({3, 1}, [1, 3]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        (Point(1.0, np.int8(2)), {"x": 1.0, "y": 2}),
        (datetime.date(2024, 2, 29), "2024-02-29"),
    ],
)
def test_forms(value: Any, expected: Any) -> None:
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)


def test_nan_stays_unless_it_must_not() -> None:
    assert math.isnan(plain(np.float32("nan")))
    assert plain({"a": [np.float32("nan")]}, finite=True) == {"a": [None]}


@pytest.mark.parametrize("value", [b"bytes", 1j, np.complex64(1), object(), print])
def test_no_form_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot store a value of type"):
        plain({"a": value})
