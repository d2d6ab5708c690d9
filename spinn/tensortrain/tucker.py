"""The Tucker form of a tensor train: a subspace for every axis, by HOSVD, and the core in them.

    a[i_1, ..., i_d] = sum_k  core[k_1, ..., k_d] U_1[i_1, k_1] ... U_d[i_d, k_d]

with orthonormal columns in every U (De Lathauwer et al. 2000). No more than the core is ever formed.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from spinn.networks.factorisations import svd
from spinn.tensortrain.alternating import residual_squares
from spinn.tensortrain.systems import Block
from spinn.tensortrain.trains import Train, applied, axis_energies, kept_values, norm

Basis = Float[np.ndarray, "_ _"]  # (size, rank)
DIGITS = range(4, 15)  # of the tolerances that are tried
WORSE = 1.5  # times the residual of the train that the rounded one may have


def tucker_bases(train: Train, axes: int, tolerance: float) -> list[Basis]:
    """Bases of the last `axes` axes, of the least ranks for a relative error `tolerance`."""
    bases = []
    for rows in axis_energies(train)[-axes:]:
        left, values, _ = svd(rows)
        bases.append(left[:, : kept_values(values, tolerance * norm(rows) / math.sqrt(axes))])
    return bases


def tucker_core(train: Train, bases: Sequence[Basis]) -> Float[np.ndarray, "..."]:
    """The core of a train in bases of its last axes; the axes before these are kept whole."""
    result = np.ones((1, 1))
    for core in _projected(train, [basis.T for basis in bases]):
        result = np.tensordot(result, core, 1)
    return result[0, ..., 0]


def least_bases(blocks: Sequence[Block], train: Train, axes: int) -> list[Basis]:
    """Bases of the last axes, of the least ranks that leave the residual of a least-squares system nearly as it is."""
    allowed = WORSE**2 * sum(residual_squares(blocks, train))
    for digits in DIGITS:
        bases = tucker_bases(train, axes, 10.0**-digits)
        rounded = _projected(train, [basis @ basis.T for basis in bases])
        if sum(residual_squares(blocks, rounded)) <= allowed:
            return bases
    return tucker_bases(train, axes, 0.0)


def _projected(train: Train, matrices: Sequence[Float[np.ndarray, "_ _"]]) -> Train:
    """The train with a matrix applied to each of its last axes."""
    first = len(train) - len(matrices)
    return (*train[:first], *applied(matrices, train[first:]))
