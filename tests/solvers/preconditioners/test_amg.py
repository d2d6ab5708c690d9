"""Multigrid cycles: symmetric, positive, the same every time, and named in the error where PyAMG is missing."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.solvers import RugeStuben, SmoothedAggregation

CYCLES = [SmoothedAggregation(), RugeStuben()]


@pytest.mark.parametrize("recipe", CYCLES)
def test_one_cycle_is_symmetric_positive_and_close_to_the_inverse(laplacian: Callable, recipe) -> None:
    matrix = laplacian((16, 12))
    apply = recipe.build(matrix)
    found = np.stack([apply(column) for column in np.eye(192)], axis=1)
    np.testing.assert_allclose(found, found.T, atol=1e-12 * np.abs(found).max())
    eigenvalues = np.linalg.eigvals(found @ matrix.toarray()).real
    assert eigenvalues.min() > 0.3 and eigenvalues.max() < 1.2
    np.testing.assert_array_equal(recipe.build(matrix)(np.ones(192)), apply(np.ones(192)))


@pytest.mark.parametrize("recipe", CYCLES)
def test_few_iterations(laplacian: Callable, scipy_cg: type, recipe) -> None:
    _, _, info = scipy_cg(recipe).solve(laplacian((30, 30)), np.ones(900))
    assert info.converged and info.iterations < 15


def test_without_pyamg_the_error_names_the_extra(laplacian: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyamg", None)
    with pytest.raises(SpinnError, match=r'pip install "spinn-pde\[amg\]"'):
        SmoothedAggregation().build(laplacian((3, 3)))


def test_what_is_not_finite_is_an_error(laplacian: Callable) -> None:
    with pytest.raises(np.linalg.LinAlgError):
        RugeStuben().build(laplacian((3, 3)) * np.nan)
