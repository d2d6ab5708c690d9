"""Errors, and the truth that they are measured against."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spinn.pdes import PDE, Box, get
from spinn.truth import relative_l2, truth_kind, truth_on_grid, uniform_axes


class Unknown(PDE):
    """No solution is known."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, 1))

    def residual(self, u, x):
        return u.d("x")


def test_kinds():
    assert truth_kind(get("heat")()) == "exact"
    assert truth_kind(get("burgers")()) == "reference"
    assert truth_kind(Unknown()) is None


def test_the_exact_solution_in_double_precision():
    """Outside of any double-precision context, as when a float32 run is compared."""
    pde, axes = get("heat")(), {"t": np.linspace(0, 1, 4), "x": np.linspace(0, 1, 5)}
    values = truth_on_grid(pde, axes)
    t, x = np.meshgrid(axes["t"], axes["x"], indexing="ij")
    decay = [np.exp(-0.1 * (k * np.pi) ** 2 * t) * np.sin(k * np.pi * x) for k in (1, 3)]
    assert values["u"].dtype == np.float64
    np.testing.assert_allclose(values["u"], decay[0] + 0.5 * decay[1], atol=1e-14)


def test_derived_quantities_are_part_of_it_if_asked_for():
    pde = get("navier_stokes_3d")()
    axes = {axis: np.linspace(*pde.domain[axis], 3) for axis in pde.coordinates}
    assert set(truth_on_grid(pde, axes)) == {"u", "v", "w", "vorticity_x", "vorticity_y", "vorticity_z"}
    assert set(truth_on_grid(pde, axes, derived=False)) == {"u", "v", "w"}


def test_a_closed_reference():
    pde, axes = get("burgers")(), {"t": np.array([0.0]), "x": np.linspace(-1, 1, 9)}
    values = truth_on_grid(pde, axes)["u"]
    np.testing.assert_allclose(values[0], -np.sin(np.pi * axes["x"]), atol=1e-9)


def test_no_truth():
    assert truth_on_grid(Unknown(), {"x": np.zeros(2)}) is None


def test_values_fill_the_grid_even_where_they_are_constant(decay):
    values = truth_on_grid(get("poisson_2d")(), {"x": np.zeros(1), "y": np.linspace(0, 1, 3)})
    assert values["u"].shape == (1, 3)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_relative_l2_by_hand():
    truth = {"u": np.array([3.0, 4.0]), "v": np.array([0.0, 12.0]), "w": np.array([1.0, 1.0])}
    values = {"u": np.array([3.0, 5.0]), "v": np.array([2.0, 12.0]), "w": np.array([2.0, 1.0]), "other": np.zeros(2)}
    errors = relative_l2(values, truth, ("u", "v"))
    assert errors["u"] == pytest.approx(1 / 5)
    assert errors["v"] == pytest.approx(2 / 12)
    assert errors["w"] == pytest.approx(math.sqrt(1 / 2))
    assert errors["all"] == pytest.approx(math.sqrt(5 / 169))
    assert set(errors) == {"u", "v", "w", "all"}


def test_a_truth_of_zero_gives_the_absolute_error():
    errors = relative_l2({"u": np.array([3.0, 4.0])}, {"u": np.zeros(2)}, ("u",))
    assert errors == {"u": 5.0, "all": 5.0}


def test_not_a_number_is_not_hidden():
    errors = relative_l2({"u": np.array([np.nan, 1.0])}, {"u": np.ones(2)}, ("u",))
    assert math.isnan(errors["u"]) and math.isnan(errors["all"])


@given(arrays(np.float64, 5, elements=st.floats(-10, 10)), st.floats(0.1, 100))
def test_relative_l2_does_not_depend_on_units(values, unit):
    truth = np.arange(1.0, 6.0)
    one = relative_l2({"u": values}, {"u": truth}, ("u",))["u"]
    other = relative_l2({"u": unit * values}, {"u": unit * truth}, ("u",))["u"]
    assert other == pytest.approx(one, rel=1e-9, abs=1e-12)
    assert relative_l2({"u": truth}, {"u": truth}, ("u",))["all"] == 0.0


def test_uniform_axes_reach_both_ends():
    pde = get("navier_stokes_3d")()
    axes = uniform_axes(pde, {"t": 3, "x": 5, "y": 2, "z": 4})
    assert [len(axes[axis]) for axis in pde.coordinates] == [3, 5, 2, 4]
    for axis in pde.coordinates:
        assert (axes[axis][0], axes[axis][-1]) == pde.domain[axis]
        np.testing.assert_allclose(np.diff(axes[axis], 2), 0.0, atol=1e-12)
