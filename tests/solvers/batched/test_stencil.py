"""The stencil against assembled matrices and exact polynomials, in two and three dimensions."""

import jax.numpy as jnp
import numpy as np
import pytest

from spinn.solvers import Stencil, harmonic_stencil

pytestmark = pytest.mark.usefixtures("x64")


def field(*shape: int) -> np.ndarray:
    return np.exp(np.random.default_rng(0).normal(size=shape))


def test_it_is_the_five_point_matrix(five_point) -> None:
    a, u = field(3, 9, 9), np.random.default_rng(1).normal(size=(3, 7, 7))
    image = harmonic_stencil(a, (1 / 8, 1 / 8))(jnp.asarray(u))
    for sample in range(3):
        np.testing.assert_allclose(np.ravel(image[sample]), five_point(a[sample]) @ u[sample].ravel(), rtol=1e-10)


@pytest.mark.parametrize("grid", [(6,), (5, 7), (4, 5, 6)])
def test_symmetric_and_positive_with_unequal_axes(grid: tuple[int, ...]) -> None:
    spacing = tuple(1.0 / (n + 1) for n in grid)
    operator = harmonic_stencil(field(*(n + 2 for n in grid)), spacing, reaction=field(*grid))
    size = int(np.prod(grid))
    dense = np.asarray(operator(jnp.eye(size).reshape(size, *grid))).reshape(size, size)
    np.testing.assert_allclose(dense, dense.T, rtol=1e-12)
    assert np.linalg.eigvalsh(dense)[0] > 0 and operator.grid == grid


def test_a_polynomial_is_exact_in_three_dimensions() -> None:
    grid = (4, 6, 3)
    x, y, z = np.meshgrid(*(np.arange(1, n + 1) / (n + 1) for n in grid), indexing="ij")
    u = x * (1 - x) * y * (1 - y) * z * (1 - z)
    expected = 2 * (y * (1 - y) * z * (1 - z) + x * (1 - x) * z * (1 - z) + x * (1 - x) * y * (1 - y))
    operator = harmonic_stencil(np.full([n + 2 for n in grid], 3.0), tuple(1 / (n + 1) for n in grid))
    np.testing.assert_allclose(operator(jnp.asarray(u)), 3 * expected, rtol=1e-10)


def test_the_flux_across_a_jump_is_exact() -> None:
    a = np.where(np.arange(9) < 4, 1.0, 100.0)  # the jump lies between nodes 3 and 4
    operator = harmonic_stencil(a, (1.0,))
    u = np.cumsum(1 / operator.faces[0])[:-1]  # a unit flux through all faces but the last
    image = np.asarray(operator(jnp.asarray(u)))
    np.testing.assert_allclose(image[:-1], 0.0, atol=1e-10)


def test_the_reaction_is_added() -> None:
    a, c, u = field(6, 6), field(4, 4), jnp.ones((4, 4))
    plain = harmonic_stencil(a, (1.0, 1.0))
    np.testing.assert_allclose(Stencil(plain.faces, c)(u), plain(u) + c, rtol=1e-12)


def test_bad_coefficients_are_errors() -> None:
    with pytest.raises(ValueError, match="with 2 last axes of at least 3 nodes, got shape"):
        harmonic_stencil(np.ones((2, 5)), (1.0, 1.0))
    with pytest.raises(ValueError, match="positive everywhere"):
        harmonic_stencil(np.array([1.0, 0.0, 1.0]), (1.0,))
