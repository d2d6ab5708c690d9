"""The checker itself: what it measures, and that it cannot be fooled by scale."""

from typing import Any

import jax
import numpy as np
import pytest

from spinn.pdes import PDE, Box, Dirichlet, Gauge, check_exact, check_solution, sin


class Line(PDE):
    """u_xx = -u on [0, pi], u = 0 at the ends."""

    coordinates = ("x",)
    unknowns = ("u",)
    domain = Box(x=(0, np.pi))
    scale: float = 1.0  # of the solution
    shift: float = 0.0  # a mistake on purpose, relative to the solution

    def residual(self, u, x):
        return u.d("xx") + u

    def conditions(self):
        return [Dirichlet("u"), Gauge("u", value=2.0 / np.pi * self.scale)]

    def exact(self, x):
        return self.scale * (sin(x) + self.shift)


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12])
def test_sizes_are_relative(scale: float) -> None:
    assert max(check_exact(Line(scale=scale)).values()) < 1e-14
    wrong = check_exact(Line(scale=scale, shift=1e-6))
    assert wrong["residual"] == pytest.approx(5e-7, rel=0.01)
    assert wrong["dirichlet_u_x_low"] == pytest.approx(1e-6, rel=0.01)
    assert wrong["gauge_u"] == pytest.approx(1e-6, rel=0.5)


def test_repeats_itself_and_depends_on_the_seed() -> None:
    def rough(x: Any) -> dict[str, Any]:
        return {"u": sin(3.0 * x)}

    assert check_solution(Line(), rough) == check_solution(Line(), rough)
    assert check_solution(Line(), rough, seed=1)["residual"] != check_solution(Line(), rough)["residual"]


def test_runs_in_float64_and_leaves_the_setting_alone() -> None:
    seen = []

    def watched(x: Any) -> dict[str, Any]:
        seen.append(x.dtype)
        return {"u": sin(x)}

    before = jax.config.jax_enable_x64
    check_solution(Line(), watched)
    assert set(seen) == {np.dtype("float64")}
    assert jax.config.jax_enable_x64 == before


def test_needs_an_exact_solution() -> None:
    class Unknown(PDE):
        coordinates = ("x",)
        unknowns = ("u",)
        domain = Box(x=(0, 1))

        def residual(self, u, x):
            return u

    with pytest.raises(ValueError, match="Unknown defines no exact solution"):
        check_exact(Unknown())


def test_not_a_number_is_no_success() -> None:
    assert not check_solution(Line(), lambda x: {"u": sin(x) * np.nan})["residual"] < 1.0
