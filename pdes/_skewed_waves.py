"""Functions of many coordinates that vanish on the boundary of a box, with their Laplacians: manufactured solutions.

In scaled coordinates X_i in [0, 1] they are

    waves  prod_i sin(m pi X_i) (1 + mix sum_j 2 cos(m pi X_j)),  a sum of d + 1 products whose tensor-train rank is two
    skew   prod_i sin(m pi X_i) exp(X_i - 1/2),                   no eigenfunction of the Laplacian
"""

import functools
import math
import operator

from spinn.pdes._functions import cos, exp, sin


def skewed_waves(coordinates, domain, waves, mix, skew):
    """The function itself."""
    sines, doubled, skewed, _ = _factors(coordinates, domain, waves)
    mixed = [_product(sines, doubled, axis) for axis in range(len(sines))]
    return _product(sines) + mix * _sum(mixed) + skew * _product(skewed)


def minus_laplacian(coordinates, domain, waves, mix, skew):
    """Minus its Laplacian: products of sines times the sums of their squared wave numbers; the rest axis by axis."""
    sines, doubled, skewed, bent = _factors(coordinates, domain, waves)
    squares = [(waves * math.pi / _length(domain, axis)) ** 2 for axis in domain]
    mixed = [(sum(squares) + 3 * squares[axis]) * _product(sines, doubled, axis) for axis in range(len(sines))]
    curved = [_product(skewed, bent, axis) for axis in range(len(sines))]
    return sum(squares) * _product(sines) + mix * _sum(mixed) - skew * _sum(curved)


def _factors(coordinates, domain, waves):
    """Of every axis: sin(m pi X), sin(2 m pi X), sin(m pi X) exp(X - 1/2), and its second derivative."""
    k = waves * math.pi
    scaled = [(x - domain[axis][0]) / _length(domain, axis) for x, axis in zip(coordinates, domain, strict=True)]
    sines, doubled = [sin(k * one) for one in scaled], [sin(2 * k * one) for one in scaled]
    skewed = [sin(k * one) * exp(one - 0.5) for one in scaled]
    bent = [
        ((1 - k**2) * sin(k * one) + 2 * k * cos(k * one)) * exp(one - 0.5) / _length(domain, axis) ** 2
        for one, axis in zip(scaled, domain, strict=True)
    ]
    return sines, doubled, skewed, bent


def _length(domain, axis):
    low, high = domain[axis]
    return high - low


def _product(factors, others=(), axis=-1):
    """The product over the axes, with another factor on one of them."""
    return functools.reduce(operator.mul, [others[i] if i == axis else factor for i, factor in enumerate(factors)])


def _sum(parts):
    return functools.reduce(operator.add, parts)
