"""Tensor trains: an array of many axes as a chain of cores (left rank, size, right rank).

    a[i_1, ..., i_d] = G_1[:, i_1, :] G_2[:, i_2, :] ... G_d[:, i_d, :]

with outer ranks of one (Oseledets, SIAM J. Sci. Comput. 33 (2011) 2295). Everything here costs O(d n r^3).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from spinn.networks.factorisations import svd

Core = Float[np.ndarray, "_ _ _"]
Train = tuple[Core, ...]


def from_products(factors: Sequence[Float[np.ndarray, "_ terms"]], scales: Float[np.ndarray, " terms"]) -> Train:
    """The train of sum_k scales[k] prod_i factors[i][:, k], with the fewest ranks that rounding tells apart."""
    carried = np.asarray(scales, float)[None, :]
    cores = []
    for factor in factors[:-1]:
        # Dependence among the terms is removed at once, so that ranks stay below both the terms and the sizes so far.
        columns = (carried[:, None, :] * factor[None, :, :]).reshape(-1, factor.shape[1])
        basis, carried = np.linalg.qr(columns)
        cores.append(basis.reshape(-1, factor.shape[0], basis.shape[1]))
    last = carried @ factors[-1].T
    return rounded((*cores, last[:, :, None]), 3e-14)


def rounded(train: Train, tolerance: float, ranks: int | None = None) -> Train:
    """The train with the least ranks for a relative error `tolerance` (and at most `ranks`); the last cores come out
    orthonormal, seen from the left.
    """
    cores = list(left_orthogonal(train))
    allowed = tolerance * norm(cores[-1]) / max(len(cores) - 1, 1) ** 0.5
    for index in range(len(cores) - 1, 0, -1):
        left, size, right = cores[index].shape
        u, s, v = svd(cores[index].reshape(left, size * right))
        kept = min(kept_values(s, allowed), ranks or len(s))
        cores[index] = v[:kept].reshape(kept, size, right)
        cores[index - 1] = np.tensordot(cores[index - 1], u[:, :kept] * s[:kept], 1)
    return tuple(cores)


def left_orthogonal(train: Train) -> Train:
    """The same array, with all cores but the last orthonormal as (left rank x size) by (right rank)."""
    cores, carried = [], np.eye(train[0].shape[0])
    for core in train[:-1]:
        core = np.tensordot(carried, core, 1)
        left, size, right = core.shape
        basis, carried = np.linalg.qr(core.reshape(left * size, right))
        cores.append(basis.reshape(left, size, -1))
    return (*cores, np.tensordot(carried, train[-1], 1))


def mirrored(train: Train) -> Train:
    """The train read from its other end."""
    return tuple(core.transpose(2, 1, 0) for core in reversed(train))


def added(first: Train, second: Train) -> Train:
    """The train of the sum; ranks add up."""
    if len(first) == 1:
        return (first[0] + second[0],)
    cores = []
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        if index == 0:
            cores.append(np.concatenate([a, b], 2))
        elif index == len(first) - 1:
            cores.append(np.concatenate([a, b], 0))
        else:
            core = np.zeros((a.shape[0] + b.shape[0], a.shape[1], a.shape[2] + b.shape[2]))
            core[: a.shape[0], :, : a.shape[2]] = a
            core[a.shape[0] :, :, a.shape[2] :] = b
            cores.append(core)
    return tuple(cores)


def applied(matrices: Sequence[Float[np.ndarray, "_ _"]], train: Train) -> Train:
    """One matrix (new size, size) an axis, applied to the train."""
    return tuple(np.einsum("mn,anb->amb", m, core) for m, core in zip(matrices, train, strict=True))


def axis_energies(train: Train) -> list[Float[np.ndarray, "_ _"]]:
    """For each axis rows whose squares sum to the energy of each index along it: the other axes are summed over."""
    result, cores = [], list(rounded(train, 0.0))
    for index, core in enumerate(cores):
        left, size, right = core.shape
        result.append(core.transpose(1, 0, 2).reshape(size, -1))
        if index + 1 < len(cores):
            carried = np.linalg.qr(core.reshape(left * size, right), mode="r")
            cores[index + 1] = np.tensordot(carried, cores[index + 1], 1)
    return result


def ranks(train: Train) -> tuple[int, ...]:
    """Ranks between neighbouring cores."""
    return tuple(core.shape[2] for core in train[:-1])


def norm(array: np.ndarray) -> float:
    """Root of the sum of squares."""
    return float(np.linalg.norm(array.ravel()))


def kept_values(singular: Float[np.ndarray, " _"], allowed: float) -> int:
    """How many singular values to keep, at least one, so that the root sum of squares of the others is `allowed`."""
    beyond = np.sqrt(np.cumsum(singular[::-1] ** 2)[::-1])
    return max(int(np.sum(beyond > allowed)), 1)
