"""Convergence of the families' discretisations, and their comparison with other solvers, on small grids."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import discretisation
import numpy as np
import pytest
import smooth_instances

NAMED = {one.family: one for one in discretisation.INSTANCES}


@pytest.mark.parametrize(("family", "order", "sizes"), [("darcy_2d", 2, (9, 17)), ("poisson_2d", 4, (17, 33))])
def test_steady_slopes(family: str, order: int, sizes: tuple[int, ...]) -> None:
    instance = dataclasses.replace(NAMED[family], sizes={order: sizes})
    (row,) = discretisation.convergence(instance)
    assert row["slope"] == pytest.approx(order, abs=0.4) and row["good"]


def test_evolving_slopes() -> None:
    instance = dataclasses.replace(NAMED["advection_1d"], sizes={2: (16, 32, 64)})
    (row,) = discretisation.convergence(instance)
    assert row["sizes"] == [16, 32] and row["slope"] == pytest.approx(2, abs=0.3)


def test_a_slope_that_is_too_small_is_said() -> None:
    row = discretisation.row_of("darcy_2d", 4, (33, 65), [1e-3, 2.5e-4], False)
    assert discretisation.readable(row)["slope"] == "2.00" and discretisation.readable(row)["as it should"] == "NO"


def test_agreement_with_a_closed_form() -> None:
    class Exact:
        def __init__(self, pde: Any):
            self.beta = pde.beta

        def on_grid(self, axes: Mapping[str, np.ndarray]) -> dict[str, Any]:
            t, x = np.meshgrid(axes["t"], axes["x"], indexing="ij")
            return {"u": smooth_instances.profile(x - self.beta * t)}

    instance = dataclasses.replace(NAMED["advection_1d"], compared=("spectral", 32))
    row = discretisation.agreement(instance, Exact)
    assert row["difference"] < 1e-6 and row["met"]
    row = discretisation.agreement(instance, lambda pde: Exact(dataclasses.replace(pde, beta=0.69)))
    assert not row["met"] and discretisation.readable_agreement(row)["at most 1e-04"] == "MISSED"


def test_every_instance_is_that_of_a_family() -> None:
    assert len(NAMED) == 9
    for instance in discretisation.INSTANCES:
        family = instance.build(2, 9)
        assert set(discretisation.inputs_of(instance, family)) == set(family.parameters(0, 0))


def test_rows_of_other_families_stay(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small = dataclasses.replace(NAMED["darcy_2d"], sizes={2: (9, 17)})
    other = dataclasses.replace(NAMED["poisson_2d"], sizes={2: (9, 17)})
    monkeypatch.setattr(discretisation, "INSTANCES", (small, other))
    for family in ("darcy_2d", "poisson_2d"):
        assert discretisation.main(["--only", family, "--no-neural", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "discretisation.json").read_text())["convergence"]
    assert [row["family"] for row in rows] == ["darcy_2d", "poisson_2d"]
    assert "thermal_2d: no comparison" in capsys.readouterr().out
    assert discretisation.main(["--only", "nonsense", "--out", str(tmp_path)]) == 1
