"""Diagonals: the same product as the matrix that they were read off, whatever its stencil."""

import jax
import numpy as np
import pytest
import scipy.sparse as sp

from spinn.data import ConvectionDiffusion2D, Darcy2D, Darcy3D, Helmholtz2D
from spinn.solvers.batched import diagonals

FAMILIES = [
    Darcy2D(grid=(9, 12)), Darcy2D(grid=(9, 12), order=4), Darcy3D(grid=(5, 6, 7)), Helmholtz2D(grid=(9, 7)),
    ConvectionDiffusion2D(grid=(8, 9)),
]  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: f"{one.name}-{one.order}")
def test_products_are_those_of_the_matrices(family) -> None:
    systems = [family.system(family.parameters(0, index)) for index in range(3)]
    shape = systems[0].shape
    operator = diagonals([systems[0].matrix, None, systems[1].matrix, systems[2].matrix], shape)
    assert operator.grid == shape
    u = np.random.default_rng(0).normal(size=(4, *shape))
    with jax.enable_x64(True):
        found = np.asarray(operator(u))
    assert not found[1].any()
    for place, system in zip((0, 2, 3), systems, strict=True):
        exact = system.matrix @ u[place].ravel()
        np.testing.assert_allclose(found[place].ravel(), exact, atol=1e-13 * np.abs(exact).max())


def test_matrices_of_different_patterns_have_their_diagonals_together() -> None:
    first = sp.diags([1.0, 2.0], [0, 1], shape=(6, 6)).tocsr()
    second = sp.diags([3.0, 4.0], [0, -3], shape=(6, 6)).tocsr()
    operator = diagonals([first, second], (2, 3))
    u = np.random.default_rng(1).normal(size=(2, 2, 3))
    with jax.enable_x64(True):
        found = np.asarray(operator(u))
    for place, matrix in enumerate((first, second)):
        np.testing.assert_allclose(found[place].ravel(), matrix @ u[place].ravel(), atol=1e-14)


def test_what_is_no_stencil_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a matrix \(6, 6\)"):
        diagonals([sp.identity(5, format="csr")], (2, 3))
    with pytest.raises(ValueError, match="at most 64 diagonals"):
        diagonals([sp.csr_matrix(np.ones((100, 100)))], (10, 10))
    with pytest.raises(ValueError, match="at least one matrix"):
        diagonals([None], (2, 3))
