"""Orthonormal combinations: orthonormal values, orthogonal slopes in ascending order, the same span."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.networks.orthonormal import free_spaces, orthonormal_combinations, traced_combinations

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def random_sines(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random sine features and their second derivatives."""
    generator = np.random.default_rng(seed)
    frequencies, phases = generator.uniform(1, 9, count), generator.uniform(-3, 3, count)
    values = np.sin(NODES[:, None] * frequencies + phases)
    return values, -(frequencies**2) * values


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(0, 10**6))
def test_mass_is_the_identity_and_stiffness_diagonal_ascending(count: int, seed: int) -> None:
    values, slopes = random_sines(count, seed)
    v = orthonormal_combinations(values, slopes, WEIGHTS, cutoff=1e-5)
    mass, stiffness = (a.T * WEIGHTS @ a for a in (values @ v, slopes @ v))
    np.testing.assert_allclose(mass, np.eye(v.shape[1]), atol=1e-8)
    off = stiffness - np.diag(np.diag(stiffness))
    assert np.abs(off).max() <= 1e-8 * np.abs(stiffness).max()
    assert np.all(np.diff(np.diag(stiffness)) >= -1e-8 * np.abs(stiffness).max())


def test_independent_features_keep_their_span() -> None:
    values, slopes = random_sines(5, 1)
    combined = values @ orthonormal_combinations(values, slopes, WEIGHTS)
    projected = combined @ (combined.T * WEIGHTS @ values)
    np.testing.assert_allclose(projected, values, atol=1e-9)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_dependent_features_are_dropped(copies: int) -> None:
    values, slopes = random_sines(4, 2)
    v = orthonormal_combinations(np.tile(values, copies), np.tile(slopes, copies), WEIGHTS)
    assert v.shape == (4 * copies, 4)


def test_all_digits_survive_nearly_dependent_features() -> None:
    """Through a Gram matrix, singular values of 1e-9 would drown in rounding."""
    values, slopes = random_sines(2, 3)
    bend = 1e-9
    near = np.stack([values[:, 0], values[:, 0] + bend * values[:, 1]], 1)
    near_slopes = np.stack([slopes[:, 0], slopes[:, 0] + bend * slopes[:, 1]], 1)
    combined = near @ orthonormal_combinations(near, near_slopes, WEIGHTS)
    np.testing.assert_allclose(combined.T * WEIGHTS @ combined, np.eye(2), atol=1e-5)


def test_free_spaces_hold_what_their_unknown_holds() -> None:
    """Three unknowns: one holds both ends, one the lower, one none."""
    table = np.polynomial.legendre.legvander(NODES, 7)
    slopes = np.stack([np.polynomial.Legendre.basis(n).deriv(2)(NODES) for n in range(8)], 1)
    ends = np.polynomial.legendre.legvander(np.array([-1.0, 1.0]), 7)
    mixing = traced_combinations(table, slopes, WEIGHTS, ends, np.zeros((0, 8)), NODES)
    held = np.array([[True, True], [True, False], [False, False]])
    spaces = free_spaces(table @ mixing, slopes @ mixing, WEIGHTS, held)
    assert spaces.shape == (3, 8, 8)
    np.testing.assert_array_equal(spaces[0], np.eye(8) * (np.arange(8) < 6))
    for space, without in zip(spaces, held, strict=True):
        np.testing.assert_allclose((ends @ mixing @ space)[without], 0.0, atol=1e-10)
        kept = np.arange(8) < 8 - np.sum(without)
        values = table @ mixing @ space
        np.testing.assert_allclose(values.T * WEIGHTS @ values, np.diag(kept.astype(float)), atol=1e-8)
