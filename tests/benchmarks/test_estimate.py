"""The table of error estimates: ratios, rows of runs that have none, and the share within a factor of ten."""

from typing import Any

import estimate
import pytest

SUMMARY: dict[str, Any] = {
    "relative_l2": {"u": 1e-8, "all": 1e-8}, "seconds": {"total": 5.0}, "warnings": [],
    "error_estimate": {"relative_l2": {"all": 3e-8}, "residual": 1e-6, "reliable": True, "note": "", "seconds": 1.5},
}  # fmt: skip


def test_a_row_has_error_estimate_and_ratio() -> None:
    assert estimate.ratio(SUMMARY) == pytest.approx(3.0)
    assert estimate.row("heat", 0, SUMMARY) == "| `heat` | 0 | 1.0e-08 | 3.0e-08 | 3 | 1.0e-06 | yes | 1.5 | 5 |"


@pytest.mark.parametrize("missing", ["relative_l2", "error_estimate"])
def test_runs_without_either_say_why_and_count_as_missed(missing: str) -> None:
    summary = {**SUMMARY, missing: None, "warnings": ["no error estimate: out of memory"]}
    assert estimate.ratio(summary) is None
    assert "out of memory" in estimate.row("heat", 0, summary)
    assert not estimate.within(summary)
    assert estimate.share([True, False, False, True]) == "2 of 4 within a factor of 10 (50%)"


@pytest.mark.parametrize(
    ("true", "guess", "hit"), [(1e-8, 9e-8, True), (1e-8, 2e-7, False), (1e-8, 9e-10, False), (2e-15, 3e-14, True)]
)
def test_within_a_factor_of_ten_or_both_rounding(true: float, guess: float, hit: bool) -> None:
    summary = {"relative_l2": {"all": true}, "error_estimate": {"relative_l2": {"all": guess}}}
    assert estimate.within(summary) is hit
