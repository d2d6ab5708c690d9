"""The unseen problems are sound: exact solutions hold, and the coupled one has no short sum of products."""

import numpy as np
import pytest
import unseen_problems
from unseen_problems import PROBLEMS, CoupledHelmholtz3D

from spinn.errors import SpinnError
from spinn.pdes import PDE, check_exact


@pytest.mark.parametrize("problem", PROBLEMS)
def test_exact_solution_satisfies_equation_and_conditions(problem: type[PDE]) -> None:
    assert max(check_exact(problem(), samples=50).values()) < 1e-13


def test_the_coupled_solution_has_rank_above_ten() -> None:
    x = np.linspace(-1, 1, 50)
    u = CoupledHelmholtz3D().exact(x[:, None, None], x[None, :, None], x[None, None, :])
    for axis in range(3):
        values = np.linalg.svd(np.moveaxis(u, axis, 0).reshape(50, -1), compute_uv=False)
        cut = np.sqrt(np.cumsum(values[::-1] ** 2)[::-1]) / np.linalg.norm(u)
        assert int((cut > 1e-10).sum()) > 10


def test_a_failure_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **settings: object) -> None:
        raise SpinnError("no luck")

    monkeypatch.setattr(unseen_problems.spinn, "solve", fails)
    row = unseen_problems.measure(CoupledHelmholtz3D, 0)
    assert unseen_problems.readable(row)["status"] == "SpinnError: no luck"


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert unseen_problems.main(["--only", "Nothing"]) == 1
    assert "Nothing" in capsys.readouterr().err
