"""Spectral interpolation: exact on its own basis, geometric convergence on analytic functions, and tensor grids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.pdes import Reference
from spinn.pdes._interpolation import chebyshev_nodes, chebyshev_sqrt_nodes, fourier_nodes, interpolation_matrix

POINTS = np.linspace(-1, 1, 201)


def fourier(count, function):
    nodes = fourier_nodes(count, -1.0, 1.0)
    return interpolation_matrix("fourier", nodes, POINTS) @ function(nodes)


def chebyshev(count, function):
    nodes = chebyshev_nodes(count, -1.0, 1.0)
    return interpolation_matrix("chebyshev", nodes, POINTS) @ function(nodes)


def decay(interpolate, function, counts):
    """Mean slope of log(error) per node: minus the logarithm of the convergence factor."""
    errors = [np.abs(interpolate(count, function) - function(POINTS)).max() for count in counts]
    return np.polyfit(counts, np.log(errors), 1)[0]


@settings(max_examples=30, deadline=None)
@given(count=st.integers(3, 40), wave=st.integers(0, 19), phase=st.floats(0, 6))
def test_fourier_is_exact_for_waves_below_half_the_nodes(count, wave, phase):
    wave = min(wave, (count - 1) // 2)

    def function(x):
        return np.cos(np.pi * wave * x + phase)

    assert np.abs(fourier(count, function) - function(POINTS)).max() < 1e-12


@settings(max_examples=30, deadline=None)
@given(coefficients=st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_chebyshev_is_exact_for_polynomials(coefficients):
    def function(x):
        return np.polynomial.chebyshev.chebval(x, coefficients)

    assert np.abs(chebyshev(len(coefficients), function) - function(POINTS)).max() < 1e-12


def test_fourier_fails_for_a_wave_that_the_nodes_cannot_tell():
    assert np.abs(fourier(8, lambda x: np.cos(np.pi * 5 * x)) - np.cos(np.pi * 5 * POINTS)).max() > 1


def test_fourier_converges_at_the_rate_of_the_nearest_pole():
    # 1 / (b - cos pi x) has poles at imaginary part arccosh(b) of pi x: errors fall by exp(-arccosh(b) / 2) a node
    slope = decay(fourier, lambda x: 1 / (1.3 - np.cos(np.pi * x)), range(20, 61, 8))
    assert slope == pytest.approx(-np.arccosh(1.3) / 2, rel=0.05)


def test_chebyshev_converges_at_the_rate_of_the_bernstein_ellipse():
    # Runge's function has poles at +- i/5: errors fall by (1 + sqrt(26)) / 5 a node
    slope = decay(chebyshev, lambda x: 1 / (1 + 25 * x**2), range(30, 101, 10))
    assert slope == pytest.approx(-np.log((1 + np.sqrt(26)) / 5), rel=0.05)


def test_chebyshev_converges_algebraically_at_a_square_root_where_its_relative_is_exact():
    times = np.linspace(0, 4, 101)
    plain, rooted = chebyshev_nodes(12, 0.0, 4.0), chebyshev_sqrt_nodes(12, 0.0, 4.0)

    def function(t):
        return np.sqrt(t) ** 3 + 2 * np.sqrt(t)

    assert np.abs(interpolation_matrix("chebyshev", plain, times) @ function(plain) - function(times)).max() > 1e-2
    assert (
        np.abs(interpolation_matrix("chebyshev_sqrt", rooted, times) @ function(rooted) - function(times)).max() < 1e-12
    )


@pytest.mark.parametrize("mode", [1, 2, 9])
def test_sine_is_exact_for_sines_of_the_angle(mode):
    nodes = chebyshev_nodes(12, -1.0, 1.0)

    def function(x):
        return np.sin(mode * np.arccos(np.clip(-x, -1, 1)))

    assert np.abs(interpolation_matrix("sine", nodes, POINTS) @ function(nodes) - function(POINTS)).max() < 1e-11


@pytest.mark.parametrize("kind", ["fourier", "chebyshev", "chebyshev_sqrt"])
def test_nodes_are_reproduced(kind):
    nodes = {"fourier": fourier_nodes, "chebyshev": chebyshev_nodes, "chebyshev_sqrt": chebyshev_sqrt_nodes}[kind]
    x = nodes(17, 2.0, 5.0)
    assert np.allclose(interpolation_matrix(kind, x, x), np.eye(17), atol=1e-12)


def test_fourier_repeats_outside_its_period():
    nodes = fourier_nodes(9, -1.0, 1.0)
    assert np.allclose(
        interpolation_matrix("fourier", nodes, POINTS), interpolation_matrix("fourier", nodes, POINTS + 4), atol=1e-12
    )


@pytest.mark.parametrize("kind", ["chebyshev", "chebyshev_sqrt", "sine"])
def test_points_outside_the_domain_are_refused(kind):
    with pytest.raises(ValueError, match="expected points in"):
        interpolation_matrix(kind, chebyshev_nodes(9, 0.0, 1.0), np.array([0.5, 1.1]))


def test_points_that_miss_the_end_by_single_precision_are_taken():
    nodes = chebyshev_nodes(9, 0.0, 0.1)
    row = interpolation_matrix("chebyshev", nodes, np.array([np.float32(0.1)], dtype=np.float64))
    assert np.allclose(row, np.eye(9)[-1:])


def tensor_reference():
    t, x, y = chebyshev_nodes(9, 0.0, 2.0), fourier_nodes(11, 0.0, 1.0), fourier_nodes(8, 0.0, 1.0)
    values = {"u": function_u(t, x, y), "v": -2 * function_u(t, x, y)}
    kinds = {"t": "chebyshev", "x": "fourier", "y": "fourier"}
    return Reference({"t": t, "x": x, "y": y}, kinds, values, digits=12.0)


def function_u(t, x, y):
    return t[:, None, None] ** 3 * np.sin(2 * np.pi * x)[None, :, None] + np.cos(4 * np.pi * y)[None, None, :]


def test_tensor_grid_values_and_order_of_dimensions():
    grid = {"y": np.linspace(0, 1, 30), "t": np.linspace(0, 2, 4), "x": np.linspace(0, 1, 7)}  # order does not matter
    values = tensor_reference().on_grid(grid)
    assert values["u"].shape == (4, 7, 30)
    assert values["u"].dtype == np.float64
    assert np.allclose(values["u"], function_u(grid["t"], grid["x"], grid["y"]), atol=1e-12)
    assert np.allclose(values["v"], -2 * values["u"])


def test_a_single_point_is_a_grid():
    point = {"t": np.array([1.0]), "x": np.array([0.25]), "y": np.array([0.0])}
    assert tensor_reference().on_grid(point)["u"].item() == pytest.approx(2.0)


def test_float32_points_are_taken():
    grid = {axis: np.linspace(0, 1, 5, dtype=np.float32) for axis in "txy"}
    assert tensor_reference().on_grid(grid)["u"].dtype == np.float64


@pytest.mark.parametrize("axes", [{"t", "x"}, {"t", "x", "y", "z"}, set()])
def test_wrong_axes_are_named(axes):
    with pytest.raises(ValueError, match="expected points for the axes t, x, y"):
        tensor_reference().on_grid({axis: np.zeros(2) for axis in axes})


def test_the_axis_that_leaves_the_domain_is_named():
    with pytest.raises(ValueError, match=r"reference along t: expected points in \[0, 2\], got \[0, 3\]"):
        tensor_reference().on_grid({"t": np.array([0.0, 3.0]), "x": np.zeros(1), "y": np.zeros(1)})


def test_a_function_is_used_where_there_is_one():
    reference = Reference.from_function(("t", "x"), lambda axes: {"u": np.outer(axes["t"], axes["x"])}, digits=15.0)
    assert np.array_equal(reference.on_grid({"x": np.arange(3.0), "t": np.arange(2.0)})["u"], [[0, 0, 0], [0, 1, 2]])
