"""Batched GCRO-DR: solutions of the SciPy path, recycling along chains, indefinite operators, failures by sample."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.solvers import (
    GCRODR,
    BatchedGCRODR,
    Status,
    Stencil,
    Stopping,
    harmonic_stencil,
    solve_sequence,
)
from spinn.solvers.batched import fast_poisson
from spinn.solvers.batched.arnoldi import arnoldi, least_squares, mixed, twice_orthonormal
from spinn.solvers.batched.gcrodr import Space, gcrodr
from spinn.solvers.batched.outcome import Rule, begin

pytestmark = pytest.mark.usefixtures("quick_compile")

N = 16
H = (1 / (N + 1),) * 2
SMALL = BatchedGCRODR(restart=16, recycle=8)


@pytest.fixture
def chains(darcy_chain) -> np.ndarray:
    return np.stack([np.stack(list(darcy_chain(N, 4, 0.03, seed=seed))) for seed in range(3)])


def test_it_equals_the_solver_of_single_systems_and_recycles_as_well(chains: np.ndarray, five_point) -> None:
    rhs = np.ones((3, 4, N, N))
    x, info = SMALL.solve(harmonic_stencil(chains, H), rhs)
    assert info.converged.all() and info.residuals.shape == (3, 4)
    for chain in range(3):
        systems = [(five_point(a), np.ones(N * N)) for a in chains[chain]]
        found = list(solve_sequence(systems, GCRODR(restart=16, recycle=8)))
        for step, ((matrix, b), (alone, _)) in enumerate(zip(systems, found, strict=True)):
            np.testing.assert_allclose(x[chain, step].ravel(), alone, rtol=1e-5, atol=1e-9)
            true = np.linalg.norm(b - matrix @ x[chain, step].ravel()) / np.linalg.norm(b)
            assert info.residuals[chain, step] == pytest.approx(true, rel=1e-4) and true <= 1e-8
        assert info.iterations[chain].sum() < 1.25 * sum(one.iterations for _, one in found)
    cold = SMALL.solve(harmonic_stencil(chains.reshape(12, 1, N + 2, N + 2), H), rhs.reshape(12, 1, N, N))[1]
    assert info.iterations[:, 1:].sum() < 0.85 * cold.iterations.reshape(3, 4)[:, 1:].sum()
    np.testing.assert_array_equal(info.iterations[:, 0], cold.iterations.reshape(3, 4)[:, 0])


def test_an_indefinite_operator_with_the_scaled_preconditioner(chains: np.ndarray, five_point) -> None:
    operator = harmonic_stencil(chains, H, reaction=np.full((3, 4, N, N), -50.0))
    matrix = five_point(chains[0, 0]).toarray() - 50.0 * np.eye(N * N)
    assert np.linalg.eigvalsh(matrix)[0] < -1.0
    rhs = np.random.default_rng(0).normal(size=(3, 4, N, N))
    inverse = fast_poisson((N, N), H, chains[..., 1:-1, 1:-1])
    x, info = SMALL.solve(operator, rhs, inverse)
    assert info.converged.all()
    np.testing.assert_allclose(matrix @ x[0, 0].ravel(), rhs[0, 0].ravel(), atol=1e-6)
    plain = SMALL.solve(operator, rhs)[1]
    assert info.iterations.sum() < 0.6 * plain.iterations.sum()


def test_the_space_has_orthonormal_images() -> None:
    with jax.enable_x64(True):
        rng = np.random.default_rng(2)
        matrices = jnp.asarray(rng.normal(size=(2, 60, 60)) + 12 * np.eye(60))
        b = jnp.asarray(rng.normal(size=(2, 60)))
        none = jnp.zeros((2, 4, 60))
        goal = Rule(jnp.asarray(1e-8), jnp.asarray(0.0), jnp.asarray(500)).goal(b)

        def product(u):
            return jnp.einsum("bij,bj->bi", matrices, u)

        end, space = gcrodr(product, lambda u: u / 3.0, b, Space(none, none, none), goal, 6)
        images = jnp.einsum("bij,bkj->bki", matrices, space.basis)
        np.testing.assert_allclose(images, space.images, atol=1e-10)
        gram = jnp.einsum("bjn,bkn->bjk", space.images, space.images)
        np.testing.assert_allclose(gram, np.stack([np.eye(4)] * 2), atol=1e-12)
        np.testing.assert_allclose(space.preconditioned, 3.0 * space.basis, rtol=1e-8)
        np.testing.assert_allclose(end.x, np.linalg.solve(matrices, b[..., None])[..., 0], rtol=1e-6, atol=1e-8)
        again = gcrodr(product, lambda u: u / 3.0, b + 0.1, space, goal, 6)[0]
        assert np.all(again.iterations < end.iterations)


def test_the_krylov_basis_is_orthonormal_on_an_ill_conditioned_matrix() -> None:
    with jax.enable_x64(True):
        values = jnp.asarray(np.geomspace(1e-6, 1.0, 40))
        b = jnp.asarray(np.random.default_rng(5).normal(size=(2, 40)))
        goal = Rule(jnp.asarray(0.0), jnp.asarray(0.0), jnp.asarray(100)).goal(b)
        end = arnoldi(lambda u: values * u, lambda u: u, begin(b, goal), jnp.zeros((2, 1, 40)), b, goal, 20)
        basis = end.images[:, 1:]
        np.testing.assert_allclose(basis @ jnp.swapaxes(basis, 1, 2), np.stack([np.eye(21)] * 2), atol=1e-13)


def test_every_failure_has_a_status_and_leaves_the_others_alone(chains: np.ndarray) -> None:
    good = harmonic_stencil(chains, H)
    shift = np.zeros((3, 4, N, N))
    shift[1, 1, 2, 2] = np.nan
    rhs = np.ones((3, 4, N, N))
    rhs[2, 0, 0, 0], rhs[2, 1] = np.nan, 0.0
    x, info = SMALL.solve(Stencil(good.faces, shift), rhs)
    expected = np.full((3, 4), "converged", dtype=object)
    expected[1, 1] = expected[2, 0] = "not finite"
    np.testing.assert_array_equal(info.statuses, expected)
    assert np.all(np.isfinite(x)) and info.residuals[1, 1] <= 1.0 and info.residuals[2, 1] == 0.0
    np.testing.assert_allclose(x[0], SMALL.solve(good, np.ones((3, 4, N, N)))[0][0], rtol=1e-6)


def test_limit_and_stagnation(chains: np.ndarray) -> None:
    operator, rhs = harmonic_stencil(chains, H), np.ones((3, 4, N, N))
    info = BatchedGCRODR(Stopping(max_iterations=11), restart=16, recycle=8).solve(operator, rhs)[1]
    assert np.all(info.statuses == Status.LIMIT) and np.all(info.iterations == 11)
    assert np.all(info.residuals <= 1.0)
    info = BatchedGCRODR(Stopping(relative=1e-25), restart=16, recycle=8).solve(operator, rhs)[1]
    assert np.all(info.statuses == Status.STAGNATED) and np.all(info.residuals < 1e-11)


def test_orthonormal_rows_and_dependent_ones_zero() -> None:
    with jax.enable_x64(True):
        rows = np.random.default_rng(3).normal(size=(1, 4, 30)) * np.array([1, 1e-6, 1e6, 1])[:, None]
        rows[0, 3] = rows[0, 0] + rows[0, 1]
        found = mixed(twice_orthonormal(jnp.asarray(rows)), jnp.asarray(rows))
        gram = np.einsum("jn,kn->jk", found[0], found[0])
        assert np.sum(np.diag(gram)) == pytest.approx(3.0, abs=1e-10)
        np.testing.assert_allclose(gram @ gram, gram, atol=1e-10)


def test_least_squares_with_absent_columns() -> None:
    with jax.enable_x64(True):
        rng = np.random.default_rng(4)
        matrix, rhs = rng.normal(size=(2, 7, 5)), rng.normal(size=(2, 7))
        matrix[1, :, 2] = 0.0
        y = least_squares(jnp.asarray(matrix), jnp.asarray(rhs))
        for sample in range(2):
            expected = np.linalg.lstsq(matrix[sample], rhs[sample], rcond=None)[0]
            np.testing.assert_allclose(y[sample], expected, rtol=1e-9, atol=1e-12)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="recycle between 1 and 39, got 40"):
        BatchedGCRODR(recycle=40)
    with pytest.raises(ValueError, match="2 axes of samples before the grid"):
        SMALL.solve(harmonic_stencil(np.ones((2, 6, 6)), (1.0, 1.0)), np.ones((2, 4, 4)))
