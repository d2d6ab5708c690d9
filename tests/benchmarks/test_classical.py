"""The classical competitors: they converge as their theory says, on small sizes."""

import classical
import numpy as np
import pytest
from spectral_methods import chebyshev_derivative, etdrk4, evolve, legendre_galerkin
from unseen_problems import CoupledHelmholtz3D

from spinn.pdes import PDE, get
from spinn.truth import uniform_axes


def error(name: str, count: int, pde: PDE | None = None, **settings: float) -> float:
    """Of a method on a uniform grid."""
    method = classical.METHODS[name]
    pde = pde or method.pde()
    axes = uniform_axes(pde, dict.fromkeys(pde.coordinates, count))
    return classical.error(pde, method.solve(pde, axes, **settings), axes)


def slope(sizes: list[int], errors: list[float]) -> float:
    """Of log error against log size."""
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


@pytest.mark.parametrize(("name", "coarse", "fine"), [("helmholtz_3d", 16, 36), ("poisson_2d", 12, 28)])
def test_galerkin_converges_exponentially(name: str, coarse: int, fine: int) -> None:
    first, last = error(name, 21, size=coarse), error(name, 21, size=fine)
    assert first > 1e-6
    assert last < 1e-11


def test_galerkin_solves_what_is_no_product() -> None:
    errors = [error("helmholtz_coupled_3d", 17, CoupledHelmholtz3D(), size=size) for size in (6, 12, 24)]
    assert errors[0] > 50 * errors[1] > 2500 * errors[2]
    assert errors[2] < 1e-9


def test_galerkin_on_any_interval() -> None:
    axes = {"x": np.linspace(2, 5, 31)}
    k = 2 * np.pi / 3
    u = legendre_galerkin(lambda x: (3 - k**2) * np.sin(k * (x - 2)), 3.0, {"x": (2.0, 5.0)}, 24, axes)
    np.testing.assert_allclose(u, np.sin(k * (axes["x"] - 2)), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "settings", "bound"),
    [
        ("heat", {"points": 20, "tolerance": 1e-9}, 1e-8),
        ("wave", {"points": 28, "tolerance": 1e-9}, 1e-7),
        ("advection", {"tolerance": 1e-9}, 1e-7),
        ("klein_gordon_2d", {"points": 5, "tolerance": 1e-8}, 1e-7),
        ("klein_gordon_3d", {"points": 4, "tolerance": 1e-8}, 1e-7),
        ("flow_mixing_2d", {"tolerance": 1e-8}, 1e-6),
        ("navier_stokes_3d", {"points": 14, "tolerance": 1e-6}, 1e-5),
    ],
)
def test_evolution(name: str, settings: dict[str, float], bound: float) -> None:
    assert error(name, 11, **settings) < bound


def test_burgers_is_the_closed_form() -> None:
    pde = get("burgers")(nu=0.05)
    errors = [error("burgers", 51, pde, points=points, tolerance=1e-8) for points in (32, 64, 128)]
    assert errors[0] > 30 * errors[1]
    assert errors[2] < 1e-6


def test_exponential_integrator_is_of_order_four() -> None:
    steps = [4, 8, 16]
    frequencies = 1j * np.array([1.0, 30.0])
    times = np.linspace(0, 1, 5)

    def end(count: int) -> np.ndarray:
        return etdrk4(frequencies, lambda v: -v * np.abs(v) ** 2 + v[::-1], np.array([1.0, 0.5j]), times, count)[-1]

    exact = end(200)
    errors = [float(np.abs(end(count) - exact).max()) for count in steps]
    assert slope(steps, errors) == pytest.approx(-4, abs=0.4)


def test_exponential_integrator_wants_equal_steps() -> None:
    with pytest.raises(ValueError, match="equidistant"):
        etdrk4(np.ones(1), lambda v: v, np.ones(1), np.array([0.0, 1.0, 3.0]), 2)


def test_chebyshev_derivative_is_exact_for_polynomials() -> None:
    x = 2 + 3 * np.sin(np.pi / 2 * np.arange(9) / 8) ** 2
    np.testing.assert_allclose(chebyshev_derivative(9, 2.0, 5.0) @ x**7, 7 * x**6, rtol=1e-9)


def test_method_of_lines_keeps_shapes() -> None:
    start = np.arange(6.0).reshape(2, 3)
    found = evolve(lambda t, y: -y, start, np.linspace(0, 1, 4), 1e-9)
    assert found.shape == (4, 2, 3)
    np.testing.assert_allclose(found[-1], start * np.exp(-1), rtol=1e-7)


def test_a_failure_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    method = classical.Method(lambda pde, axes: 1 / 0, "none", classical.shipped("heat"))
    monkeypatch.setitem(classical.METHODS, "heat", method)
    assert "ZeroDivisionError" in classical.readable(classical.measure("heat"))["relative L2"]
