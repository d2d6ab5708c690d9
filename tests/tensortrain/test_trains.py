"""Tensor trains against the arrays that they stand for."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.tensortrain.trains import (
    added,
    applied,
    axis_energies,
    from_products,
    mirrored,
    norm,
    ranks,
    rounded,
)


def dense(train):
    """The array of a train."""
    return functools.reduce(lambda a, b: np.tensordot(a, b, 1), train)[0, ..., 0]


def products(sizes, terms, seed=0):
    draws = np.random.default_rng(seed)
    return [draws.standard_normal((size, terms)) for size in sizes], draws.standard_normal(terms)


def summed(factors, scales):
    letters = "abcdefg"[: len(factors)]
    return np.einsum(",".join(f"{a}z" for a in letters) + ",z->" + letters, *factors, scales)


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), terms=st.integers(1, 9), seed=st.integers(0, 99))
def test_products_become_a_train_of_the_same_array(sizes, terms, seed):
    factors, scales = products(sizes, terms, seed)
    array = summed(factors, scales)
    train = from_products(factors, scales)
    np.testing.assert_allclose(dense(train), array, atol=1e-12 * max(norm(array), 1.0))
    assert all(rank <= terms for rank in ranks(train))


def test_a_sum_over_the_axes_has_rank_two_whatever_their_number():
    d = 8
    factors = [np.stack([np.array([1.0, 3.0]) if i == k else np.ones(2) for k in range(d)], 1) for i in range(d)]
    assert ranks(from_products(factors, np.ones(d))) == (2,) * (d - 1)


@pytest.mark.parametrize("tolerance", [1e-1, 1e-4, 1e-12])
def test_rounding_keeps_its_tolerance_and_leaves_cores_orthonormal(tolerance):
    factors, _ = products((5, 6, 7, 4), 6)
    train = from_products(factors, 10.0 ** -np.arange(6))
    small = rounded(train, tolerance)
    assert norm(dense(small) - dense(train)) <= tolerance * norm(dense(train))
    for core in small[1:]:
        rows = core.reshape(core.shape[0], -1)
        np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-12)
    assert max(ranks(rounded(train, 0.0, ranks=2))) == 2


def test_sums_mirrors_and_matrices_act_on_the_array():
    one, two = (from_products(*products((3, 4, 2), 2, seed)) for seed in (1, 2))
    np.testing.assert_allclose(dense(added(one, two)), dense(one) + dense(two), atol=1e-12)
    np.testing.assert_allclose(dense(mirrored(one)), dense(one).T, atol=1e-12)
    matrices = [np.random.default_rng(i).standard_normal((5, size)) for i, size in enumerate((3, 4, 2))]
    wanted = np.einsum("ai,bj,ck,ijk->abc", *matrices, dense(one))
    np.testing.assert_allclose(dense(applied(matrices, one)), wanted, atol=1e-12)


def test_energies_are_those_of_the_slices():
    train = from_products(*products((3, 4, 5), 3))
    array = dense(train)
    for axis, rows in enumerate(axis_energies(train)):
        others = tuple(i for i in range(3) if i != axis)
        np.testing.assert_allclose(np.sum(rows**2, 1), np.sum(array**2, others), rtol=1e-11)
