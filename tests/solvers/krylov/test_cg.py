"""CG: the bound of its theory, and matrices and preconditioners that are not positive definite."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.solvers import CG, Status, Stopping


class Fixed:
    name = "fixed"

    def __init__(self, inverse: np.ndarray):
        self.inverse = inverse

    def build(self, matrix: object):
        return lambda r: self.inverse @ r


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.floats(1.0, 1e4), st.integers(0, 10**6))
def test_iterations_stay_below_the_bound(n: int, condition: float, seed: int) -> None:
    """||e_j||_A <= 2 ((sqrt(k) - 1) / (sqrt(k) + 1))^j ||e_0||_A, and ||r|| <= sqrt(k) times the ratio in that norm."""
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(n, n)))
    matrix = (rotation * np.geomspace(1.0, condition, n)) @ rotation.T
    matrix = (matrix + matrix.T) / 2
    rhs = rng.normal(size=n)
    x, _, info = CG(stopping=Stopping(relative=1e-8)).solve(matrix, rhs)
    assert info.converged and np.linalg.norm(rhs - matrix @ x) <= 1e-8 * np.linalg.norm(rhs)
    bound = np.log(2 * np.sqrt(condition) / 1e-8) / np.log1p(2 / (np.sqrt(condition) - 1 + 1e-12))
    assert info.iterations <= bound + 2


def test_distinct_eigenvalues_are_as_many_iterations() -> None:
    matrix = np.diag(np.repeat([1.0, 10.0, 100.0], 20))
    assert CG().solve(matrix, np.ones(60))[2].iterations == 3


def test_the_preconditioned_solution(darcy: Callable) -> None:
    matrix, rhs = darcy(20, 1)[0]
    inverse = np.diag(1.0 / matrix.diagonal())
    x, _, info = CG(Fixed(inverse), Stopping(relative=1e-11)).solve(matrix, rhs)
    np.testing.assert_allclose(x, np.linalg.solve(matrix.toarray(), rhs), rtol=1e-8)
    assert info.iterations < CG(stopping=Stopping(relative=1e-11)).solve(matrix, rhs)[2].iterations


@pytest.mark.parametrize("values", [[1.0, 2.0, -1.0], [-1.0, -2.0, -3.0], [1.0, 1.0, 0.0]])
def test_indefinite_matrices_are_reported(values: list[float]) -> None:
    x, _, info = CG().solve(np.diag(values), np.array([1.0, 1.0, 3.0]))
    assert info.status is Status.INDEFINITE and np.all(np.isfinite(x))
    residual = np.linalg.norm([1.0, 1.0, 3.0] - np.array(values) * x) / np.sqrt(11)
    assert info.residual == pytest.approx(residual) and residual <= 1.0


def test_an_indefinite_preconditioner_is_reported() -> None:
    info = CG(Fixed(np.diag([1.0, -5.0]))).solve(np.eye(2), np.ones(2))[2]
    assert info.status is Status.INDEFINITE
