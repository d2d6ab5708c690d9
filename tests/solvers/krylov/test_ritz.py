"""What GCRO-DR keeps: against eigenvectors of the generalised problem, with complex pairs whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eig, subspace_angles

from spinn.solvers.krylov.ritz import smallest_harmonic_ritz


def rotation(modulus: float, angle: float) -> np.ndarray:
    return modulus * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 15), st.integers(1, 8), st.integers(0, 10**6))
def test_an_invariant_space_of_the_pencil_of_small_values(columns: int, number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    projected, overlap = rng.normal(size=(columns + 1, columns)), rng.normal(size=(columns + 1, columns))
    chosen = smallest_harmonic_ritz(projected, overlap, number)
    assert chosen.dtype == np.float64 and chosen.shape[1] <= number
    np.testing.assert_allclose(chosen.T @ chosen, np.eye(chosen.shape[1]), atol=1e-10)
    inverse = np.linalg.lstsq(projected, overlap, rcond=None)[0]  # G^+ S, whose eigenvalues are 1 / theta
    image = inverse @ chosen
    left = image - chosen @ (chosen.T @ image)
    assert np.linalg.norm(left) < 1e-6 * max(1.0, np.linalg.norm(inverse))


def test_real_values_as_the_paper_writes_the_problem() -> None:
    rng = np.random.default_rng(3)
    basis, _ = np.linalg.qr(rng.normal(size=(30, 10)))
    matrix = np.diag(np.arange(1.0, 31.0))
    images, projected = np.linalg.qr(matrix @ basis)
    overlap = images.T @ basis
    values, vectors = eig(projected.T @ projected, projected.T @ overlap)
    expected = vectors[:, np.argsort(np.abs(values))[:3]].real
    assert np.max(subspace_angles(smallest_harmonic_ritz(projected, overlap, 3), expected)) < 1e-8


@pytest.mark.parametrize(
    ("number", "kept"), [(1, [4]), (2, [0, 1]), (3, [0, 1, 4]), (4, [0, 1, 4]), (5, [0, 1, 2, 3, 4])]
)
def test_pairs_are_kept_whole_or_left_out(number: int, kept: list[int]) -> None:
    block = np.zeros((5, 5))
    block[:2, :2], block[2:4, 2:4], block[4, 4] = rotation(0.1, 1.0), rotation(3.0, 0.5), 1.0
    chosen = smallest_harmonic_ritz(np.vstack([block, np.zeros(5)]), np.eye(6, 5), number)
    assert chosen.shape[1] == len(kept)
    np.testing.assert_allclose(np.delete(chosen, kept, axis=0), 0.0, atol=1e-12)


def test_a_pair_alone_that_does_not_fit_leaves_nothing() -> None:
    projected = np.vstack([rotation(1.0, 0.7), np.zeros(2)])
    assert smallest_harmonic_ritz(projected, np.eye(3, 2), 1).shape == (2, 0)


def test_a_rank_deficient_projection_is_taken() -> None:
    projected = np.vstack([np.diag([0.0, 0.5, 1.0, 2.0]), np.zeros(4)])
    chosen = smallest_harmonic_ritz(projected, np.eye(5, 4), 2)
    np.testing.assert_allclose(np.abs(chosen), np.eye(4)[:, 1:3], atol=1e-12)
