"""Sums of products by alternating least squares."""

import numpy as np
import pytest

from spinn.tensortrain import Limits, factors_of, product_sweeps
from spinn.tensortrain.products import diagonal_train
from spinn.tensortrain.trains import norm


def dense(train):
    result = train[0]
    for core in train[1:]:
        result = np.tensordot(result, core, 1)
    return result.ravel()


@pytest.mark.parametrize(("axes", "terms"), [(1, 1), (2, 2), (3, 1), (3, 2)])
def test_products_are_found_and_counted(system, axes, terms):
    one, _, _, solution = system(axes=axes, terms=terms)
    *_, last = product_sweeps([one], None, Limits(sweeps=60))
    assert norm(dense(last.train) - solution) < 1e-8 * norm(solution)
    if axes > 1:
        assert terms <= factors_of(last.train)[0].shape[1] <= terms + 2


def test_rank_stays_below_its_limit(system):
    one, _, _, _ = system(axes=3, terms=3)
    *_, last = product_sweeps([one], None, Limits(sweeps=40, rank=2))
    assert factors_of(last.train)[0].shape[1] == 2
    assert last.residual > 1e-6


def test_a_start_is_gone_on_from(system):
    one, _, _, _ = system(axes=3, terms=1)
    *_, last = product_sweeps([one], None, Limits())
    again = next(product_sweeps([one], last.train, Limits()))
    assert again.number == 1
    assert again.residual < 1e-10


@pytest.mark.parametrize("axes", [1, 2, 4])
def test_diagonal_trains_hold_the_factors(axes):
    draws = np.random.default_rng(0)
    factors = [draws.standard_normal((3, 2)) for _ in range(axes)]
    train = diagonal_train(factors)
    letters = "abcd"[:axes]
    wanted = np.einsum(",".join(f"{a}z" for a in letters) + "->" + letters, *factors).ravel()
    np.testing.assert_allclose(dense(train), wanted, atol=1e-14)
    if axes > 1:
        for one, two in zip(factors_of(train), factors, strict=True):
            np.testing.assert_allclose(one, two)
