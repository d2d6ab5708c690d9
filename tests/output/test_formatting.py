"""Numbers for people."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.output.formatting import compact, count, duration, scientific


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.3e8, "130 M"), (1299.9, "1.30 k"), (999.7, "1.00 k"), (12, "12"), (0, "0"), (9.996e6, "10.0 M"), (2.5, "2.50"),
     (3e12, "3 T"), (math.nan, "?"), (math.inf, "?"), (-4200, "-4.20 k")],
)  # fmt: skip
def test_compact(value: float, text: str) -> None:
    assert compact(value) == text


@given(st.floats(min_value=1e-2, max_value=9e17))
def test_compact_is_true_to_three_digits(value: float) -> None:
    number, _, prefix = compact(value).partition(" ")
    factor = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "e15": 1e15}[prefix]
    assert float(number) * factor == pytest.approx(value, rel=5.1e-3, abs=5.1e-3)
    assert abs(float(number)) <= 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.85, "850 ms"), (4.2, "4.2 s"), (9.97, "10 s"), (59.7, "1 min 00 s"), (80, "1 min 20 s"),
     (3599.9, "1 h 00 min"), (7500, "2 h 05 min"), (86399, "1 d 0 h"), (273600, "3 d 4 h"), (math.nan, "?"), (-1, "?")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_rest() -> None:
    assert scientific(1.234e-4) == "1.23e-04"
    assert scientific(None) == "-"
    assert scientific(math.nan) == "nan"
    assert count(1048576) == "1 048 576"
    assert count(12) == "12"
