"""Scales tell the truth: even lightness, zero in the middle, no limits from what is not a number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spinn.output.colours import diverging, error_scale, field_scale, oklab_lightness, srgb


def test_the_diverging_map_is_even_and_symmetric_in_lightness() -> None:
    colours = diverging()(np.linspace(0, 1, 257))[:, :3]
    light = oklab_lightness(colours)
    half = light[128:]
    assert np.all(np.diff(half) < 0)
    np.testing.assert_allclose(np.diff(half), np.diff(half).mean(), atol=1.5e-3)
    np.testing.assert_allclose(light, light[::-1], atol=0.03)
    assert light[128] == pytest.approx(light.max())
    assert colours[0, 2] > colours[0, 0]  # blue below
    assert colours[-1, 0] > colours[-1, 2]  # red above


def test_oklab_of_white_and_black() -> None:
    np.testing.assert_allclose(srgb(np.array([[1.0, 0, 0], [0, 0, 0]])), [[1, 1, 1], [0, 0, 0]], atol=1e-3)
    np.testing.assert_allclose(oklab_lightness(np.array([[1.0, 1, 1]])), 1, atol=1e-3)


def test_signed_fields_have_zero_in_the_middle() -> None:
    scale = field_scale([np.array([-1.0, 3.0])])
    assert (scale.norm.vmin, scale.norm.vmax) == (-3, 3)


def test_one_sided_fields_use_the_whole_map() -> None:
    scale = field_scale([np.array([0.5, 1.0]), np.array([0.4])])
    assert (scale.norm.vmin, scale.norm.vmax) == (0.4, 1)


def test_noise_below_zero_makes_no_signed_field() -> None:
    assert field_scale([np.array([-1e-9, 1.0])]).norm.vmin == pytest.approx(0, abs=1e-8)


@given(
    hnp.arrays(np.float64, 5, elements=st.floats(min_value=-1e100, max_value=1e100) | st.just(np.nan) | st.just(np.inf))
)
def test_limits_are_finite_and_apart_whatever_comes(values: np.ndarray) -> None:
    for norm in (field_scale([values]).norm, error_scale(values).norm):
        assert np.isfinite([norm.vmin, norm.vmax]).all()
        assert norm.vmin < norm.vmax


def test_error_limits_span_two_to_four_decades() -> None:
    wide = error_scale(np.logspace(-12, -1, 1000)).norm
    assert (wide.vmin, wide.vmax) == (pytest.approx(1e-5), pytest.approx(1e-1))
    narrow = error_scale(np.full(10, 1e-3)).norm
    assert (narrow.vmin, narrow.vmax) == (pytest.approx(1e-5), pytest.approx(1e-3))
