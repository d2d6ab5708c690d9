"""Random Chebyshev sums are polynomials of the degree asked for."""

import numpy as np

from spinn.data import ChebyshevSum, generator


def test_it_is_a_polynomial_of_its_degree() -> None:
    x = np.linspace(2, 5, 12)
    values = ChebyshevSum(terms=5).sample(generator(0, 0), ((2.0, 5.0), (0.0, 1.0)), (x, np.linspace(0, 1, 3)))
    fit = np.polynomial.Polynomial.fit(x, values[:, 1], 4)
    assert np.allclose(fit(x), values[:, 1])
    assert not np.allclose(np.polynomial.Polynomial.fit(x, values[:, 1], 3)(x), values[:, 1])


def test_coefficients_have_the_variance_asked_for() -> None:
    """At X = 1 every T_i is 1: the variance of 2000 draws is 5 scale^2, to 5 standard errors."""
    draws = [ChebyshevSum(5, 2.0).sample(generator(0, i), ((0.0, 1.0),), (np.ones(1),))[0] for i in range(2000)]
    assert abs(np.var(draws) / 20 - 1) < 5 * np.sqrt(2 / 2000)
