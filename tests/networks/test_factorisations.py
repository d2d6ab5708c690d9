"""Singular values against their definition, also where LAPACK's fast driver gives up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.networks import factorisations
from spinn.networks.factorisations import pinv, svd


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_the_pseudo_inverse_is_moore_and_penroses(rows: int, columns: int, seed: int) -> None:
    a = np.random.default_rng(seed).normal(size=(rows, columns))
    b = pinv(a)
    np.testing.assert_allclose(a @ b @ a, a, atol=1e-10)
    np.testing.assert_allclose(b @ a @ b, b, atol=1e-8 * np.abs(b).max())
    np.testing.assert_allclose(a @ b, (a @ b).T, atol=1e-8)


def test_small_singular_values_are_left_out() -> None:
    np.testing.assert_allclose(pinv(np.diag([2.0, 1e-12]), 1e-10), np.diag([0.5, 0.0]))
    np.testing.assert_array_equal(pinv(np.zeros((3, 2))), np.zeros((2, 3)))


def test_a_failure_of_the_fast_driver_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(factorisations.np.linalg, "svd", fails)
    a = np.arange(6.0).reshape(3, 2)
    left, singular, right = svd(a)
    np.testing.assert_allclose((left * singular) @ right, a, atol=1e-12)
