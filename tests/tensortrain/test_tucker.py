"""Trains as Tucker cores: the same arrays, the ranks that these have, and no more than the residual allows lost."""

import functools

import numpy as np
import pytest

from spinn.tensortrain import block, residual_squares
from spinn.tensortrain.trains import Train, added, from_products, norm
from spinn.tensortrain.tucker import least_bases, tucker_bases, tucker_core

SIZES = (6, 7, 5, 8)


def dense(train):
    """The array of a train."""
    return functools.reduce(lambda a, b: np.tensordot(a, b, 1), train)[0, ..., 0]


def spread(core, bases):
    """The array of a Tucker core; its last axes are those of the bases."""
    for number, basis in enumerate(bases):
        place = core.ndim - len(bases) + number
        core = np.moveaxis(np.tensordot(basis, core, ((1,), (place,))), 0, place)
    return core


def of_ranks(ranks, seed=0) -> Train:
    """A train of an array whose multilinear ranks are known."""
    draws = np.random.default_rng(seed)
    core = draws.standard_normal(ranks)
    bases = [np.linalg.qr(draws.standard_normal((size, rank)))[0] for size, rank in zip(SIZES, ranks, strict=True)]
    places = list(np.ndindex(*ranks))
    factors = [basis[:, [place[axis] for place in places]] for axis, basis in enumerate(bases)]
    return from_products(factors, np.array([core[place] for place in places]))


def test_the_core_is_the_train_in_the_ranks_that_it_has():
    train = of_ranks((2, 3, 1, 3))
    bases = tucker_bases(train, 4, 1e-10)
    assert [basis.shape[1] for basis in bases] == [2, 3, 1, 3]
    for basis in bases:
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-13)
    np.testing.assert_allclose(spread(tucker_core(train, bases), bases), dense(train), atol=1e-12 * norm(dense(train)))


def test_axes_before_the_last_ones_stay_whole():
    train = of_ranks((2, 3, 1, 3))
    bases = tucker_bases(train, 3, 1e-10)
    core = tucker_core(train, bases)
    assert core.shape == (SIZES[0], 3, 1, 3)
    np.testing.assert_allclose(spread(core, bases), dense(train), atol=1e-12 * norm(dense(train)))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_rounding_loses_no_more_than_it_may(tolerance):
    factors = [np.random.default_rng(axis).standard_normal((size, 6)) for axis, size in enumerate(SIZES)]
    train = from_products(factors, 10.0 ** -np.arange(6))
    bases = tucker_bases(train, 4, tolerance)
    assert min(basis.shape[1] for basis in bases) < 6
    lost = spread(tucker_core(train, bases), bases) - dense(train)
    assert norm(lost) <= tolerance * norm(dense(train))


def test_the_least_ranks_leave_the_residual_nearly_as_it_is():
    """x = data, which the train solves up to what is far below its smallest part that counts."""
    wanted = of_ranks((2, 3, 2, 3))
    factors = [np.random.default_rng(9).standard_normal((size, 1)) for size in SIZES]
    noise = from_products(factors, np.array([1e-9]))
    array = dense(wanted)
    vectors = [[np.eye(size)[:, i] for i in range(size)] for size in SIZES]
    known = [(float(array[place]), list(place)) for place in np.ndindex(*SIZES)]
    matrices = [[np.eye(size)] for size in SIZES]
    system = [block(matrices, [(1.0, [0] * 4)], vectors, known, [np.eye(size) for size in SIZES])]
    train = added(wanted, noise)
    assert norm(dense(train) - array) > 1e-9
    bases = least_bases(system, train, 4)
    assert [basis.shape[1] for basis in bases] == [2, 3, 2, 3]
    before = np.sqrt(sum(residual_squares(system, train)))
    rounded = spread(tucker_core(train, bases), bases)
    assert norm(rounded - array) <= 1.6 * before
