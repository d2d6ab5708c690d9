"""Arnoldi's relation A Z = W G with a kept block, orthonormal to rounding also where the matrix is ill-conditioned."""

import numpy as np
import pytest

from spinn.solvers import Stopping
from spinn.solvers.krylov.arnoldi import arnoldi, empty_basis, least_squares, orthogonalise
from spinn.solvers.stopping import Run


def run_for(matrix: np.ndarray, rhs: np.ndarray, relative: float = 0.0) -> Run:
    return Run("test", matrix, rhs, None, Stopping(relative=relative), None, patience=1)


def test_what_is_left_is_orthogonal_also_after_cancellation() -> None:
    rng = np.random.default_rng(0)
    block = np.asfortranarray(np.linalg.qr(rng.normal(size=(50, 8)))[0])
    vector = block @ rng.normal(size=8) + 1e-10 * rng.normal(size=50)
    rest = vector.copy()
    coefficients, norm = orthogonalise(block, rest)
    np.testing.assert_allclose(block @ coefficients + rest, vector, atol=1e-15)
    assert np.linalg.norm(block.T @ rest) < 1e-14 * norm


@pytest.mark.parametrize("spread", [1.0, 1e8])
def test_relation_and_residual_with_a_kept_block(spread: float) -> None:
    rng = np.random.default_rng(1)
    n, kept, steps = 60, 4, 12
    matrix = rng.normal(size=(n, n)) * np.geomspace(1, spread, n)
    images, _ = np.linalg.qr(matrix @ rng.normal(size=(n, kept)))
    directions = np.linalg.solve(matrix, images)
    start = rng.normal(size=n)
    start -= images @ (images.T @ start)
    run, basis = run_for(matrix, start), empty_basis(n, kept + steps)
    basis.images[:, :kept], basis.directions[:, :kept] = images, directions
    projected = arnoldi(run, basis, kept, start, steps)
    projected[:kept, :kept] = np.eye(kept)
    scale = np.linalg.norm(projected, axis=0)
    gap = (matrix @ basis.directions - basis.images @ projected) / scale
    np.testing.assert_allclose(gap[:, kept:], 0.0, atol=1e-13)
    np.testing.assert_allclose(basis.images.T @ basis.images, np.eye(kept + steps + 1), atol=1e-13)
    hessenberg = projected[kept:, kept:]
    rhs = np.eye(steps + 1)[0] * np.linalg.norm(start)
    expected = [
        np.linalg.norm(rhs[: j + 2] - hessenberg[: j + 2, : j + 1] @ np.linalg.lstsq(
            hessenberg[: j + 2, : j + 1], rhs[: j + 2], rcond=None)[0])
        for j in range(steps)
    ]  # fmt: skip
    np.testing.assert_allclose(np.array(run.history) * run.size, expected, rtol=1e-6)


def test_a_closed_space_ends_the_process() -> None:
    run, basis = run_for(np.diag([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 0.0, 0.0])), empty_basis(4, 4)
    projected = arnoldi(run, basis, 0, run.rhs, 4)
    assert projected.shape == (3, 2) and not run.exhausted_space and np.all(projected[2] == 0)
    assert run.history == pytest.approx([1 / np.sqrt(10), 0.0])
    solution = basis.directions[:, :2] @ least_squares(projected, np.array([np.sqrt(2), 0, 0]))
    np.testing.assert_allclose(solution, [1.0, 0.5, 0.0, 0.0], atol=1e-14)
