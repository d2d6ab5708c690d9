"""Weights by name, causal weights, and what is refused."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinn.errors import SpinnError
from spinn.objective.blocks import Weighting, causal_weights, condition_residuals, half_square, interior_residuals
from spinn.pdes import PDE, Box, Dirichlet, Initial, Local, point_coordinates, point_field

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")


class Decay(PDE):
    """u_t = -u on [0, 1]^2."""

    coordinates = ("t", "x")
    unknowns = ("u",)
    domain = Box(t=(0, 1), x=(0, 1))

    def residual(self, u, t, x):  # type: ignore[no-untyped-def]
        return {"decay": u.d("t") + u, "slope": u.d("x")}

    def residual_weights(self) -> dict[str, float]:
        return {"slope": 7.0}

    def conditions(self) -> list[Any]:
        return [Initial("u", value=1.0, weight=3.0), Dirichlet("u", faces=("x",))]


class Still(Decay):
    """u u_x = 0 on [0, 1]."""

    coordinates = ("x",)
    domain = Box(x=(0, 1))

    def residual(self, u, x):  # type: ignore[no-untyped-def]
        return jnp.zeros(3)


WEIGHTS = {"dirichlet_u": 2.0, "dirichlet_u_x_low": 5.0, "residual": 11.0}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dirichlet_u_x_low", 5.0),  # its own name first
        ("dirichlet_u_x_high", 2.0),  # then the longest prefix
        ("dirichlet_u", 2.0),
        ("dirichlet_uv_x_low", 0.25),  # another unknown, not a suffix
        ("residual_1", 11.0),
        ("initial_u", 0.25),  # then what the PDE says
    ],
)
def test_weights_are_found_by_name_or_prefix(name: str, expected: float) -> None:
    assert Weighting(WEIGHTS).of(name, 0.25) == expected


def test_a_root_multiplies_weight_and_scale() -> None:
    assert float(Weighting({"a": 8.0}).root("a", 1.0, {"a": 0.5})) == pytest.approx(2.0)
    assert float(Weighting({}).root("a", 9.0, {})) == pytest.approx(3.0)
    assert float(Weighting({"a": 0.0}).root("a", 9.0, {})) == 0.0


LOSSES = st.lists(st.floats(0, 5), min_size=2, max_size=6)


@settings(max_examples=20, deadline=None)
@given(LOSSES, st.floats(0, 3), st.floats(0, 2))
def test_causal_weights_are_those_of_the_paper(losses: list[float], epsilon: float, earlier: float) -> None:
    found = causal_weights(jnp.asarray(losses), epsilon, earlier)
    expected = [np.exp(-epsilon * (earlier + sum(losses[:i]))) for i in range(len(losses))]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@settings(max_examples=10, deadline=None)
@given(LOSSES)
def test_causal_weights_never_rise_and_continue_over_a_cut(losses: list[float]) -> None:
    whole = causal_weights(jnp.asarray(losses), 1.5)
    assert np.all(np.diff(whole) <= 1e-15) and whole[0] == 1.0
    later = causal_weights(jnp.asarray(losses[1:]), 1.5, losses[0])
    np.testing.assert_allclose(later, whole[1:], rtol=1e-12)


def test_causal_weighting_needs_time() -> None:
    with pytest.raises(SpinnError, match="Still has no axis 't' .its coordinates are x.; set loss.causal to 0"):
        Weighting(causal=1.0).check(Still())
    Weighting(causal=1.0).check(Decay())
    Weighting().check(Still())


def test_half_square_is_half_the_sum_of_all_squares() -> None:
    assert float(half_square({"a": jnp.array([1.0, 2.0]), "b": jnp.array([[3.0]])})) == 7.0


def local(*names: str) -> Local:
    points = {name: np.array([0.25, 0.5]) for name in names}
    return Local({"u": point_field(lambda *c: c[0], points)}, point_coordinates(**points))


def test_residuals_come_with_the_weights_of_the_pde() -> None:
    found = interior_residuals(Decay(), local("t", "x"))
    assert {name: weight for name, (_, weight) in found.items()} == {"decay": 1.0, "slope": 7.0}
    np.testing.assert_allclose(found["decay"][0].value, [1.25, 1.5])


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        (set(), {"initial_u": 3.0, "dirichlet_u_x_low": 1.0, "dirichlet_u_x_high": 1.0}),
        ({"dirichlet_u"}, {"initial_u": 3.0}),
        ({"dirichlet_u_x_high"}, {"initial_u": 3.0, "dirichlet_u_x_low": 1.0}),
        ({"dirichlet", "initial_u"}, {}),
        ({"dirichlet_u_x_l"}, {"initial_u": 3.0, "dirichlet_u_x_low": 1.0, "dirichlet_u_x_high": 1.0}),
    ],
)
def test_conditions_that_are_held_exactly_are_left_out(skip: set[str], expected: dict[str, float]) -> None:
    found = condition_residuals(Decay(), lambda face: local("t", "x"), None, frozenset(skip))
    assert {name: weight for name, (_, weight) in found.items()} == expected


def test_a_residual_that_is_no_field_is_refused() -> None:
    with pytest.raises(SpinnError, match="residual 'residual' must be a field built from the unknowns .* got Array"):
        interior_residuals(Still(), local("x"))
