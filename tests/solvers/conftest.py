"""Matrices that the tests of solvers share: the five-point -div(a grad u), and chains of them."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.fft
import scipy.sparse as sp

Systems = list[tuple[sp.csr_matrix, np.ndarray]]


def five_point(a: np.ndarray) -> sp.csr_matrix:
    """-div(a grad u) on the interior of a grid (n + 2, n + 2), zero on the boundary, harmonic means on faces."""
    n = a.shape[0] - 2
    across = 2 * a[1:, 1:-1] * a[:-1, 1:-1] / (a[1:, 1:-1] + a[:-1, 1:-1])
    along = 2 * a[1:-1, 1:] * a[1:-1, :-1] / (a[1:-1, 1:] + a[1:-1, :-1])
    diagonal = (across[1:] + across[:-1] + along[:, 1:] + along[:, :-1]).ravel()
    inner = -along[:, 1:].copy()
    inner[:, -1] = 0.0
    sides = [-across[1:-1].ravel(), inner.ravel()[:-1]]
    matrix = sp.diags([sides[0], sides[1], diagonal, sides[1], sides[0]], [-n, -1, 0, 1, n], shape=(n * n, n * n))
    return matrix.tocsr() * float((n + 1) ** 2)


def gaussian_field(n: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field (n + 2, n + 2) of unit variance, about."""
    k2 = np.pi**2 * np.add.outer(np.arange(n + 2) ** 2, np.arange(n + 2) ** 2)
    modes = rng.normal(size=(n + 2, n + 2)) / (k2 + 9.0)
    modes[0, 0] = 0.0
    field = scipy.fft.idctn(modes, norm="ortho")
    return field / field.std()


def darcy_chain(n: int, count: int, step: float, seed: int = 0) -> Iterator[np.ndarray]:
    """Coefficients exp(g) (n + 2, n + 2) in which g moves by `step`, relative, from one to the next."""
    rng = np.random.default_rng(seed)
    field = gaussian_field(n, rng)
    for _ in range(count):
        yield np.exp(field)
        field = np.sqrt(1 - step**2) * field + step * gaussian_field(n, rng)


@pytest.fixture(scope="session")
def darcy() -> Callable[..., Systems]:
    """Systems of `count` Darcy problems on n x n unknowns, the right side 1."""

    def systems(n: int, count: int, step: float = 0.1, seed: int = 0) -> Systems:
        return [(five_point(a), np.ones(n * n)) for a in darcy_chain(n, count, step, seed)]

    return systems


@pytest.fixture(scope="session", name="five_point")
def five_point_fixture() -> Callable[..., sp.csr_matrix]:
    return five_point


@pytest.fixture(scope="session", name="darcy_chain")
def darcy_chain_fixture() -> Callable[..., Iterator[np.ndarray]]:
    return darcy_chain
