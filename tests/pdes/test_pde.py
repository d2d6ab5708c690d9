"""Definitions: parameters, domains, what residuals may return, and what goes wrong."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from spinn.pdes import PDE, Box, Dirichlet, Initial, derivative_orders, get, point_coordinates, sin


class Rod(PDE):
    """Heat in a rod.

    Second paragraph.
    """

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))
    kappa: float = 0.1  # diffusivity

    def residual(self, u, t, x):
        return u.d("t") - self.kappa * u.d("xx")

    def conditions(self):
        return [Initial("u", value=lambda t, x: sin(x)), Dirichlet("u"), Dirichlet("u", value=1.0)]

    def validate(self):
        if self.kappa <= 0:
            raise ValueError("kappa must be positive")


def fields(pde: PDE) -> tuple[dict[str, Any], dict[str, Any]]:
    points = point_coordinates(**{axis: np.linspace(0.1, 0.9, 5) for axis in pde.coordinates})
    return {name: sin(sum(points.values())) for name in pde.unknowns}, points


def test_parameters_and_defaults() -> None:
    assert Rod().parameters == {"kappa": 0.1}
    assert Rod(kappa=0.5).parameters == {"kappa": 0.5}
    assert Rod().domain == Box(t=(0, 1), x=(0, 1))


def test_describe_is_the_first_paragraph() -> None:
    assert Rod.describe() == "Heat in a rod."


def test_domain_must_have_the_coordinates_in_order() -> None:
    with pytest.raises(ValueError, match="must have the axes t, x in this order, got x, t"):
        Rod(domain=Box(x=(0, 1), t=(0, 1)))
    with pytest.raises(ValueError, match="got t, y"):
        Rod(domain=Box(t=(0, 1), y=(0, 1)))


def test_unknown_parameter() -> None:
    with pytest.raises(TypeError, match="kapa"):
        Rod(kapa=0.5)  # type: ignore[call-arg]


def test_parameters_are_keywords_and_frozen() -> None:
    with pytest.raises(TypeError):
        Rod(Rod().domain, 0.5)  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Rod().kappa = 1.0  # type: ignore[misc]


def test_validate_runs_on_construction() -> None:
    with pytest.raises(ValueError, match="kappa must be positive"):
        Rod(kappa=-1.0)


def test_residual_is_abstract() -> None:
    class Empty(PDE):
        coordinates = ("x",)
        unknowns = ("u",)
        domain = Box(x=(0, 1))

    with pytest.raises(TypeError, match="residual"):
        Empty()  # type: ignore[abstract]


def test_no_exact_solution() -> None:
    assert not Rod().has_exact
    assert not Rod().has_reference
    assert Rod().reference() is None
    with pytest.raises(ValueError, match="Rod has no exact solution"):
        Rod().exact_solution(0.0, 0.0)


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (lambda u: u, ["residual"]),
        (lambda u: (u, u * 2.0), ["residual_0", "residual_1"]),
        (lambda u: {"mass": u, "energy": u}, ["mass", "energy"]),
    ],
)
def test_residuals_are_named(result: Any, names: list[str]) -> None:
    class Named(PDE):
        coordinates = ("x",)
        unknowns = ("u",)
        domain = Box(x=(0, 1))

        def residual(self, u, x):
            return result(u)

    pde = Named()
    assert list(pde.residuals(*fields(pde))) == names


def test_conditions_of_one_name_stay_apart() -> None:
    from spinn.pdes import Local

    pde = Rod()
    found = pde.condition_residuals(lambda face: Local(*fields(pde)))
    assert len(found) == 1 + 2 + 2


def test_misspelt_derivative_is_reported() -> None:
    class Misspelt(Rod):
        def residual(self, u, t, x):
            return u.d("ty")

    with pytest.raises(ValueError, match="derivative 'ty' names .*'y'.*coordinates are t, x"):
        derivative_orders(Misspelt())


def test_wrong_number_of_arguments_is_reported() -> None:
    class Short(Rod):
        def residual(self, u, t):
            return u.d("t")

    with pytest.raises(TypeError, match="positional argument"):
        derivative_orders(Short())


def test_orders_ignore_functions_of_the_coordinates() -> None:
    class Source(Rod):
        def residual(self, u, t, x):
            return u.d("t") - (x**3).d("xxx") * u

    assert derivative_orders(Source()) == {"t": 1, "x": 0}


def test_orders_count_conditions_products_and_derived_quantities() -> None:
    class Derived(Rod):
        def residual(self, u, t, x):
            return (u * u.d("x")).d("x") + sin(u.d("t")).d("t")

        def derived(self, u):
            return {"jerk": u.d("xxx")}

    assert derivative_orders(Derived()) == {"t": 2, "x": 3}

    class Slope(Rod):
        def residual(self, u, t, x):
            return u.d("x")

        def conditions(self):
            return [Initial("u", order=2)]

    assert derivative_orders(Slope()) == {"t": 2, "x": 1}


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("heat", {"kappa": -1.0}, "kappa must be positive"),
        ("heat", {"mode": 0}, "mode must be a whole number"),
        ("wave", {"c": 0.0}, "c must not be zero"),
        ("wave", {"mode": -2}, "mode must be a whole number"),
        ("advection", {"waves": 0}, "waves must be a whole number"),
        ("poisson_2d", {"waves_y": 0}, "waves_y must be a whole number"),
        ("flow_mixing_2d", {"vmax": 0.0}, "vmax must be positive"),
        ("navier_stokes_3d", {"nu": 0.0}, "nu must be positive"),
    ],
)
def test_parameters_that_make_no_sense(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get(name)(**parameters)
