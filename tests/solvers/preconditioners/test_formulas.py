"""Preconditioners against the dense matrices that they are defined as."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.solvers import ILU, SSOR, BlockJacobi, Jacobi


def dense(preconditioner: object, matrix: object) -> np.ndarray:
    apply = preconditioner.build(matrix)
    return np.stack([apply(column) for column in np.eye(matrix.shape[0])], axis=1)


def definite(size: int, seed: int, density: float = 0.4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((size, size)) * (rng.random((size, size)) < density)
    return half @ half.T + 0.1 * np.eye(size)


def ssor_matrix(matrix: np.ndarray, omega: float) -> np.ndarray:
    diagonal, lower, upper = np.diag(np.diag(matrix)), np.tril(matrix, -1), np.triu(matrix, 1)
    left, right = diagonal / omega + lower, diagonal / omega + upper
    return omega / (2.0 - omega) * left @ np.linalg.inv(diagonal) @ right


@pytest.mark.parametrize("omega", [0.5, 1.0, 1.7])
def test_ssor_is_its_matrix_also_where_a_is_not_symmetric(omega: float) -> None:
    matrix = definite(12, 0) + np.triu(np.random.default_rng(1).standard_normal((12, 12)), 1)
    found = dense(SSOR(omega), scipy.sparse.csr_array(matrix))
    np.testing.assert_allclose(found @ ssor_matrix(matrix, omega), np.eye(12), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 15), st.floats(0.05, 1.95), st.integers(0, 2**20))
def test_symmetric_and_positive_with_the_matrix(size: int, omega: float, seed: int) -> None:
    matrix = scipy.sparse.csr_array(definite(size, seed))
    for preconditioner in (SSOR(omega), Jacobi(), BlockJacobi(size=4)):
        found = dense(preconditioner, matrix)
        scale = np.abs(found).max()
        np.testing.assert_allclose(found, found.T, atol=1e-10 * scale)
        assert np.linalg.eigvalsh(found).min() > -1e-10 * scale


def test_jacobi_divides_by_the_diagonal() -> None:
    matrix = definite(7, 2)
    np.testing.assert_allclose(dense(Jacobi(), scipy.sparse.csr_array(matrix)), np.diag(1.0 / np.diag(matrix)))


@pytest.mark.parametrize("size", [1, 3, 5, 10, 64])
def test_blocks_are_inverted_also_where_the_last_is_smaller(size: int) -> None:
    matrix = definite(10, 3)
    blocks = np.where(np.arange(10)[:, None] // size == np.arange(10) // size, matrix, 0.0)
    np.testing.assert_allclose(dense(BlockJacobi(size), matrix), np.linalg.inv(blocks), atol=1e-9)


def test_ilu_that_drops_nothing_is_the_inverse(laplacian: Callable) -> None:
    matrix = laplacian((6, 5))
    found = dense(ILU(drop=0.0, fill=50.0), matrix)
    np.testing.assert_allclose(found @ matrix.toarray(), np.eye(30), atol=1e-11)


def test_ilu_without_fill_is_small_and_still_of_use(laplacian: Callable) -> None:
    matrix = laplacian((20, 20))
    for recipe, bound in ((ILU.without_fill(), 0.98), (ILU(), 0.5)):
        error = np.eye(400) - dense(recipe, matrix) @ matrix.toarray()
        assert np.abs(np.linalg.eigvals(error)).max() < bound
    assert ILU.without_fill().build(matrix).__self__.nnz < 1.5 * matrix.nnz


@pytest.mark.parametrize("recipe", [Jacobi(), SSOR(1.2), ILU(), BlockJacobi(2)])
def test_what_has_no_inverse_is_a_linear_algebra_error(recipe: object) -> None:
    matrix = scipy.sparse.csr_array(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 2.0]]))
    with pytest.raises(np.linalg.LinAlgError):
        recipe.build(matrix)
    with pytest.raises(np.linalg.LinAlgError):
        recipe.build(matrix * np.nan)


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="0 < omega < 2"):
        SSOR(2.0)
    with pytest.raises(ValueError, match="rows a block"):
        BlockJacobi(0)
    with pytest.raises(ValueError, match="fill >= 1"):
        ILU(fill=0.5)
    with pytest.raises(ValueError, match="FastPoisson"):
        Jacobi().build(scipy.sparse.linalg.aslinearoperator(np.eye(3)))
    with pytest.raises(ValueError, match="square"):
        SSOR().build(np.ones((2, 3)))


def test_the_matrix_is_left_as_it_was() -> None:
    unsorted = scipy.sparse.csr_array((np.array([1.0, 4.0, 4.0, 1.0]), np.array([1, 0, 1, 0]), np.array([0, 2, 4])))
    before = unsorted.indices.copy()
    for recipe in (Jacobi(), SSOR(), ILU(), BlockJacobi()):
        recipe.build(unsorted)
    np.testing.assert_array_equal(unsorted.indices, before)
