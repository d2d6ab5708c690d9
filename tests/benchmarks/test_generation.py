"""Generation against the usual script: both make the same samples, and the rows say what was measured."""

import json
from pathlib import Path
from typing import Any

import generation
import numpy as np
import pytest

from spinn.data import Darcy2D, Darcy3D
from spinn.data.families import StencilFamily


@pytest.mark.parametrize("family", [Darcy2D(grid=(9, 9)), Darcy3D(grid=(5, 5, 5))])
def test_the_script_solves_the_same_system(family: StencilFamily) -> None:
    parameters = family.parameters(3, 1)
    system = family.system(parameters)
    matrix = generation.matrix_of(parameters["a"], 1 / (family.grid[0] - 1))
    np.testing.assert_allclose(matrix.toarray(), system.matrix.toarray(), rtol=1e-13)
    ((a, u),) = generation.scripted(family, 3, [1])
    np.testing.assert_array_equal(a, parameters["a"])
    assert family.residual(parameters, {"a": a, "u": u}) < 1e-12


def test_both_sides_make_all_samples(tmp_path: Path) -> None:
    row = generation.compared(Darcy2D(grid=(9, 9)), 5, 2, 1, 0, tmp_path)
    assert row["samples"] == 5 and len(row["ratio_by_round"]) == 2
    assert row["worst_residual"] < 1e-8 and row["largest_difference"] < 1e-7
    assert row["trial_seconds"] > 0 and row["ratio_with_trial"] < row["ratio"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ratio", "said"), [(4.9, "MISSED"), (5.0, "met")])
def test_a_missed_target_is_said(ratio: float, said: str) -> None:
    turns = [generation.Turn(2, 1.0, ratio, 1.0, ratio, 0.0, "qdldl", 1e-12, 1e-12)] * 2
    row = generation.summary(Darcy2D(), 1, turns)
    assert generation.verdict(row).endswith(f": {said}")
    assert generation.readable(row)["processor"] == f"{ratio:.2f}"


def test_seconds_of_other_processes_are_not_made_up() -> None:
    turns = [generation.Turn(2, 2.0, 9.0, 0.1, 0.1, 1.0, "qdldl", 1e-12, 1e-12)] * 2
    row = generation.summary(Darcy2D(), 2, turns)
    assert row["ratio"] == pytest.approx(9.0) and row["ratio_with_trial"] == pytest.approx(4.5)
    assert generation.readable(row)["processor"] == "-"


def test_results_are_printed_and_kept(tmp_path: Path, capsys: Any) -> None:
    sizes = ["--grid2", "9", "--samples2", "2", "--samples3", "0", "--rounds", "1"]
    assert generation.main([*sizes, "--note", "shared", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "generation.txt").read_text()
    assert "darcy_2d 9x9" in text and "note: shared" in text and text == capsys.readouterr().out
    found = json.loads((tmp_path / "generation.json").read_text())
    spent = found["profile"]["darcy_2d"]
    assert sum(spent.values()) == pytest.approx(2 * spent["in all"])
    assert spent["in all"] > 0 and min(spent[part] for part in generation.SHARES) >= 0
