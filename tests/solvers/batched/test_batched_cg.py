"""Batched CG: each sample as the SciPy path solves it alone, whatever happens to its neighbours."""

import numpy as np
import pytest
import scipy.sparse as sp

from spinn.solvers import CG, BatchedCG, Status, Stencil, Stopping, harmonic_stencil
from spinn.solvers.batched import fast_poisson

pytestmark = pytest.mark.usefixtures("quick_compile")

N = 12
H = (1 / (N + 1),) * 2


def coefficients(darcy_chain, count: int) -> np.ndarray:
    return np.stack(list(darcy_chain(N, count, 1.0)))


def test_it_equals_the_solver_of_single_systems(darcy_chain, five_point) -> None:
    a = coefficients(darcy_chain, 4)
    rhs = np.random.default_rng(0).normal(size=(4, N, N))
    rhs[3] = 0.0
    x, info = BatchedCG().solve(harmonic_stencil(a, H), rhs)
    assert x.dtype == np.float64 and info.converged.all()
    for sample in range(4):
        matrix = five_point(a[sample])
        alone, _, one = CG().solve(matrix, rhs[sample].ravel())
        np.testing.assert_allclose(x[sample].ravel(), alone, rtol=1e-6, atol=1e-12)
        assert abs(info.iterations[sample] - one.iterations) <= 1
        size = np.linalg.norm(rhs[sample])
        true = np.linalg.norm(rhs[sample].ravel() - matrix @ x[sample].ravel()) / size if size else 0.0
        assert info.residuals[sample] == pytest.approx(true, rel=1e-4, abs=1e-14) and true <= 1e-8


def test_the_poisson_preconditioner_saves_iterations_and_its_scaling_more(darcy_chain) -> None:
    a = coefficients(darcy_chain, 3)
    operator, rhs = harmonic_stencil(a, H), np.ones((3, N, N))
    plain = BatchedCG().solve(operator, rhs)[1]
    poisson = BatchedCG().solve(operator, rhs, fast_poisson((N, N), H))[1]
    scaled = BatchedCG().solve(operator, rhs, fast_poisson((N, N), H, a[:, 1:-1, 1:-1]))[1]
    assert plain.converged.all() and poisson.converged.all() and scaled.converged.all()
    assert scaled.iterations.sum() < 0.7 * poisson.iterations.sum()
    assert scaled.iterations.sum() < 0.5 * plain.iterations.sum()


def test_three_dimensions_against_a_matrix() -> None:
    n, h = 5, (1 / 6,) * 3
    line = sp.diags([-36.0, 72.0, -36.0], [-1, 0, 1], shape=(n, n))
    matrix = sp.kronsum(line, sp.kronsum(line, line)).tocsr()
    rhs = np.random.default_rng(1).normal(size=(1, n, n, n))
    x, info = BatchedCG(Stopping(relative=1e-11)).solve(harmonic_stencil(np.ones((1, 7, 7, 7)), h), rhs)
    np.testing.assert_allclose(matrix @ x.ravel(), rhs.ravel(), atol=1e-9)
    assert info.converged[0]


def test_every_failure_has_a_status_and_leaves_the_others_alone(darcy_chain) -> None:
    a = coefficients(darcy_chain, 1)[[0, 0, 0, 0, 0]]
    good = harmonic_stencil(a, H)
    shift = np.zeros((5, N, N))
    shift[1], shift[2, 3, 3] = -1e4, np.nan  # indefinite, not a number
    rhs = np.ones((5, N, N))
    rhs[3, 0, 0], rhs[4] = np.inf, 0.0
    x, info = BatchedCG().solve(Stencil(good.faces, shift), rhs)
    assert list(info.statuses) == ["converged", "not positive definite", "not finite", "not finite", "converged"]
    assert np.all(np.isfinite(x)) and np.all(info.residuals[[0, 1, 2, 4]] <= 1.0) and np.isnan(info.residuals[3])
    alone = BatchedCG().solve(harmonic_stencil(a[:1], H), rhs[:1])[0]
    np.testing.assert_allclose(x[0], alone[0], rtol=1e-8)


def test_limit_and_stagnation(darcy_chain) -> None:
    operator, rhs = harmonic_stencil(coefficients(darcy_chain, 2), H), np.ones((2, N, N))
    info = BatchedCG(Stopping(max_iterations=5)).solve(operator, rhs)[1]
    assert np.all(info.statuses == Status.LIMIT) and np.all(info.iterations == 5)
    info = BatchedCG(Stopping(relative=1e-25)).solve(operator, rhs)[1]
    assert np.all(info.statuses == Status.STAGNATED) and np.all(info.residuals < 1e-11)


def test_shapes_are_checked(darcy_chain) -> None:
    operator = harmonic_stencil(coefficients(darcy_chain, 2), H)
    with pytest.raises(ValueError, match="add an axis for a single sample"):
        BatchedCG().solve(operator, np.ones((N, N)))
    with pytest.raises(ValueError, match="one operator a right side"):
        BatchedCG().solve(operator, np.ones((3, N, N)))
    with pytest.raises(ValueError, match="build it on the interior nodes"):
        BatchedCG().solve(operator, np.ones((2, N, N)), fast_poisson((N + 2, N + 2), H))
