"""The fast Poisson solver: an exact inverse for constant coefficients, symmetric and positive when scaled."""

import jax.numpy as jnp
import numpy as np
import pytest

from spinn.solvers import harmonic_stencil
from spinn.solvers.batched import fast_poisson

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize("grid", [(7,), (5, 8), (3, 4, 6)])
def test_it_inverts_the_stencil_of_a_constant(grid: tuple[int, ...]) -> None:
    spacing = tuple(0.5 / (n + 1) for n in grid)
    u = jnp.asarray(np.random.default_rng(0).normal(size=(2, *grid)))
    laplace = harmonic_stencil(np.ones([n + 2 for n in grid]), spacing)
    np.testing.assert_allclose(fast_poisson(grid, spacing)(laplace(u)), u, rtol=1e-10)
    scaled = fast_poisson(grid, spacing, np.full(grid, 4.0))
    np.testing.assert_allclose(scaled(4.0 * laplace(u)), u, rtol=1e-10)


def test_the_scaled_one_is_symmetric_and_positive() -> None:
    a = np.exp(np.random.default_rng(1).normal(size=(4, 5)))
    inverse = fast_poisson((4, 5), (0.2, 0.1), a)
    dense = np.asarray(inverse(jnp.eye(20).reshape(20, 4, 5))).reshape(20, 20)
    np.testing.assert_allclose(dense, dense.T, rtol=1e-9, atol=1e-12)
    assert np.linalg.eigvalsh(dense)[0] > 0


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="leave the boundary out"):
        fast_poisson((4, 4), (0.2, 0.2), np.ones((6, 6)))
    with pytest.raises(ValueError, match="a step for each axis"):
        fast_poisson((4, 4), (0.2,))
