"""The method of lines: right sides against analysis, against the linear reading, and at their order."""

import math

import jax
import numpy as np
import pytest

from spinn.data import Evolution, discretise
from spinn.data.definitions import BurgersOnCircle, DarcyFlow2D, HeatConduction2D
from spinn.pdes import PDE, Box, Dirichlet, Initial, Neumann, Periodic
from spinn.pdes.burgers import Burgers
from spinn.pdes.heat import Heat
from spinn.pdes.poisson_2d import Poisson2D as ShippedPoisson
from spinn.pdes.wave import Wave

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


def slope_of(evolution: Evolution, t: float, state, parameters=None):
    """Compiled as one program: operation by operation, a test takes seconds."""
    return jax.jit(evolution.slope)(t, state, parameters or {})


@pytest.mark.parametrize("order", [2, 4])
def test_burgers_slope_converges_at_its_order(order: int, slopes) -> None:
    """F(sin pi x) = -u u_x + nu u_xx on the inner nodes."""
    errors = []
    for points in (33, 65, 129):
        evolution = Evolution.of(Burgers(nu=0.1), (points,), order)
        x = evolution.grid.nodes[0][1:-1]
        u, k = np.sin(np.pi * x), np.pi
        exact = -u * k * np.cos(k * x) - 0.1 * k**2 * u
        errors.append(float(np.abs(slope_of(evolution, 0.0, u) - exact).max()))
    assert np.all(np.abs(slopes(errors) - order) < 0.45), (errors, slopes(errors))


@pytest.mark.parametrize("order", [2, 4])
def test_conduction_converges_at_its_order(order: int, slopes) -> None:
    """F(u) = a Lap u + grad a . grad u for u = sin(pi x) sin(pi y), a = 2 + x y."""
    errors, k = [], np.pi
    for points in (17, 33, 65):
        evolution = Evolution.of(HeatConduction2D(), (points, points), order)
        X, Y = np.meshgrid(*evolution.grid.nodes, indexing="ij")
        u = np.sin(k * X) * np.sin(k * Y)
        exact = -2 * k**2 * (2 + X * Y) * u + k * (
            Y * np.cos(k * X) * np.sin(k * Y) + X * np.sin(k * X) * np.cos(k * Y)
        )
        found = slope_of(evolution, 0.0, u[1:-1, 1:-1], {"a": 2 + X * Y})
        errors.append(float(np.abs(found - exact[1:-1, 1:-1]).max()))
    assert np.all(np.abs(slopes(errors) - order) < 0.6), (errors, slopes(errors))


def test_both_readings_of_a_flux_agree() -> None:
    """The right side of u_t = div(a grad u) is minus the Darcy matrix, jumps included."""
    a = np.random.default_rng(0).choice([3.0, 12.0], (9, 8))
    A = discretise(DarcyFlow2D(a=a, f=0.0), a.shape).matrix
    u = np.random.default_rng(1).standard_normal((7, 6))
    slope = slope_of(Evolution.of(HeatConduction2D(), a.shape), 0.0, u, {"a": a})
    assert np.allclose(np.ravel(slope), -A @ u.ravel(), rtol=1e-12)


@pytest.mark.parametrize("points", [16, 17])
def test_spectral_derivatives_are_exact_and_free_of_aliasing(points: int) -> None:
    """u = cos(2 pi m x): u u_x is the wave 2 m, which is dropped where it lies above two thirds of the highest."""
    evolution = Evolution.of(BurgersOnCircle(nu=0.1), (points,), "spectral")
    x = evolution.grid.nodes[0]
    for m in (1, 2, 3, 5):
        k = 2 * np.pi * m
        product = 0.5 * k * np.sin(2 * k * x) if 2 * m < points / 3 else 0.0
        exact = product - 0.1 * k**2 * np.cos(k * x)
        assert np.allclose(slope_of(evolution, 0.0, np.cos(k * x)), exact, atol=1e-11 * k**2)


def test_the_symbol_is_the_linear_part() -> None:
    evolution = Evolution.of(BurgersOnCircle(nu=0.1), (16,), "spectral")
    k = 2 * np.pi * np.arange(9)
    assert np.allclose(evolution.symbol(0.0, {"u0": 0.0}), -0.1 * k**2 * evolution.kept, atol=1e-10)


def test_initial_values_and_shipped_definitions() -> None:
    pde = Heat(kappa=0.3)
    evolution = Evolution.of(pde, (33,), 4)
    x = evolution.grid.nodes[0][1:-1]
    assert np.allclose(evolution.initial({}), pde.exact(0.0, x))
    k = math.pi
    exact = -0.3 * k**2 * (np.sin(k * x) + 0.5 * 9 * np.sin(3 * k * x))
    assert np.allclose(slope_of(evolution, 0.0, evolution.initial({})), exact, atol=2e-2)


class Driven(PDE):
    """2 u_t = u_xx + x, with an end that moves."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    ends: object = ()

    def residual(self, u, t, x):
        return 2 * u.d("t") - u.d("xx") - x * u.mean("x") * t

    def conditions(self):
        return [Initial("u", value=0.0), *(self.ends or (Dirichlet("u", value=lambda t, x: t * x),))]


def test_moving_boundary_values_and_coefficients_of_time() -> None:
    """u = t x at t = 2: u_xx = 0, its mean is 1, and F = x t / 2."""
    evolution = Evolution.of(Driven(), (9,))
    x = evolution.grid.nodes[0][1:-1]
    assert np.allclose(slope_of(evolution, 2.0, 2.0 * x), x)


class Squared(Driven):
    def residual(self, u, t, x):
        return u.d("t") ** 2 - u.d("xx")


class Mixed(Driven):
    def residual(self, u, t, x):
        return u.d("t") - u.d("x").d("t")


class NoTime(Driven):
    def residual(self, u, t, x):
        return u.d("xx")


@pytest.mark.parametrize(
    ("pde", "order", "message"),
    [
        (Wave(), 2, "the only time derivative"),
        (Squared(), 2, "u_t may be multiplied"),
        (Mixed(), 2, "the only time derivative"),
        (NoTime(), 2, r"expected one residual that contains u.d\('t'\)"),
        (ShippedPoisson(), 2, "is steady"),
        (Driven(ends=(Neumann("u"),)), 2, "knows Dirichlet and periodic faces"),
        (Driven(), "spectral", "spectral derivatives need periodic axes"),
    ],
)
def test_mistakes_are_named(pde, order, message: str) -> None:
    with pytest.raises(Exception, match=message):
        evolution = Evolution.of(pde, (9,) * len(pde.domain.space), order)
        slope_of(evolution, 0.0, np.ones(evolution.grid.unknown_shape))


def test_periodic_differences_wrap() -> None:
    class Carried(Driven):
        def residual(self, u, t, x):
            return u.d("t") + u.d("x")

        def conditions(self):
            return [Periodic("u", axis="x")]

    evolution = Evolution.of(Carried(), (64,), 4)
    x = evolution.grid.nodes[0]
    assert np.allclose(slope_of(evolution, 0.0, np.sin(2 * np.pi * x)), -2 * np.pi * np.cos(2 * np.pi * x), atol=1e-3)
