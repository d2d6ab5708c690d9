"""Which solvers are proposed for which matrices, and that an absent library is left out."""

import importlib
from typing import Any

import pytest

from spinn.errors import SpinnError
from spinn.solvers import Stopping, candidates
from spinn.solvers.direct import ldl, pardiso
from spinn.solvers.preconditioners import amg


@pytest.fixture(autouse=True)
def _without_pardiso(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pardiso, "available", lambda: False)


def names(*arguments: Any, **options: Any) -> list[str]:
    return [candidate.name for candidate in candidates(*arguments, **options)]


def test_what_suits_the_matrices() -> None:
    definite = ["qdldl", "superlu", "poisson-cg", "scaled-poisson-cg", "aggregation-cg", "ruge-stuben-cg"]
    assert names(True, True, (10, 10), 100) == definite
    assert names(True, True, None, 100) == [name for name in definite if "poisson" not in name]
    assert names(True, False, (10, 10), 100) == ["qdldl", "superlu", "poisson-gcrodr", "ilu-gcrodr"]
    assert names(False, False, None, 100) == ["superlu", "ilu-gcrodr"]
    assert names(True, True, (64, 64, 64), 64**3) == definite[2:]


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("qdldl", "pyamg") else find(name))
    assert not ldl.available() and not amg.available()
    assert names(True, True, (10, 10), 100) == ["superlu", "poisson-cg", "scaled-poisson-cg"]


def test_by_name_and_with_a_tolerance() -> None:
    (found,) = candidates(True, True, (5, 5), 25, names=("superlu",), stopping=Stopping(1e-3))
    assert found.solver.stopping.relative == 1e-3
    with pytest.raises(SpinnError, match="choose from: superlu, ilu-gcrodr"):
        candidates(False, False, None, 25, names=("qdldl",))


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="25 nodes"):
        candidates(True, True, (5, 4), 25)
    with pytest.raises(ValueError, match="CG and multigrid"):
        candidates(False, True, None, 25)
