"""Compressed blocks have the norms of the residuals that they stand for."""

import numpy as np
import pytest

from spinn.tensortrain import block, projected, residual_squares
from spinn.tensortrain.trains import from_products, norm


def random_train(sizes, rank, seed=0):
    draws = np.random.default_rng(seed)
    return from_products([draws.standard_normal((size, rank)) for size in sizes], np.ones(rank))


def dense(train):
    result = train[0]
    for core in train[1:]:
        result = np.tensordot(result, core, 1)
    return result.ravel()


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_residual_is_that_of_the_dense_system(system, axes):
    one, matrix, data, _ = system(axes=axes, consistent=False)
    train = random_train([4] * axes, 2)
    wanted = norm(matrix @ dense(train) - data) ** 2
    assert residual_squares([one], train)[0] == pytest.approx(wanted, rel=1e-11)
    assert residual_squares([one.mirrored()], tuple(c.transpose(2, 1, 0) for c in train[::-1]))[0] == pytest.approx(
        wanted, rel=1e-11
    )
    assert one.size == pytest.approx(norm(data), rel=1e-12)


def test_rows_shrink_to_the_columns_and_the_laplacian_to_rank_two(system):
    one, _, _, _ = system(axes=4, rows=12, columns=1, terms=1)
    assert all(core.shape[1] < 12 for core in one.operator)
    assert {core.shape[0] for core in one.operator[1:]} == {2}


def test_strength_is_the_mean_singular_value_and_scaling_scales_it(system):
    one, matrix, _, _ = system()
    wanted = norm(matrix) / np.sqrt(matrix.shape[1])
    assert one.strength == pytest.approx(wanted, rel=1e-12)
    assert one.scaled(3.0).strength == pytest.approx(3.0 * wanted)
    assert one.scaled(3.0).size == pytest.approx(3.0 * one.size)


def test_small_coefficients_survive_beside_large_matrices():
    large, small = 1e6 * np.eye(3), np.diag([1.0, 2.0, 3.0])
    one = block(
        [[large, np.eye(3)], [np.eye(3), small]], [(1.0, [0, 0]), (1e-4, [1, 1])], [[], []], [], [np.eye(3)] * 2
    )
    train = (np.ones((1, 3, 1)), np.array([1.0, 0.0, 0.0])[None, :, None])
    wanted = 3 * (1e6 + 1e-4) ** 2
    assert residual_squares([one], train)[0] == pytest.approx(wanted, rel=1e-14)


def test_first_guess_spans_the_data(system):
    one, _, data, _ = system(terms=1)
    guess = projected([one], 8)
    assert max(core.shape[2] for core in guess) <= 4
    assert projected([one], 1)[0].shape[2] == 1
    nothing = block([[np.eye(2)]] * 2, [(1.0, [0, 0])], [[], []], [], [np.eye(2)] * 2)
    assert all(not np.any(core) for core in projected([nothing], 8))
    assert nothing.size == 0.0
    assert norm(data) > 0.0
