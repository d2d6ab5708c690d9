"""Sine transforms by product and by FFT are the same thing."""

import numpy as np
import pytest
import scipy.fft

from spinn.solvers.preconditioners.sines import by_product, largest_factor, sine_transform


@pytest.mark.parametrize("shape", [(5,), (126,), (127, 126), (9, 126, 4), (3, 119, 127)])
def test_both_ways_agree(shape):
    grid = np.random.default_rng(0).normal(size=shape)
    wanted = scipy.fft.dstn(grid, type=1, norm="ortho")
    np.testing.assert_allclose(sine_transform(grid), wanted, atol=1e-12 * np.abs(wanted).max())
    np.testing.assert_allclose(sine_transform(sine_transform(grid)), grid, atol=1e-12 * np.abs(grid).max())


def test_precision_is_kept():
    grid = np.ones((126, 127), dtype=np.float32)
    assert sine_transform(grid).dtype == np.float32


def test_which_lengths_suit_an_fft():
    assert [largest_factor(n) for n in (2, 12, 127, 128, 254)] == [2, 3, 127, 2, 127]
    assert by_product(126) and not by_product(127) and by_product(46) and not by_product(5000)
