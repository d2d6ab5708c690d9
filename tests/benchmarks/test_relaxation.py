"""The benchmark of online relaxation: its systems, and totals that add up."""

import json
from pathlib import Path

import numpy as np
import pytest
import relaxation

from spinn.solvers import SuccessiveHalving, TsallisINF


def test_the_smallest_eigenvalue_is_that_of_the_matrix() -> None:
    values = np.linalg.eigvalsh(relaxation.laplacian(7).toarray())
    assert relaxation.smallest_eigenvalue(7) == pytest.approx(values[0])


def test_over_relaxation_pays_for_hard_systems_only() -> None:
    pool = relaxation.solved(10, 16)
    hard, easy = pool.contexts < 0, pool.contexts > 2.5
    best = np.array(relaxation.OMEGAS)[np.argmin(pool.iterations, axis=1)]
    assert best[hard].min() > best[easy].max()


def test_the_same_systems_every_time() -> None:
    np.testing.assert_array_equal(relaxation.solved(5, 3).iterations, relaxation.solved(5, 3).iterations)


def test_every_play_is_paid_for() -> None:
    costs = np.tile([5, 3], (20, 1))
    total, solves = relaxation.played(SuccessiveHalving((1.0, 1.5), repeats=4), np.zeros(20), costs)
    assert solves == 20 + 4  # both arms on the first four
    assert total == 4 * (5 + 3) + 16 * 3
    assert relaxation.played(TsallisINF((1.0, 1.5)), np.zeros(20), costs)[1] == 20


def test_no_method_beats_the_best_of_each_system() -> None:
    rows = {row["method"]: row for row in relaxation.measure(8, rounds=60, distinct=10, runs=2)}
    optimal = rows["instance-optimal"]["iterations"]
    assert all(row["iterations"] >= optimal for row in rows.values())
    fixed = next(row for name, row in rows.items() if name.startswith("best fixed"))
    assert rows["omega = 1"]["iterations"] >= fixed["iterations"]
    assert set(fixed["regret_percent"]) == {0.0}
    assert {"Tsallis-INF", "ChebCB", "successive halving"} <= set(rows)


def test_table_and_json(tmp_path: Path) -> None:
    small = ["--grids", "6", "--rounds", "30", "--distinct", "5", "--runs", "1", "--out", str(tmp_path)]
    assert relaxation.main(small) == 0
    assert json.loads((tmp_path / "relaxation.json").read_text())["rows"][0]["grid"] == 6
    text = (tmp_path / "relaxation.txt").read_text()
    assert "drawn from 5 different ones" in text
    assert "instance-optimal" in text
