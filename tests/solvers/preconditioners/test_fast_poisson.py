"""Sine transforms: exact where coefficients are constant, and few iterations whatever the grid where they are not."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from spinn.solvers import FastPoisson

GRIDS = [((9,), (3.0,)), ((7, 5), (1.0, 4.0)), ((4, 3, 5), (2.0, 1.0, 0.5)), ((6, 1), (1.0, 2.0))]


@pytest.mark.parametrize(("shape", "weights"), GRIDS)
@pytest.mark.parametrize("scaled", [False, True])
def test_exact_for_constant_coefficients(laplacian: Callable, shape, weights, scaled: bool) -> None:
    matrix = laplacian(shape, weights)
    x = np.random.default_rng(0).standard_normal(matrix.shape[0])
    apply = FastPoisson(shape, scaled=scaled).build(matrix)
    np.testing.assert_allclose(apply(matrix @ x), x, atol=1e-12)


@pytest.mark.parametrize(("shape", "weights"), GRIDS)
def test_exact_with_a_shift_and_without_entries(laplacian: Callable, shape, weights) -> None:
    matrix = laplacian(shape, weights) - 0.37 * scipy.sparse.eye_array(np.prod(shape))
    x = np.random.default_rng(1).standard_normal(matrix.shape[0])
    apply = FastPoisson(shape, weights, shift=-0.37).build(aslinearoperator(matrix))
    np.testing.assert_allclose(apply(matrix @ x), x, atol=1e-11)
    if min(shape) > 1:  # else shift and weight of the lone node are one number
        apply = FastPoisson(shape, shift=None).build(matrix)
        np.testing.assert_allclose(apply(matrix @ x), x, atol=1e-11)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.floats(0.0, 10.0), st.integers(0, 99))
def test_symmetric_and_positive(shape: list[int], shift: float, seed: int) -> None:
    size = int(np.prod(shape))
    diagonal = scipy.sparse.diags_array(np.random.default_rng(seed).uniform(0.1, 10.0, size), format="csr")
    apply = FastPoisson(tuple(shape), (1.5,) * len(shape), shift, scaled=True).build(diagonal)
    found = np.stack([apply(column) for column in np.eye(size)], axis=1)
    np.testing.assert_allclose(found, found.T, atol=1e-12 * np.abs(found).max())
    assert np.linalg.eigvalsh(found).min() > 0.0


def test_iterations_do_not_grow_with_the_grid_and_scaling_helps_smooth_coefficients(
    laplacian: Callable, scipy_cg: type
) -> None:
    counts = {}
    for number in (15, 31):
        along = np.linspace(0.0, 1.0, number)
        scale = np.exp(2.0 * np.sin(4.0 * along)[:, None] * np.cos(3.0 * along)).reshape(-1)
        root = scipy.sparse.diags_array(np.sqrt(scale))
        matrix = scipy.sparse.csr_array(root @ laplacian((number, number)) @ root)
        matrix += 0.02 * scipy.sparse.diags_array(scale) / number
        for scaled in (False, True):
            recipe = FastPoisson((number, number), scaled=scaled)
            counts[number, scaled] = scipy_cg(recipe).solve(matrix, np.ones(number**2))[2].iterations
    assert counts[31, False] <= 1.25 * counts[15, False]
    assert counts[31, True] < 0.4 * counts[31, False]


def test_mistakes_say_what_to_do(laplacian: Callable) -> None:
    with pytest.raises(ValueError, match="interior nodes"):
        FastPoisson((3, 4)).build(laplacian((3, 3)))
    with pytest.raises(ValueError, match="1 to 3 dimensions"):
        FastPoisson((2, 2, 2, 2))
    with pytest.raises(ValueError, match="2 positive weights"):
        FastPoisson((2, 2), (1.0,))
    with pytest.raises(ValueError, match="matrix-free"):
        FastPoisson((3, 3)).build(aslinearoperator(laplacian((3, 3))))
    with pytest.raises(np.linalg.LinAlgError, match="change the shift"):
        FastPoisson((1,), (1.0,), shift=-2.0).build(np.eye(1))
    with pytest.raises(np.linalg.LinAlgError, match="give weights"):
        FastPoisson((3, 3)).build(-laplacian((3, 3)))
