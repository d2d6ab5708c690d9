"""The benchmark of recycling: races, what is said of their rows, and the matrices of the paper's setting."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import contenders
import numpy as np
import paper_recycling
import pytest
import recycling

from spinn.solvers import CG, QDLDL, Info, Status, Stopping


def row(kind: str, seconds: float | None, method: str = "", preconditioner: str = "", **more: Any) -> dict[str, Any]:
    ordinary = {"iterations": 100, "systems": 4, "unconverged": 0, "failure": ""}
    named = {"kind": kind, "method": method or kind, "preconditioner": preconditioner}
    return {**named, **ordinary, "seconds": seconds, **more}


def cell(*rows: dict[str, Any], chosen: str = "qdldl") -> dict[str, Any]:
    return {
        "family": "darcy_2d", "unknowns": "8^2", "tolerance": 1e-8, "systems": 4, "chosen": chosen,
        "trial_seconds": 1.0, "trial_systems": 5, "rows": list(rows),
    }  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Endless:
    """Never converges: what an interruption is for."""

    name: str = "endless"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: Any = None) -> Any:
        while True:
            rhs = matrix @ rhs / np.linalg.norm(rhs)


@dataclasses.dataclass(frozen=True)
class Wrong:
    """Says that it converged."""

    name: str = "wrong"

    def solve(self, matrix: Any, rhs: np.ndarray, space: Any = None, *, guess: Any = None) -> Any:
        return np.zeros_like(rhs), None, Info(self.name, Status.CONVERGED, 1, 1, 0.0, 0.0)


def test_every_contender_solves_what_it_says() -> None:
    systems, order = recycling.sequence("darcy_2d", 8, 3)
    entries = contenders.contenders(systems[0], Stopping(1e-8))
    rows = contenders.race(entries, systems, order.tolist(), 1e-8, 60.0, "wall")
    assert {"gmres", "cold", "recycled", "sorted", "direct", "poisson", "scipy"} <= {one["kind"] for one in rows}
    assert len({one["method"] for one in rows}) == len(rows)
    for one in rows:
        assert contenders.counted(one), one
        assert one["systems"] == 3
        assert one["worst_residual"] <= 1.01e-8
    exact = next(one for one in rows if one["method"] == "qdldl")
    assert exact["every_iterations"] == [1, 1, 1]


def test_indefinite_systems_have_no_cg() -> None:
    systems, _ = recycling.sequence("helmholtz_2d", 8, 1)
    assert not {"poisson", "multigrid"} & {one.kind for one in contenders.contenders(systems[0], Stopping())}


def test_residuals_are_recomputed() -> None:
    systems, _ = recycling.sequence("poisson_2d", 6, 2)
    rows = contenders.race([contenders.Contender("wrong", Wrong(), "scipy")], systems, [0, 1], 1e-8, 60.0, "wall")
    assert rows[0]["unconverged"] == 2
    assert rows[0]["worst_residual"] == pytest.approx(1.0)
    assert not contenders.counted(rows[0])


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_what_takes_too_long_is_interrupted_and_named(clock: str) -> None:
    systems, _ = recycling.sequence("poisson_2d", 6, 2)
    entries = [contenders.Contender("endless", Endless(), "scipy"), contenders.Contender("qdldl", QDLDL(), "direct")]
    slow, fine = contenders.race(entries, systems, [0, 1], 1e-8, 0.2, clock)
    assert (slow["failure"], slow["systems"]) == ("over the limit", 0)
    assert contenders.cell_of(slow) == "over the limit"
    assert fine["systems"] == 2


def test_an_error_is_a_row() -> None:
    systems, _ = recycling.sequence("convection_diffusion_2d", 8, 1)
    found = contenders.race([contenders.Contender("ldl", QDLDL(), "direct")], systems, [0], 1e-8, 60.0, "wall")
    assert "symmetric" in found[0]["failure"]


def test_space_is_carried_only_where_it_should_be() -> None:
    systems, order = recycling.sequence("poisson_2d", 12, 3)
    entries = contenders.paired({"none": None}, Stopping(1e-8))
    rows = contenders.race(entries, systems, order.tolist(), 1e-8, 60.0, "wall")
    cold, recycled = (contenders.found(rows, way, "none")["every_iterations"] for way in ("cold", "recycled"))
    assert cold[0] == recycled[0]
    assert max(recycled[1:]) < min(cold[1:])


@pytest.mark.parametrize(
    ("recycled", "direct", "said"),
    [
        (2.0, 1.0, "loses by 2 x"),
        (1.0, 4.0, "wins by 4 x"),
        (None, 1.0, "loses: no recycling"),
        (1.0, None, "no direct"),
    ],
)
def test_recycling_is_judged_by_the_rows(recycled: float | None, direct: float | None, said: str) -> None:
    assert said in recycling.against(cell(row("recycled", recycled), row("direct", direct, "qdldl")))


@pytest.mark.parametrize(
    ("own", "said"), [(1.1, ""), (1.3, "1.30 x the seconds (fastest: superlu)"), (None, "did not solve")]
)
def test_automatic_choice_is_judged_by_the_rows(own: float | None, said: str) -> None:
    one = cell(row("direct", 1.0, "superlu"), row("direct", 1.2, "qdldl"), row("automatic", own))
    text = recycling.astray(one)
    assert said in text
    assert bool(text) == bool(said)
    assert ("in every cell" in recycling.conclusions([one])) == (not said)


def test_methods_that_failed_are_not_the_fastest() -> None:
    failed = row("direct", 0.1, "bad", unconverged=1)
    cut = row("direct", 0.1, "cut", failure="over the limit")
    assert recycling.fastest(cell(failed, cut, row("direct", 3.0, "good")))["method"] == "good"
    assert contenders.cell_of(failed) == "*100 (100)"
    assert contenders.cell_of(cut) == ">100 (100)"


def test_ratios_are_bounds_where_gmres_fails() -> None:
    gmres, sorted_ = row("gmres", 4.0, preconditioner="none"), row("sorted", 2.0, preconditioner="none", iterations=50)
    others = [row(way, 2.0, preconditioner="none") for way in ("cold", "recycled")]
    assert contenders.ratios([gmres, sorted_], "sorted", "none") == (2.0, 2.0)
    assert contenders.ratios([gmres, {**sorted_, "unconverged": 1}], "sorted", "none") is None
    (line,) = contenders.duels({}, [{**gmres, "unconverged": 3}, *others, sorted_])
    assert line["gmres/sorted"] == ">2 / >2"


def test_cells_measured_anew_replace_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    assert contenders.merged(path, [{"family": "a", "rows": 1}], ("family",)) == [{"family": "a", "rows": 1}]
    path.write_text(json.dumps({"cells": [{"family": "a", "rows": 0}, {"family": "b", "rows": 0}]}))
    found = contenders.merged(path, [{"family": "a", "rows": 1}, {"family": "c", "rows": 1}], ("family",))
    assert [(one["family"], one["rows"]) for one in found] == [("a", 1), ("b", 0), ("c", 1)]


def test_the_grids_that_are_asked_for() -> None:
    options = recycling.arguments_of(["--grids", "8,9^2,7^3"])
    assert recycling.grids_of("darcy_2d", options) == [8, 9]
    assert recycling.grids_of("darcy_3d", options) == [8, 7]
    assert recycling.grids_of("darcy_3d", recycling.arguments_of(["--quick"])) == [32]


def test_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--only", "darcy_2d", "--grids", "8", "--tolerances", "1e-5", "--systems", "2", "--out", str(tmp_path)]
    assert recycling.main(small) == 0
    saved = json.loads((tmp_path / "recycling.json").read_text())
    assert saved["cells"][0]["rows"][-1]["method"] == "automatic choice"
    text = (tmp_path / "recycling.txt").read_text()
    assert "darcy_2d 8^2 1e-05" in text
    assert "automatic choice is" in text.lower().replace("not ", "")
    assert recycling.main(["--only", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_matrices_as_released_have_their_defects() -> None:
    n, random = 6, np.random.default_rng(0)
    values = random.uniform(1.0, 2.0, (n, n))
    matrix = paper_recycling.as_released(values).toarray() / (n + 1) ** 2
    assert not np.allclose(matrix, matrix.T)
    middle = 2 * n + 2  # the cell (2, 2)
    assert matrix[middle, middle - 1] == -values[2, 1]
    assert matrix[middle, middle + n] == -values[3, 2]
    assert matrix[middle, middle + 1] == -values[2, 5]  # two cells from where it belongs
    assert matrix[middle, middle] == pytest.approx(values[1, 2] + values[3, 2] + values[2, 1] + values[2, 3])


def test_without_variation_only_the_displacement_is_left() -> None:
    n = 5
    matrix = paper_recycling.as_released(np.ones((n, n))).toarray() / (n + 1) ** 2
    np.testing.assert_array_equal(np.diag(matrix), 4.0)
    np.testing.assert_array_equal(np.diag(matrix, -n), -1.0)
    assert matrix[n - 3, n - 2] == 0.0  # the gap at the end of a line, two cells early
    assert matrix[n - 1, n] == -1.0  # and a coupling of one line to the next


def test_kinds_of_matrices() -> None:
    assert list(paper_recycling.kinds("darcy", 64)) == ["correct", "as released"]
    assert len(paper_recycling.kinds("helmholtz", 64)) == 3
    one = paper_recycling.kinds("darcy", 64)["correct"]
    system = one.system(one.family.parameters(0, 0))
    assert len(system.rhs) == 64
    x, _, info = CG().solve(system.matrix, system.rhs)
    assert info.converged
    assert x.min() > 0.0


def test_published_figures_have_their_columns() -> None:
    assert all(len(pairs) == len(paper_recycling.PRECONDITIONERS) for pairs in paper_recycling.PUBLISHED.values())
    found = paper_recycling.figures({"family": "darcy", "tolerance": 1e-8})
    assert found["ilu"] == (3.70, 17.2)
    assert paper_recycling.figures({"family": "darcy", "tolerance": 1e-3}) == {}


def test_paper_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--paper", "--only", "darcy", "--points", "100", "--systems", "2", "--tolerances", "1e-5"]
    assert recycling.main([*small, "--preconditioners", "none,ilu", "--out", str(tmp_path)]) == 0
    saved = json.loads((tmp_path / "recycling_paper.json").read_text())
    assert [one["matrices"] for one in saved["cells"]] == ["correct", "as released"]
    assert [one["n"] for one in saved["cells"]] == [100, 100]
    text = (tmp_path / "recycling_paper.txt").read_text()
    assert "2.9 / 21" in text
    assert "- darcy, as released: cold" in text
    assert recycling.main(["--paper", "--only", "stokes"]) == 1
    assert "stokes" in capsys.readouterr().err
