"""Chains through parameter space: permutations, the greedy walk itself, shorter than chance, and cut into pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.solvers import chain, contiguous, greedy_chain, path_length
from spinn.solvers.orderings import principal_components


def greedy_by_hand(points: np.ndarray) -> list[int]:
    order, left = [0], set(range(1, len(points)))
    while left:
        order.append(min(left, key=lambda i: (np.linalg.norm(points[i] - points[order[-1]]), i)))
        left.remove(order[-1])
    return order


def smooth_fields(count: int, seed: int = 0) -> np.ndarray:
    """Fields (count, 12, 12) of a few waves, as random fields of coefficients are."""
    x = np.linspace(0.0, 1.0, 12)
    waves = np.stack([np.cos(np.pi * k * x) / (1 + k) ** 2 for k in range(4)])
    return np.einsum("nkl,kx,ly->nxy", np.random.default_rng(seed).standard_normal((count, 4, 4)), waves, waves)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(1, 4), st.integers(0, 999))
def test_both_are_permutations_and_greedy_is_greedy(count: int, dimension: int, seed: int) -> None:
    points = np.random.default_rng(seed).random((count, dimension))
    for order in (greedy_chain(points), chain(points, window=0), chain(points)):
        assert sorted(order.tolist()) == list(range(count)) and order.dtype == np.intp
        assert count == 0 or order[0] == 0
    if count:
        assert greedy_chain(points).tolist() == chain(points, window=0, features=4).tolist() == greedy_by_hand(points)


@pytest.mark.parametrize("count", [300, 2500])
def test_much_shorter_than_chance_and_deterministic(count: int) -> None:
    fields = smooth_fields(count)
    order = chain(fields, seed=3)
    assert path_length(fields, order) < 0.62 * path_length(fields, np.arange(count))
    np.testing.assert_array_equal(order, chain(fields, seed=3))
    assert path_length(fields[:300], chain(fields[:300])) < 1.15 * path_length(fields[:300], greedy_chain(fields[:300]))


def test_the_window_makes_it_shorter() -> None:
    points = np.random.default_rng(1).random((400, 2))
    lengths = [path_length(points, chain(points, window=window)) for window in (0, 20, 400)]
    assert lengths[0] > lengths[1] > lengths[2]


def test_neighbours_that_are_all_taken_are_looked_for_further_away() -> None:
    """Many points in one place: the first neighbours found of any of them are never enough."""
    points = np.concatenate([np.zeros((200, 2)), np.full((200, 2), 5.0), np.array([[1.0, 1.0]])])
    order = chain(points, window=0)
    assert sorted(order.tolist()) == list(range(401))
    assert path_length(points, order) == pytest.approx(np.sqrt(2.0) + np.sqrt(32.0))


def test_components_keep_distances_of_what_has_few() -> None:
    fields = smooth_fields(50).reshape(50, -1)
    reduced = principal_components(fields, 16)
    np.testing.assert_allclose(
        np.linalg.norm(reduced[1:] - reduced[:-1], axis=1), np.linalg.norm(fields[1:] - fields[:-1], axis=1), rtol=1e-9
    )
    assert principal_components(fields, 3).shape == (50, 3)


def test_pieces_are_contiguous() -> None:
    order = np.random.default_rng(0).permutation(11)
    pieces = contiguous(order, 4)
    assert [len(piece) for piece in pieces] == [3, 3, 3, 2]
    np.testing.assert_array_equal(np.concatenate(pieces), order)
    assert len(contiguous(order, 40)) == 11


def test_mistakes_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="leave out"):
        chain(np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match="features >= 1"):
        chain(np.ones((3, 2)), features=0)
    with pytest.raises(ValueError, match="at least 1 piece"):
        contiguous(np.arange(3), 0)
