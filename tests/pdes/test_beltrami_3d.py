"""The Beltrami flow: vorticity along the velocity, no divergence, and a pressure that only the gauge fixes."""

from typing import Any

import numpy as np
import pytest

from spinn.pdes import check_solution, point_coordinates
from spinn.pdes.beltrami_3d import Beltrami3D


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("a", "d"), [(1.0, 1.0), (0.7, 1.6)])
def test_vorticity_is_parallel_to_the_velocity(a: float, d: float) -> None:
    generator = np.random.default_rng(1)
    points = point_coordinates(**{axis: generator.uniform(-1, 1, 30) for axis in ("t", "x", "y", "z")})
    u, v, w, _ = Beltrami3D(a=a, d=d).exact(*points.values())
    velocity = np.stack([u.value, v.value, w.value])
    curl = [w.d("y") - v.d("z"), u.d("z") - w.d("x"), v.d("x") - u.d("y")]
    vorticity = np.stack([component.value for component in curl])
    np.testing.assert_allclose(np.cross(velocity, vorticity, axis=0), 0.0, atol=1e-12)
    assert np.abs(vorticity).max() > 0.1


def test_a_pressure_with_another_mean_is_caught_by_the_gauge_only() -> None:
    pde = Beltrami3D()

    def raised(t: Any, *space: Any) -> dict[str, Any]:
        exact = pde.exact_solution(t, *space)
        return {**exact, "p": exact["p"] + 0.1 * (1 + t)}

    found = check_solution(pde, raised, samples=50)
    assert {name for name, size in found.items() if size > 1e-6} == {"gauge_p"}


def test_needs_a_viscosity() -> None:
    with pytest.raises(ValueError, match="nu > 0, got 0"):
        Beltrami3D(nu=0.0)
