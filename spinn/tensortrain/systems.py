"""Least-squares systems on tensor grids: A u - f for sums of Kronecker products, compressed axis by axis.

A residual is sum_k c_k (A_k1 x ... x A_kd) u - f. Three compressions leave its norm as it is, to rounding:

- along each axis the columns of all matrices and data are written in an orthonormal basis of their span (QR), so that
  the number of points no longer matters;
- the few distinct matrices of an axis are numbered, and the coefficients c, an array over these numbers with one entry
  a term, become a tensor train: a Laplacian of any number of axes has ranks of two (Kazeev, Khoromskij, SIAM J. Matrix
  Anal. Appl. 33 (2012) 742);
- the data f, a sum of products, becomes a tensor train too.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from spinn.networks.factorisations import pinv
from spinn.tensortrain.trains import Train, added, applied, from_products, mirrored, norm, rounded

Matrix = Float[np.ndarray, "_ _"]
OperatorCore = Float[np.ndarray, "_ _ _ _"]


@dataclasses.dataclass(frozen=True)
class Block:
    """One block of equations, A u = f: the cores of A, and f as a train; sizes are those of the compressed axes.

    `values`: per axis the matrix that takes features to the values of u there, (rows, columns), for a first guess.
    """

    operator: tuple[OperatorCore, ...]
    data: Train
    values: tuple[Matrix, ...]

    @functools.cached_property
    def size(self) -> float:
        """The norm of the data."""
        return norm(rounded(self.data, 0.0)[0])

    @functools.cached_property
    def strength(self) -> float:
        """The root mean square of the operator's singular values, by the norm of its coefficients."""
        columns = np.prod([core.shape[2] for core in self.operator], dtype=float)
        cores = tuple(core.reshape(core.shape[0], -1, core.shape[3]) for core in self.operator)
        return norm(rounded(cores, 1e-12)[0]) / float(np.sqrt(columns))

    def scaled(self, scale: float) -> "Block":
        """The equations times a number."""
        operator, data = (self.operator[0] * scale, *self.operator[1:]), (self.data[0] * scale, *self.data[1:])
        return Block(operator, data, self.values)

    def mirrored(self) -> "Block":
        """The same with the axes in reverse."""
        operator = tuple(core.transpose(3, 1, 2, 0) for core in reversed(self.operator))
        return Block(operator, mirrored(self.data), self.values[::-1])


def block(
    matrices: Sequence[Sequence[Matrix]],
    terms: Sequence[tuple[float, Sequence[int]]],
    data: Sequence[Sequence[Float[np.ndarray, " _"]]],
    known: Sequence[tuple[float, Sequence[int]]],
    values: Sequence[Matrix],
) -> Block:
    """The block A u - f.

    **Arguments:** `matrices`: the distinct matrices (rows, columns) of each axis; `terms`: coefficient and one number
    of a matrix an axis; `data`: the distinct vectors of each axis; `known`: the terms of f in the same way.
    """
    bases = [_basis([*axis, *(v[:, None] for v in vectors), value])
             for axis, vectors, value in zip(matrices, data, values, strict=True)]  # fmt: skip
    small = [[basis.T @ matrix for matrix in axis] for basis, axis in zip(bases, matrices, strict=True)]
    vectors = [[basis.T @ vector for vector in axis] for basis, axis in zip(bases, data, strict=True)]
    firsts = tuple(basis.T @ value for basis, value in zip(bases, values, strict=True))
    return Block(_operator(small, terms), data_train(vectors, known, [basis.shape[1] for basis in bases]), firsts)


def _basis(columns: Sequence[Matrix]) -> Matrix:
    """An orthonormal basis of the columns; the unit vectors where that is no shorter."""
    joined = np.concatenate(columns, 1)
    if joined.shape[1] >= joined.shape[0]:
        return np.eye(joined.shape[0])
    return np.linalg.qr(joined)[0]


def _operator(
    matrices: Sequence[Sequence[Matrix]], terms: Sequence[tuple[float, Sequence[int]]]
) -> tuple[OperatorCore, ...]:
    """The cores of the operator, by the train of its coefficients over the numbers of the matrices."""
    # Each matrix counts by its norm, so that rounding the coefficients is rounding the operator.
    sizes = [np.array([norm(matrix) or 1.0 for matrix in axis]) for axis in matrices]
    factors = []
    for axis, size in enumerate(sizes):
        chosen = np.zeros((len(size), len(terms)))
        numbers = [term[1][axis] for term in terms]
        chosen[numbers, np.arange(len(terms))] = size[numbers]
        factors.append(chosen)
    train = from_products(factors, np.array([coefficient for coefficient, _ in terms]))
    return tuple(
        np.einsum("akb,kmn->amnb", core / size[None, :, None], np.stack(axis))
        for core, size, axis in zip(train, sizes, matrices, strict=True)
    )


def data_train(
    vectors: Sequence[Sequence[np.ndarray]], known: Sequence[tuple[float, Sequence[int]]], sizes: Sequence[int]
) -> Train:
    """The data as a train; zeros of rank one where there are none."""
    if not known:
        return tuple(np.zeros((1, size, 1)) for size in sizes)
    factors = [np.stack([axis[term[1][i]] for term in known], 1) for i, axis in enumerate(vectors)]
    return from_products(factors, np.array([coefficient for coefficient, _ in known]))


def projected(blocks: Sequence[Block], ranks: int, tolerance: float = 1e-3) -> Train:
    """A first guess: the data of every block as the nearest combination of features, rounded. Its subspaces, not its
    size, are what matters: the first sweep finds the coefficients.
    """
    trains = [applied([pinv(value, 1e-10) for value in one.values], one.data) for one in blocks if one.size]
    if not trains:
        return tuple(np.zeros((1, value.shape[1], 1)) for value in blocks[0].values)
    return rounded(functools.reduce(added, trains), tolerance, ranks)
