"""The table of accuracy: targets, verdicts, and rows that fail without taking the others down."""

import argparse
import json
from typing import Any

import accuracy
import numpy as np
import pytest
import rank_curve

from spinn.pdes import PDE

LIMITS = {"seeds": 1, "limit": 60.0, "quick": True}


def run(error: float, seconds: float, cold: bool = False) -> dict[str, Any]:
    return {"relative_l2": error, "seconds": seconds, "cold": cold}


def judged(found: list[dict[str, Any]], recipe: str = "default", failure: str | None = None) -> dict[str, Any]:
    return accuracy.judged("heat", recipe, 20.0, found, failure)


def test_worst_of_the_seeds_counts_and_cold_is_beside_it() -> None:
    result = judged([run(1e-12, 9.0, cold=True), run(1e-12, 0.5), run(3e-11, 1.5)])
    assert (result["relative_l2"], result["cold_seconds"], result["warm_seconds"]) == (3e-11, 9.0, 1.5)
    assert result["seeds"] == 2
    assert result["verdict"] == "met"


@pytest.mark.parametrize(
    ("found", "failure", "expected"),
    [
        ([run(2e-9, 1.0)], None, "missed: error 2.0e-09"),
        ([run(1e-12, 7.0)], None, "missed: 7.0 s"),
        ([run(2e-9, 7.0)], None, "missed: error 2.0e-09, 7.0 s"),
        ([run(float("nan"), 1.0), run(1e-12, 1.0)], None, "missed: error nan"),
        ([run(1e-12, 9.0, cold=True)], "did not end within 60 s", "missed: not solved twice, did not end within 60 s"),
        ([], "MemoryError: too large", "missed: MemoryError: too large"),
    ],
)
def test_what_is_missed_says_by_how_much(found: list[dict[str, Any]], failure: str | None, expected: str) -> None:
    assert judged(found, failure=failure)["verdict"] == expected


def test_rows_without_a_target_have_no_verdict() -> None:
    assert judged([run(0.1, 1.0)], "paper")["verdict"] == ""
    assert judged([run(1e-12, 0.1)], "classical")["verdict"] == ""


def test_trained_networks_have_a_target_where_the_table_has_one() -> None:
    assert accuracy.judged("helmholtz_3d", "trained", 20.0, [run(1e-8, 19.0)], None)["verdict"] == "met"
    assert judged([run(1.0, 19.0)], "trained")["verdict"] == ""


def test_a_missing_problem_is_skipped_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accuracy.TARGETS, "poisson_99d", accuracy.Target(1e-10, 1))
    options = argparse.Namespace(recipes=["default", "classical"], **LIMITS)
    rows = list(accuracy.measured("poisson_99d", options))
    assert [row["verdict"] for row in rows] == [
        "skipped: there is no poisson_99d in spinn.pdes",
        "skipped: there is no poisson_99d in spinn.pdes",
    ]


def test_a_process_that_fails_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accuracy.TARGETS, "nothing", accuracy.Target(1e-10, 1))
    found = accuracy.row("nothing", "default", 1, 0.0, 60.0)
    assert "unknown PDE 'nothing'" in found["verdict"]


def test_a_process_that_does_not_end_is_a_row() -> None:
    assert accuracy.row("heat", "default", 1, 0.0, 0.01)["verdict"] == "missed: did not end within 0 s"


@pytest.mark.parametrize("name", [name for name in accuracy.TARGETS if not name.startswith("poisson")])
def test_every_problem_of_the_table_exists(name: str) -> None:
    assert isinstance(accuracy.problem(name), PDE)


def test_time_is_shared_among_the_stages_of_trained_networks() -> None:
    chosen = accuracy.settings("heat", "trained", 10.0)
    assert chosen["network"]["trainable"] is True
    assert sum(stage["seconds"] for stage in chosen["train"]) == pytest.approx(10.0)


def test_the_default_row_sets_nothing() -> None:
    assert accuracy.settings("heat", "default", 0.0) == {}


@pytest.mark.parametrize("argv", [["--only", "heet"], ["--recipes", "best"]])
def test_an_unknown_name_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(argv) == 1
    assert argv[1] in capsys.readouterr().err


@pytest.mark.slow
def test_a_small_table_is_printed_and_saved(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--quick", "--only", "heat", "--recipes", "default,classical", "--out", str(tmp_path)]
    assert accuracy.main(arguments) == 0
    assert "of 1 targets met" in capsys.readouterr().out
    rows = json.loads((tmp_path / "accuracy_quick.json").read_text())["rows"]
    assert [row["recipe"] for row in rows] == ["default", "classical"]
    assert rows[0]["cold_seconds"] > rows[0]["warm_seconds"] > 0


# The curve of ranks


def low_rank(rank: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    factors = [generator.standard_normal((length, rank)) for length in (2, 9, 10, 11)]
    return np.einsum("ar,br,cr,dr->abcd", *factors)


def test_a_sum_of_products_has_its_rank() -> None:
    first, enough = rank_curve.hosvd_errors(low_rank(3), [2, 3])
    assert first > 1e-2
    assert enough < 1e-14
    assert rank_curve.cp_error(low_rank(3), 3, sweeps=200) < 1e-4
    assert rank_curve.cp_error(low_rank(3), 2, sweeps=50) > 1e-2


def test_cutting_is_the_projection_onto_leading_vectors() -> None:
    values = np.random.default_rng(1).standard_normal((2, 5, 6))
    by_hand = values
    for axis in (1, 2):
        vectors = np.linalg.svd(np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1))[0][:, :3]
        by_hand = np.moveaxis(np.tensordot(vectors @ vectors.T, by_hand, (1, axis)), 0, axis)
    expected = np.linalg.norm(values - by_hand) / np.linalg.norm(values)
    assert rank_curve.hosvd_errors(values, [3])[0] == pytest.approx(expected)
