"""The flow on the torus: curl, divergence, what fixes its mean, and the paper's weights."""

import math
from typing import Any

import numpy as np
import pytest

from spinn.pdes import Box, Dirichlet, Initial, check_solution, derivative_orders, point_coordinates
from spinn.pdes.klein_gordon_2d import KleinGordon2D
from spinn.pdes.navier_stokes_3d import NavierStokes3D


def points() -> dict[str, Any]:
    generator = np.random.default_rng(1)
    return point_coordinates(**{axis: generator.uniform(0, 5, 40) for axis in ("t", "x", "y", "z")})


@pytest.mark.usefixtures("x64")
def test_exact_vorticity_is_the_curl_of_the_velocity() -> None:
    pde, coordinates = NavierStokes3D(), points()
    curl = pde.derived(*pde.exact(*coordinates.values())).values()
    for found, expected in zip(curl, pde.exact_vorticity(*coordinates.values()), strict=True):
        np.testing.assert_allclose(found.value, expected.value, atol=1e-13)


@pytest.mark.usefixtures("x64")
def test_force_has_no_divergence() -> None:
    pde, coordinates = NavierStokes3D(), points()
    fx, fy, fz = pde.force(*coordinates.values())
    np.testing.assert_allclose((fx.d("x") + fy.d("y") + fz.d("z")).value, 0.0, atol=1e-13)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_uniform_flow_is_caught_by_its_gauge_only(index: int) -> None:
    """A mean flow that grows from zero: of the conditions, only the gauge sees it."""
    pde = NavierStokes3D()
    name = pde.unknowns[index]

    def drifting(t: Any, *space: Any) -> dict[str, Any]:
        exact = pde.exact_solution(t, *space)
        return {**exact, name: exact[name] + 0.01 * t}

    found = check_solution(pde, drifting, samples=50)
    conditions = {key for key, size in found.items() if size > 1e-6 and not key.startswith("vorticity")}
    assert conditions == {f"gauge_{name}"}


def test_compressible_part_is_caught_by_the_divergence() -> None:
    pde = NavierStokes3D()

    def compressed(t: Any, x: Any, y: Any, z: Any) -> dict[str, Any]:
        exact = pde.exact_solution(t, x, y, z)
        return {**exact, "u": exact["u"] + 1e-3 * t * np.sin(1.0) * (x * 0.0 + 1.0) + 1e-3 * t * x}

    assert check_solution(pde, compressed, samples=50)["divergence"] > 1e-5


def test_weights_of_the_paper() -> None:
    pde = NavierStokes3D()
    assert pde.residual_weights() == {"divergence": 100.0}
    initial = [condition for condition in pde.conditions() if isinstance(condition, Initial)]
    assert len(initial) == 6
    assert {condition.weight for condition in initial} == {10.0}


def test_sizes_of_the_flow() -> None:
    u, v, w = NavierStokes3D().exact(0.0, 0.0, math.pi / 4, math.pi / 2)
    assert (u, v, w) == pytest.approx((2.0, 0.0, 0.0), abs=1e-15)


@pytest.mark.parametrize("x", [(0, 3), (-1, 1)])
def test_domain_must_be_periods(x: tuple[float, float]) -> None:
    whole = (0, 2 * math.pi)
    with pytest.raises(ValueError, match="domain of x must be whole periods"):
        NavierStokes3D(domain=Box(t=(0, 1), x=x, y=whole, z=whole))


def test_vorticity_form_needs_third_derivatives() -> None:
    assert derivative_orders(NavierStokes3D()) == {"t": 1, "x": 3, "y": 3, "z": 3}


def test_klein_gordon_is_given_its_slope() -> None:
    """Twice the slope of the exact solution, the same value at the start: caught by the slope condition."""
    pde = KleinGordon2D()

    def kicked(t: Any, x: Any, y: Any) -> dict[str, Any]:
        return {"u": pde.exact(t, x, y) + 0.1 * t * x * y}

    found = check_solution(pde, kicked)
    assert found["initial_u"] < 1e-13
    assert found["initial_dt_u"] > 1e-2


def test_homogeneous_boundaries_are_numbers() -> None:
    """The number 0.0 can be built into a network exactly; a function that happens to vanish cannot."""
    from spinn import pdes

    for name in ("helmholtz_3d", "poisson_2d", "heat", "wave"):
        found = [c.value for c in pdes.get(name)().conditions() if isinstance(c, Dirichlet)]
        assert found == [0.0], name
