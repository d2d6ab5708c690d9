"""Deflated CG: CG where nothing is kept, Ritz values from its own coefficients, and what recycling saves."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.solvers import CG, DeflatedCG, Recycled, Status, Stopping, solve_sequence
from spinn.solvers.krylov import deflated_cg
from spinn.solvers.krylov.lanczos import Candidates


class Jacobi:
    name = "jacobi"

    def build(self, matrix: np.ndarray):
        diagonal = np.asarray(matrix.diagonal())
        return lambda r: r / diagonal


def spd(n: int, seed: int, condition: float = 1e3) -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    matrix = (rotation * np.geomspace(1.0, condition, n)) @ rotation.T
    return (matrix + matrix.T) / 2


@settings(max_examples=15, deadline=None)
@given(st.integers(5, 60), st.booleans(), st.integers(0, 10**6))
def test_it_is_cg_where_nothing_is_kept(n: int, scaled: bool, seed: int) -> None:
    matrix, rhs = spd(n, seed), np.random.default_rng(seed).normal(size=n)
    preconditioner = Jacobi() if scaled else None
    x, _, plain = CG(preconditioner).solve(matrix, rhs)
    y, space, deflated = DeflatedCG(preconditioner, recycle=4, window=5).solve(matrix, rhs)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(plain.history, deflated.history)
    assert space.dimension <= 4 and deflated.converged


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("kept", [0, 5])
@pytest.mark.parametrize("window", [4, 12, 100])
def test_rayleigh_quotients_from_the_coefficients_are_those_of_the_matrix(
    scaled: bool, kept: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Candidates] = []
    monkeypatch.setattr(deflated_cg, "Candidates", lambda *a: seen.append(Candidates(*a)) or seen[-1])
    n = 80
    matrix = spd(n, 1, 10.0) * np.outer(*2 * [np.linspace(1, 2, n)])
    space = Recycled(np.random.default_rng(2).normal(size=(n, kept))) if kept else None
    solver = DeflatedCG(Jacobi() if scaled else None, Stopping(relative=1e-4), recycle=6, window=window)
    _, found, info = solver.solve(matrix, np.ones(n), space)
    assert info.converged and info.iterations > 12
    basis, values = found.basis, np.diag(seen[0].projected)[: found.dimension]
    inverse = np.diag(1 / np.diag(matrix)) if scaled else np.eye(n)
    np.testing.assert_allclose(basis.T @ matrix @ basis, np.eye(found.dimension), atol=1e-6)
    energy = basis.T @ matrix @ inverse @ matrix @ basis
    np.testing.assert_allclose(energy, np.diag(values), atol=1e-6 * values.max())


def test_it_finds_the_eigenvectors_of_the_smallest_values() -> None:
    values = np.concatenate([[0.01, 0.02, 0.03], np.linspace(1, 3, 97)])
    solver = DeflatedCG(recycle=6, window=15, stopping=Stopping(relative=1e-10))
    _, space, _ = solver.solve(np.diag(values), np.ones(100))
    orthonormal, _ = np.linalg.qr(space.basis)
    assert np.all(np.linalg.norm(orthonormal[:3], axis=1) > 1 - 1e-3)


@pytest.mark.parametrize("preconditioner", [None, Jacobi()])
def test_recycling_saves_iterations(darcy: Callable, preconditioner: Jacobi | None) -> None:
    systems = darcy(40, 6)
    plain = [info.iterations for _, info in solve_sequence(systems, CG(preconditioner))]
    infos = [info for _, info in solve_sequence(systems, DeflatedCG(preconditioner, recycle=15, window=30))]
    assert all(info.converged for info in infos)
    assert sum(info.iterations for info in infos[1:]) < 0.6 * np.sum(plain[1:])


def test_an_exact_invariant_space_takes_its_eigenvalues_out() -> None:
    values = np.concatenate([np.geomspace(1e-4, 1e-2, 6), np.linspace(1, 2, 94)])
    matrix, rhs = np.diag(values), np.ones(100)
    x, _, info = DeflatedCG().solve(matrix, rhs, Recycled(np.eye(100)[:, :6]))
    np.testing.assert_allclose(x, rhs / values, rtol=1e-6)
    assert info.iterations <= 15 < CG().solve(matrix, rhs)[2].iterations and info.recycled == 6


def test_dependent_directions_do_no_harm() -> None:
    matrix, rhs = spd(40, 3), np.ones(40)
    one = np.random.default_rng(4).normal(size=(40, 3))
    x, _, info = DeflatedCG().solve(matrix, rhs, Recycled(np.hstack([one, one])))
    assert info.converged
    np.testing.assert_allclose(x, np.linalg.solve(matrix, rhs), rtol=1e-5)


def test_a_direction_of_negative_energy_shows_an_indefinite_matrix() -> None:
    x, space, info = DeflatedCG().solve(np.diag([1.0, 2.0, -1.0]), np.ones(3), Recycled(np.eye(3)[:, 2:]))
    assert info.status is Status.INDEFINITE and info.iterations == 0 and info.residual == pytest.approx(1.0)
    assert np.all(x == 0) and space.dimension == 1


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="window at least 2"):
        DeflatedCG(window=1)
    with pytest.raises(ValueError, match="recycle at least 1"):
        DeflatedCG(recycle=0)
