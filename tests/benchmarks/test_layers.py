"""The problems with layers are sound, and a failure is a row."""

import layers
import pytest
from layers import PROBLEMS

from spinn.errors import SpinnError
from spinn.pdes import PDE, check_exact


@pytest.mark.parametrize("name", [name for name, one in PROBLEMS.items() if isinstance(one, PDE)])
def test_exact_solution_satisfies_equation_and_conditions(name: str) -> None:
    """Relative to second derivatives of a thousand and more."""
    assert max(check_exact(PROBLEMS[name], samples=50).values()) < 1e-9


def test_a_failure_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **settings: object) -> None:
        raise SpinnError("no luck")

    monkeypatch.setattr(layers.spinn, "solve", fails)
    row = layers.measure("Outflow1D", "learned")
    assert layers.readable(row)["status"] == "SpinnError: no luck"


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert layers.main(["--only", "Nothing"]) == 1
    assert "Nothing" in capsys.readouterr().err
