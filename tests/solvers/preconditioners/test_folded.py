"""Folded sine transforms against SciPy's, and themselves: lengths even and odd, both precisions."""

import numpy as np
import pytest
import scipy.fft

from spinn.solvers import FastPoisson
from spinn.solvers.preconditioners.folded import FOLDED, diagonal_in_sines, folds, halves

SHAPES = [(126, 126), (125, 126), (98, 81), (5, 4), (2, 7), (1, 3)]
ROUNDING = {np.float64: 1e-13, np.float32: 1e-5}


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_transform_is_its_own_inverse(shape, dtype) -> None:
    r = np.random.default_rng(0).standard_normal(np.prod(shape))
    given = r.copy()
    twice = diagonal_in_sines(np.ones(shape, dtype))(r)
    assert twice.dtype == np.float64 and np.array_equal(r, given)
    np.testing.assert_allclose(twice, r, atol=ROUNDING[dtype] * np.abs(r).max())


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_one_of_scipy(shape, dtype) -> None:
    random = np.random.default_rng(1)
    r, d = random.standard_normal(shape), random.uniform(0.5, 2.0, shape)
    modes = d * scipy.fft.dstn(r, type=1, norm="ortho")
    wanted = scipy.fft.dstn(modes, type=1, norm="ortho").ravel()
    found = diagonal_in_sines(d.astype(dtype))(r.ravel())
    np.testing.assert_allclose(found, wanted, atol=ROUNDING[dtype] * np.abs(wanted).max())


def test_halves_are_half_the_work() -> None:
    parts = halves(126, "float64")
    assert parts.even.shape == parts.odd.shape == (63, 63)
    assert [part.shape for part in halves(5, "float32")[:2]] == [(3, 3), (2, 2)]


def test_where_it_pays() -> None:
    assert folds((126, 126)) and folds((FOLDED, 300))
    assert not folds((127, 127))  # an FFT is faster
    assert not folds((FOLDED - 1, 126)) and not folds((126,)) and not folds((126, 126, 126))


@pytest.mark.parametrize("size", [1e-200, 1e-40, 1.0, 1e40, 1e200])
@pytest.mark.parametrize("weight", [1e-60, 1.0, 1e60])
@pytest.mark.parametrize("shape", [(90, 81), (9, 8)])
def test_single_precision_serves_vectors_and_matrices_of_any_size(shape, weight: float, size: float) -> None:
    r = np.random.default_rng(2).standard_normal(np.prod(shape))
    plain, single = (
        FastPoisson(shape, (scale, 2.0 * scale), single=low).build(np.broadcast_to(0.0, (r.size, r.size)))
        for scale, low in ((1.0, False), (weight, True))
    )
    wanted = plain(r)
    np.testing.assert_allclose(single(size * r) * weight / size, wanted, atol=1e-5 * np.abs(wanted).max())
