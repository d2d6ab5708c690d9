"""Each condition on fields whose values are known, and the mistakes that are reported."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spinn.pdes import (
    PDE,
    Box,
    Condition,
    Dirichlet,
    Face,
    Gauge,
    Initial,
    Neumann,
    Periodic,
    Robin,
    check_solution,
    cos,
    derivative_orders,
    exp,
    sin,
)


def posed(*conditions: Condition, names: tuple[str, ...] = ("u",)) -> PDE:
    """A problem on t in [0, 1], x in [-1, 2] without equation to speak of."""

    class Posed(PDE):
        coordinates = ("t", "x")
        unknowns = names
        domain = Box(t=(0, 1), x=(-1, 2))

        def residual(self, *arguments):
            return arguments[0] * 0.0

        def conditions(self):
            return conditions

    return Posed()


def sizes(condition: Condition, function: Callable[..., Any]) -> dict[str, float]:
    found = check_solution(posed(condition), lambda t, x: {"u": function(t, x)}, samples=20)
    return {name: size for name, size in found.items() if name != "residual"}


def solution(t: Any, x: Any) -> Any:
    return exp(-t) * sin(2.0 * x)


def flux(t: Any, x: Any) -> Any:
    return 2.0 * exp(-t) * cos(2.0 * x)


HOLD = {
    "initial": Initial("u", value=lambda t, x: sin(2.0 * x)),
    "initial slope": Initial("u", value=lambda t, x: -sin(2.0 * x), order=1),
    "initial curvature": Initial("u", value=lambda t, x: sin(2.0 * x), order=2),
    "dirichlet": Dirichlet("u", value=solution),
    "dirichlet of a function": Dirichlet(lambda u: u.d("x"), value=flux, label="flux"),
    "neumann high": Neumann("u", value=flux, faces=(Face("x", "high"),)),
    "neumann low": Neumann("u", value=lambda t, x: -flux(t, x), faces=(Face("x", "low"),)),
    "robin high": Robin(
        "u", value=lambda t, x: 2.0 * solution(t, x) + 3.0 * flux(t, x), a=2.0, b=3.0, faces=(Face("x", "high"),)
    ),
    "robin low": Robin(
        "u", value=lambda t, x: 2.0 * solution(t, x) - 3.0 * flux(t, x), a=2.0, b=3.0, faces=(Face("x", "low"),)
    ),
    "mean": Gauge("u", value=lambda t, x: exp(-t) * (np.cos(2.0) - np.cos(4.0)) / 6.0),
}


@pytest.mark.parametrize("condition", HOLD.values(), ids=HOLD.keys())
def test_condition_holds(condition: Condition) -> None:
    assert max(sizes(condition, solution).values()) < 1e-13


@pytest.mark.parametrize("condition", HOLD.values(), ids=HOLD.keys())
def test_condition_fails_for_another_function(condition: Condition) -> None:
    assert max(sizes(condition, lambda t, x: exp(-t) * sin(2.1 * x + 0.1) * (1.0 - 0.1 * t)).values()) > 1e-3


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (Initial("u"), ["initial_u"]),
        (Initial("u", order=1), ["initial_dt_u"]),
        (Initial(lambda u: u, label="energy"), ["initial_energy"]),
        (Dirichlet("u"), ["dirichlet_u_x_low", "dirichlet_u_x_high"]),
        (Dirichlet("u", faces=(Face("x", "high"),)), ["dirichlet_u_x_high"]),
        (Neumann("u", faces=("x",)), ["neumann_u_x_low", "neumann_u_x_high"]),
        (Robin("u", faces=("t",)), ["robin_u_t_low", "robin_u_t_high"]),
        (Periodic("u", axis="x", order=2), ["periodic_u_x_0", "periodic_u_x_1", "periodic_u_x_2"]),
        (Gauge("u"), ["gauge_u"]),
    ],
)
def test_names(condition: Condition, names: list[str]) -> None:
    assert list(sizes(condition, solution)) == names


def test_periodic_compares_values_and_slopes() -> None:
    k = 2.0 * np.pi / 3.0
    held = sizes(Periodic("u", axis="x", order=2), lambda t, x: sin(k * x) * (1.0 + t))
    assert max(held.values()) < 1e-13
    kink = sizes(Periodic("u", axis="x"), lambda t, x: cos(k / 2.0 * (x - 0.5)) * (1.0 + t))
    assert kink["periodic_u_x_0"] < 1e-13  # the same value at both ends ...
    assert kink["periodic_u_x_1"] > 0.1  # ... with opposite slopes


def test_a_tuple_of_values_is_read_by_position() -> None:
    conditions = [Initial(name, value=lambda t, x: (sin(x), cos(x))) for name in ("u", "v")]
    pde = posed(*conditions, names=("u", "v"))
    right = check_solution(pde, lambda t, x: {"u": sin(x), "v": cos(x)}, samples=20)
    swapped = check_solution(pde, lambda t, x: {"u": cos(x), "v": sin(x)}, samples=20)
    assert right["initial_u"] == right["initial_v"] == 0.0
    assert min(swapped["initial_u"], swapped["initial_v"]) > 0.1


def test_a_tuple_of_values_needs_a_named_unknown() -> None:
    with pytest.raises(ValueError, match="single expression"):
        sizes(Initial(lambda u: u, value=lambda t, x: (x, x)), solution)


@pytest.mark.parametrize("order", [0, 1])
def test_initial_condition_on_a_steady_problem(order: int) -> None:
    class Steady(PDE):
        coordinates = ("x", "y")
        unknowns = ("u",)
        domain = Box(x=(0, 1), y=(0, 1))

        def residual(self, u, x, y):
            return u.d("xx") + u.d("yy")

        def conditions(self):
            return [Initial("u", order=order)]

    with pytest.raises(ValueError, match="'u': the problem has no time axis 't'.*axes are x, y.*use Dirichlet"):
        derivative_orders(Steady())


def test_unknown_that_does_not_exist() -> None:
    with pytest.raises((KeyError, ValueError), match="velocity"):
        sizes(Dirichlet("velocity"), solution)


def test_weights_are_passed_on() -> None:
    from spinn.pdes import Local, point_coordinates

    coordinates = point_coordinates(t=np.zeros(2), x=np.zeros(2))
    pde = posed(Initial("u", weight=10.0), Dirichlet("u", weight=0.5))
    weights = {k: w for k, (_, w) in pde.condition_residuals(lambda face: Local({"u": coordinates["x"]}, {})).items()}
    assert weights == {"initial_u": 10.0, "dirichlet_u_x_low": 0.5, "dirichlet_u_x_high": 0.5}
