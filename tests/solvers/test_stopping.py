"""The stopping rule: every way of ending has a status, the best x and its true residual, for every method."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

from spinn.solvers import CG, GCRODR, GMRES, DeflatedCG, Status, Stopping
from spinn.solvers.stopping import two_norm

METHODS = [CG, GMRES, GCRODR, DeflatedCG]
every = pytest.mark.parametrize("method", METHODS)


def laplacian(n: int) -> np.ndarray:
    return 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)


def relative(matrix: np.ndarray, x: np.ndarray, rhs: np.ndarray) -> float:
    return float(np.linalg.norm(rhs - matrix @ x) / np.linalg.norm(rhs))


class Failing:
    name = "failing"

    def build(self, matrix: object):
        raise RuntimeError("Factor is exactly singular")


@every
def test_zero_right_side(method: type) -> None:
    x, space, info = method().solve(laplacian(5), np.zeros(5), guess=np.ones(5))
    assert info.converged and np.all(x == 0) and info.residual == 0.0 and info.products == 0 and space is None


@every
def test_the_residual_is_the_true_one(method: type) -> None:
    matrix, rhs = laplacian(30), np.arange(30.0)
    x, _, info = method().solve(matrix, rhs)
    assert (
        info.converged and info.residual == pytest.approx(relative(matrix, x, rhs), rel=1e-3) and info.residual <= 1e-8
    )
    assert 0.0 <= info.setup_seconds <= info.seconds


@every
def test_a_tolerance_that_rounding_forbids_is_stagnation(method: type) -> None:
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(40, 40)))
    matrix = (rotation * np.geomspace(1e-6, 1, 40)) @ rotation.T
    matrix, rhs = (matrix + matrix.T) / 2, np.ones(40)
    x, _, info = method(stopping=Stopping(relative=1e-30)).solve(matrix, rhs)
    assert info.status is Status.STAGNATED and info.iterations < 2000
    assert info.residual == pytest.approx(relative(matrix, x, rhs), rel=1e-2) and info.residual < 1e-8


@every
def test_the_limit(method: type) -> None:
    x, _, info = method(stopping=Stopping(max_iterations=7)).solve(laplacian(200), np.ones(200))
    assert info.status is Status.LIMIT and info.iterations == 7 == info.history.size
    assert info.residual <= 1.0 and info.residual == pytest.approx(relative(laplacian(200), x, np.ones(200)))


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite(method: type, bad: float) -> None:
    rhs = np.ones(5)
    rhs[2] = bad
    x, _, info = method().solve(laplacian(5), rhs)
    assert info.status is Status.NOT_FINITE and np.all(x == 0) and not np.isfinite(info.residual)
    matrix = laplacian(5)
    matrix[1, 1] = bad
    x, _, info = method().solve(matrix, np.ones(5))
    assert info.status is Status.NOT_FINITE and np.all(x == 0) and info.residual == 1.0
    assert method().solve(laplacian(5), np.ones(5), guess=np.full(5, bad))[2].converged


@every
def test_a_matrix_that_turns_bad_later_leaves_the_best_x(method: type) -> None:
    matrix, calls = laplacian(60), []

    def product(x: np.ndarray) -> np.ndarray:
        calls.append(x)
        return matrix @ x if len(calls) < 12 else np.full(60, np.nan)

    operator = LinearOperator(matrix.shape, matvec=product, dtype=float)
    x, _, info = method(stopping=Stopping()).solve(operator, np.ones(60))
    assert info.status is Status.NOT_FINITE and np.all(np.isfinite(x))
    assert info.residual == pytest.approx(relative(matrix, x, np.ones(60)))


@every
def test_a_preconditioner_that_cannot_be_built(method: type) -> None:
    x, _, info = method(Failing()).solve(laplacian(5), np.ones(5))
    assert info.status is Status.SINGULAR and np.all(x == 0) and info.residual == 1.0


@pytest.mark.parametrize("method", [GMRES, GCRODR])
def test_an_inconsistent_singular_system_is_a_breakdown(method: type) -> None:
    matrix, rhs = np.diag([1.0, 2.0, 3.0, 0.0]), np.ones(4)
    x, _, info = method().solve(matrix, rhs)
    assert info.status is Status.BREAKDOWN
    np.testing.assert_allclose(x[:3], [1, 1 / 2, 1 / 3], rtol=1e-6)  # the least-squares solution
    assert info.residual == pytest.approx(0.5)
    assert method().solve(np.zeros((4, 4)), rhs)[2].status is Status.BREAKDOWN


@pytest.mark.parametrize("method", [GMRES, GCRODR])
def test_a_consistent_singular_system_is_solved(method: type) -> None:
    x, _, info = method().solve(np.diag([1.0, 2.0, 3.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0]))
    assert info.converged
    np.testing.assert_allclose(x, [1, 1 / 2, 1 / 3, 0], rtol=1e-6, atol=1e-12)


@every
def test_cg_and_others_agree_on_one_unknown(method: type) -> None:
    x, _, info = method().solve(np.array([[4.0]]), np.array([2.0]))
    assert info.converged and x[0] == pytest.approx(0.5)


@every
def test_where_the_recurrence_lies_iterations_go_on(method: type) -> None:
    """Products with rounding of 1e-5 in them leave any recurrence for the residual wrong by as much."""
    matrix, rhs = laplacian(30) + np.eye(30), np.pi * np.linspace(0.1, 1, 30)

    def product(x: np.ndarray) -> np.ndarray:
        return (matrix @ x).astype(np.float16).astype(float)

    operator = LinearOperator(matrix.shape, matvec=product, dtype=float)
    x, _, info = method(stopping=Stopping(relative=1e-2)).solve(operator, rhs)
    assert info.residual == pytest.approx(np.linalg.norm(rhs - product(x)) / np.linalg.norm(rhs))
    assert info.converged == (info.residual <= 1e-2)
    hard = method(stopping=Stopping(relative=1e-9, max_iterations=500)).solve(operator, rhs)[2]
    assert hard.status in {Status.STAGNATED, Status.INDEFINITE, Status.LIMIT} and hard.residual > 1e-9


def test_an_absolute_tolerance() -> None:
    x, _, info = GMRES(stopping=Stopping(relative=0.0, absolute=1e-3)).solve(laplacian(30), np.ones(30))
    assert info.converged and np.linalg.norm(1 - laplacian(30) @ x) <= 1e-3
    assert GMRES(stopping=Stopping(absolute=100.0)).solve(laplacian(30), np.ones(30))[2].iterations == 0


def test_diverging_iterations_end() -> None:
    """CG on a matrix that is not symmetric: no new low of the residual for long enough."""
    matrix = np.eye(60) + 5 * np.triu(np.ones((60, 60)), 1)
    info = CG().solve(matrix, np.ones(60))[2]
    assert not info.converged and info.iterations < 5000 and info.residual <= 1.0


@pytest.mark.parametrize(
    ("matrix", "rhs", "message"),
    [
        (np.ones((2, 3)), np.ones(2), "expected a square matrix"),
        (np.eye(2) * 1j, np.ones(2), "expected a real matrix"),
        (np.eye(2), np.ones(3), r"expected a right side of shape \(2,\), got \(3,\)"),
        (np.eye(2), np.ones((2, 2)), "solve several right sides as a sequence"),
        (np.eye(2), np.ones(2) * 1j, "expected a right side of real numbers"),
        ("matrix", np.ones(2), "pass a scipy.sparse matrix"),
    ],
)
@every
def test_wrong_shapes_and_types_are_errors(method: type, matrix: object, rhs: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method().solve(matrix, rhs)


@pytest.mark.parametrize("size", [0.0, 1e-250, 1e-3, 1.0, 1e250, np.inf, np.nan])
def test_the_norm_neither_overflows_nor_vanishes(size: float) -> None:
    vector = np.array([3.0, -4.0])
    assert two_norm(vector * size) == pytest.approx(5.0 * size, rel=1e-14, nan_ok=True)
