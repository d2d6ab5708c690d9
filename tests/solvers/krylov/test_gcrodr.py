"""GCRO-DR: its invariants, what recycling saves in iterations, and that a bad space costs iterations only."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.solvers import GCRODR, GMRES, Recycled, Status, Stopping, solve_sequence
from spinn.solvers.krylov.gcrodr import refitted
from spinn.solvers.stopping import Run


class Scaling:
    """The inverse of a fixed diagonal: M differs much from the identity."""

    name = "scaling"

    def build(self, matrix: np.ndarray):
        diagonal = np.asarray(matrix.diagonal())
        return lambda r: r / diagonal


def iterations(systems: list, solver: GCRODR | GMRES, **options: bool) -> list[int]:
    infos = [info for _, info in solve_sequence(systems, solver, **options)]
    assert all(info.converged for info in infos)
    return [info.iterations for info in infos]


@settings(max_examples=15, deadline=None)
@given(st.integers(10, 60), st.integers(4, 10), st.booleans(), st.integers(0, 10**6))
def test_the_space_has_orthonormal_images(n: int, restart: int, scaled: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix, rhs = rng.normal(size=(n, n)) + np.sqrt(n) * np.diag(rng.uniform(1, 5, n)), rng.normal(size=n)
    solver = GCRODR(Scaling() if scaled else None, restart=restart, recycle=restart // 2)
    _, space, info = solver.solve(matrix, rhs)
    assert info.converged
    images = matrix @ space.basis  # A U = C and C^T C = I
    np.testing.assert_allclose(images.T @ images, np.eye(space.dimension), atol=1e-9)
    assert space.dimension <= restart // 2
    if scaled:
        np.testing.assert_allclose(space.preconditioned, matrix.diagonal()[:, None] * space.basis, atol=1e-8)
    else:
        assert space.preconditioned is None
    _, again, _ = solver.solve(matrix + 0.1 * rng.normal(size=(n, n)), rhs, space)
    assert again is not space


def test_one_direction_cannot_hold_a_complex_pair() -> None:
    """Restart 2 keeps one direction: where every cycle offers pairs alone the solve still ends, and hands none over."""
    rotations = np.kron(np.diag([1.0, 1.1, 1.2]), np.array([[1.0, -2.0], [2.0, 1.0]]))
    x, space, info = GCRODR(restart=2, recycle=1).solve(rotations, np.ones(6))
    assert info.converged and space is None
    np.testing.assert_allclose(rotations @ x, np.ones(6), atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(10, 40), st.integers(4, 12), st.integers(0, 10**6))
def test_the_residual_never_grows(n: int, restart: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    solver = GCRODR(restart=restart, recycle=restart // 2, stopping=Stopping(relative=1e-6, max_iterations=80))
    matrix, rhs = rng.normal(size=(n, n)), rng.normal(size=n)
    _, space, info = solver.solve(matrix, rhs)
    assert np.all(np.diff(info.history) <= 1e-9)
    _, _, info = solver.solve(matrix + 0.05 * rng.normal(size=(n, n)), rhs, space)
    assert np.all(np.diff(info.history) <= 1e-9)
    assert info.history.size == 0 or info.history[0] <= 1.0 + 1e-9


def test_the_dense_solution() -> None:
    rng = np.random.default_rng(5)
    matrix, rhs = rng.normal(size=(50, 50)) + 10 * np.eye(50), rng.normal(size=50)
    x, _, _ = GCRODR(restart=8, recycle=4, stopping=Stopping(relative=1e-12)).solve(matrix, rhs)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, rhs), atol=1e-11)


def test_deflated_restarts_beat_plain_ones_and_recycling_beats_both(darcy: Callable) -> None:
    systems = darcy(30, 5)
    plain = iterations(systems, GMRES(restart=30))
    cold = iterations(systems, GCRODR(restart=30, recycle=15), carry=False)
    recycled = iterations(systems, GCRODR(restart=30, recycle=15))
    assert np.sum(cold) < 0.6 * np.sum(plain)
    assert np.sum(recycled[1:]) < 0.8 * np.sum(cold[1:])
    assert recycled[0] == cold[0]


def test_recycling_under_a_preconditioner_that_changes(darcy: Callable) -> None:
    """Judging by U in place of M U would lose this: the Ritz values would be those of no operator."""
    systems = darcy(40, 6)
    cold = iterations(systems, GCRODR(Scaling(), restart=30, recycle=15), carry=False)
    recycled = iterations(systems, GCRODR(Scaling(), restart=30, recycle=15))
    assert np.sum(recycled[1:]) < 0.75 * np.sum(cold[1:])


def test_an_exact_invariant_space_takes_its_eigenvalues_out() -> None:
    values = np.concatenate([np.geomspace(1e-4, 1e-2, 6), np.linspace(1, 2, 94)])
    matrix, rhs = np.diag(values), np.ones(100)
    solver = GCRODR(restart=20, recycle=6)
    cold = solver.solve(matrix, rhs)[2]
    warm = solver.solve(matrix, rhs, Recycled(np.eye(100)[:, :6]))[2]
    assert warm.converged and warm.recycled == 6
    assert warm.iterations <= 15 < cold.iterations  # condition 2 is left
    everything = solver.solve(matrix, rhs, Recycled(np.eye(100)))[2]
    assert everything.converged and everything.iterations == 0


def test_the_same_matrix_again_with_another_right_side(darcy: Callable) -> None:
    matrix, rhs = darcy(40, 1)[0]
    other = np.random.default_rng(0).normal(size=rhs.size)
    solver = GCRODR(restart=30, recycle=15)
    _, space, _ = solver.solve(matrix, rhs)
    assert solver.solve(matrix, other, space)[2].iterations < 0.8 * solver.solve(matrix, other)[2].iterations


@pytest.mark.parametrize("kind", ["dependent", "random", "in the null space", "huge"])
def test_a_bad_space_costs_iterations_only(kind: str) -> None:
    rng = np.random.default_rng(6)
    matrix, rhs = rng.normal(size=(40, 40)) + 10 * np.eye(40), rng.normal(size=40)
    one = rng.normal(size=(40, 4))
    basis = {"dependent": np.hstack([one, one]), "random": one, "huge": 1e200 * one}.get(kind, np.zeros((40, 3)))
    x, space, info = GCRODR(restart=12, recycle=6).solve(matrix, rhs, Recycled(basis))
    assert info.converged and 0 < space.dimension <= 6
    np.testing.assert_allclose(x, np.linalg.solve(matrix, rhs), rtol=1e-6)


def test_refitting_drops_what_depends_on_others() -> None:
    rng = np.random.default_rng(7)
    matrix, one = rng.normal(size=(30, 30)), rng.normal(size=(30, 3))
    run = Run("test", matrix, np.ones(30), None, Stopping(), None, patience=1)
    kept = refitted(run, Recycled(np.hstack([one, one @ rng.normal(size=(3, 2))])))
    assert kept is not None and kept.basis.shape == (30, 3) and run.products == 5
    np.testing.assert_allclose(matrix @ kept.basis, kept.images, atol=1e-10)
    np.testing.assert_allclose(kept.images.T @ kept.images, np.eye(3), atol=1e-12)


def test_nothing_given_is_changed(darcy: Callable) -> None:
    (first, rhs), (second, _) = darcy(15, 2)
    solver = GCRODR(Scaling(), restart=10, recycle=5)
    _, space, _ = solver.solve(first, rhs)
    basis, data = space.basis.copy(), second.data.copy()
    guess = np.full(rhs.size, 1e-3)
    solver.solve(second, rhs, space, guess=guess)
    assert np.array_equal(space.basis, basis) and np.array_equal(second.data, data)
    assert np.all(rhs == 1.0) and np.all(guess == 1e-3)


def test_spaces_that_do_not_fit_are_errors() -> None:
    with pytest.raises(ValueError, match="expected the space that a recycling Krylov method returned, got ndarray"):
        GCRODR().solve(np.eye(3), np.ones(3), np.eye(3))
    with pytest.raises(ValueError, match="expected a space for 3 unknowns, got one for 4"):
        GCRODR().solve(np.eye(3), np.ones(3), Recycled(np.eye(4)))
    with pytest.raises(ValueError, match="recycle between 1 and 39, got 40"):
        GCRODR(recycle=40)


def test_a_space_whose_images_are_not_finite() -> None:
    matrix = np.diag([1.0, np.nan, 1.0])
    x, space, info = GCRODR(restart=2, recycle=1).solve(matrix, np.ones(3), Recycled(np.eye(3)[:, :2]))
    assert info.status is Status.NOT_FINITE and np.all(np.isfinite(x)) and space.dimension == 2
