"""GMRES against dense solves: exact in n steps, never a growing residual, and its preconditioner in the space of x."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator

from spinn.solvers import GMRES, Status, Stopping


def general(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, n)) + 2 * np.sqrt(n) * np.eye(n)


class Diagonal:
    name = "diagonal"

    def build(self, matrix: np.ndarray):
        diagonal = np.asarray(matrix.diagonal())
        return lambda r: r / diagonal


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 25), st.integers(0, 10**6))
def test_as_many_steps_as_unknowns_are_exact(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, rhs = rng.normal(size=(n, n)), rng.normal(size=n)
    x, _, info = GMRES(restart=n, stopping=Stopping(relative=1e-9)).solve(matrix, rhs)
    assert info.converged and info.iterations <= 2 * n  # a second sweep refines where the matrix is near singular
    assert np.linalg.norm(rhs - matrix @ x) <= 1e-9 * np.linalg.norm(rhs)
    assert info.history[min(n, info.iterations) - 1] < 1e-6


@settings(max_examples=15, deadline=None)
@given(st.integers(5, 40), st.integers(1, 12), st.integers(0, 10**6))
def test_the_residual_never_grows(n: int, restart: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stopping = Stopping(relative=1e-6, max_iterations=60)
    _, _, info = GMRES(restart=restart, stopping=stopping).solve(rng.normal(size=(n, n)), rng.normal(size=n))
    assert np.all(np.diff(info.history) <= 1e-9)


@pytest.mark.parametrize("restart", [3, 10, 40])
def test_restarts_reach_the_dense_solution(restart: int) -> None:
    matrix, rhs = general(40, 1), np.arange(40.0)
    x, _, info = GMRES(restart=restart, stopping=Stopping(relative=1e-12)).solve(sp.csr_matrix(matrix), rhs)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, rhs), rtol=1e-9)
    assert info.products > info.iterations >= info.history.size == info.iterations


def test_a_matrix_free_operator_and_one_with_at_alone_give_the_same() -> None:
    matrix, rhs = general(30, 2), np.ones(30)

    class Bare:
        shape = matrix.shape

        def __matmul__(self, x: np.ndarray) -> np.ndarray:
            return matrix @ x

    expected = GMRES().solve(matrix, rhs)[0]
    for operator in (LinearOperator(matrix.shape, matvec=lambda x: matrix @ x, dtype=float), Bare()):
        np.testing.assert_allclose(GMRES().solve(operator, rhs)[0], expected, rtol=1e-12)


def test_a_preconditioner_saves_iterations_and_leaves_the_stopping_rule_alone() -> None:
    matrix = general(60, 3) * np.geomspace(1, 1e4, 60)[:, None]
    rhs = np.ones(60)
    x, _, plain = GMRES(restart=60).solve(matrix, rhs)
    x, _, scaled = GMRES(Diagonal(), restart=60).solve(matrix, rhs)
    assert scaled.converged and scaled.iterations < plain.iterations
    assert np.linalg.norm(rhs - matrix @ x) / np.linalg.norm(rhs) == pytest.approx(scaled.residual, rel=1e-6)


def test_a_good_guess_saves_iterations_and_a_bad_one_is_left_out() -> None:
    matrix, rhs = general(40, 4), np.ones(40)
    exact = np.linalg.solve(matrix, rhs)
    cold = GMRES().solve(matrix, rhs)[2].iterations
    assert GMRES().solve(matrix, rhs, guess=exact + 1e-5)[2].iterations < cold
    assert GMRES().solve(matrix, rhs, guess=exact)[2].iterations == 0
    assert GMRES().solve(matrix, rhs, guess=1e8 * exact)[2].iterations == cold


def test_a_cycle_too_short_to_help_is_stagnation() -> None:
    shift = np.roll(np.eye(20), 1, axis=0)  # no Krylov space below dimension n lowers the residual
    rhs = np.eye(20)[0]
    info = GMRES(restart=5).solve(shift, rhs)[2]
    assert info.status is Status.STAGNATED and info.residual == pytest.approx(1.0)
    assert GMRES(restart=20).solve(shift, rhs)[2].converged


def test_restart_is_checked() -> None:
    with pytest.raises(ValueError, match="restart at least 1, got 0"):
        GMRES(restart=0)
