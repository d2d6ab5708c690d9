"""The removable singularity at the centre of the vortex, and the rotation."""

from typing import Any

import numpy as np
import pytest

from spinn.pdes import point_coordinates, point_field
from spinn.pdes.flow_mixing_2d import SERIES_BELOW, FlowMixing2D

pytestmark = pytest.mark.usefixtures("x64")


def near(s: Any) -> Any:
    """x and y with x^2 + y^2 = s."""
    return {"x": np.sqrt(s) * 0.6, "y": np.sqrt(s) * 0.8}


CENTRE = {"t": np.array([0.0, 2.0]), "x": np.zeros(2), "y": np.zeros(2)}


@pytest.mark.parametrize("word", ["t", "x", "y", "xx", "xy", "yyy"])
def test_finite_at_the_centre(word: str) -> None:
    """Values and derivatives, by forward mode through the whole formula."""
    field = point_field(FlowMixing2D().exact, CENTRE)
    assert np.all(np.isfinite(field.d(word).value))
    assert np.all(np.isfinite(field.value))


def test_coefficient_is_finite_at_the_centre_as_an_expression() -> None:
    """The same as a residual sees it: an expression of coordinate fields."""
    points = point_coordinates(**CENTRE)
    velocity = FlowMixing2D().angular_velocity(points["x"], points["y"])
    assert np.all(np.isfinite(velocity.d("x").value))
    np.testing.assert_allclose(velocity.d("xx").value, -8 / 3 / 0.385)


def test_angular_velocity_at_the_centre() -> None:
    assert FlowMixing2D().angular_velocity(0.0, 0.0) == pytest.approx(1 / 0.385, rel=1e-15)


@pytest.mark.parametrize("word", ["", "x", "yy"])
def test_series_meets_the_quotient(word: str) -> None:
    """Both sides of the switch agree with a Taylor step across it."""
    pde = FlowMixing2D()
    step = 1e-9
    below = point_coordinates(**near(np.array([SERIES_BELOW * (1 - step)])))
    above = point_coordinates(**near(np.array([SERIES_BELOW * (1 + step)])))
    words = [word] if word else []
    values = [float(pde.angular_velocity(**points).d(*words).value[0]) for points in (below, above)]
    assert values[0] == pytest.approx(values[1], rel=1e-7, abs=1e-9)
    slope = -4 / 3 * SERIES_BELOW * 2 * step / 0.385
    if not word:
        assert values[1] - values[0] == pytest.approx(slope, rel=0.05)


def test_formula_away_from_the_centre() -> None:
    x, y = np.array([0.5, -2.0, 3.0]), np.array([0.1, 1.0, -3.5])
    rho = np.hypot(x, y)
    expected = np.tanh(rho) / np.cosh(rho) ** 2 / (0.385 * rho)
    np.testing.assert_allclose(FlowMixing2D().angular_velocity(x, y), expected, rtol=1e-13)


def test_solution_is_carried_along_circles() -> None:
    pde = FlowMixing2D()
    radius, phase, t = 1.3, 0.4, 2.7
    turned = phase + t * pde.angular_velocity(radius, 0.0)
    start = pde.exact(0.0, radius * np.cos(phase), radius * np.sin(phase))
    assert pde.exact(t, radius * np.cos(turned), radius * np.sin(turned)) == pytest.approx(start, rel=1e-13)


def test_float32_grid_with_the_centre_is_finite() -> None:
    axis = np.linspace(-4, 4, 65, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    assert np.all(np.isfinite(FlowMixing2D().exact(np.float32(4), x, y)))
