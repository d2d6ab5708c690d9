"""Frozen fields are the fields they stand for, take part in every expression, and do not vary."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.fields import Grid, Separable
from spinn.fields.frozen import Frozen, frozen_fields
from spinn.fields.linearisation import linearised
from spinn.networks.bodies import MLP, Legendre
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network, tucker_network
from spinn.pdes import point_fields

pytestmark = pytest.mark.usefixtures("x64", "quick_compile")

AXES = ("t", "x")


def network(head, seed):
    keys = jax.random.split(jax.random.key(seed), 2)
    bodies = {"t": Legendre(3), "x": MLP(3, 1, key=keys[0])}
    features = {axis: AxisFeatures(body, jnp.asarray(-1.0), jnp.asarray(1.0)) for axis, body in bodies.items()}
    if head == "cp":
        return cp_network(features, ("u", "v"), 2, key=keys[1])
    return tucker_network(features, ("u", "v"), {"t": None, "x": 2}, 3.0, key=keys[1])


def grid():
    points = {"t": jnp.asarray([-0.5, 0.2, 0.9]), "x": jnp.asarray([-0.8, 0.3])}
    return Grid(AXES, points, {axis: jnp.full(len(p), 1.0 / len(p)) for axis, p in points.items()})


def fields(one):
    here = grid()
    return one.fields(here, one.tables(here.points, dict.fromkeys(AXES, 3)))


def at_points(one):
    here = grid()
    mesh = jnp.meshgrid(*here.points.values(), indexing="ij")
    points = {axis: part.ravel() for axis, part in zip(AXES, mesh, strict=True)}
    found = point_fields(lambda t, x: one.at_points({"t": t, "x": x}), ("u", "v"), points)
    return {name: Frozen(here, field) for name, field in found.items()}


EXPRESSIONS = {
    "linear": lambda u, v: u.d("tt") - 2.0 * v.d("x") + u,
    "nonlinear": lambda u, v: u * v.d("x") + (u + v) ** 2,
    "derivative of a sum": lambda u, v: (u + 3.0 * v - 1.0).d("x").d("t"),
    "mean": lambda u, v: (2.0 * u - v - 0.5).mean("x"),
    "derivative of a product": lambda u, v: (u * v.d("t")).d("x"),
}


@pytest.mark.parametrize("base", [frozen_fields, "points"])
@pytest.mark.parametrize("head", ["cp", "tucker"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_sum_with_a_frozen_field_is_the_sum(name, head, base):
    one, other = network("tucker", 1), network(head, 2)
    below = at_points(other) if base == "points" else base(fields(other))
    u, v = (fields(one)[n] + below[n] for n in ("u", "v"))
    expected = EXPRESSIONS[name](*(fields(one)[n] + fields(other)[n] for n in ("u", "v")))
    np.testing.assert_allclose(EXPRESSIONS[name](u, v).value, expected.value, rtol=1e-12, atol=1e-12)


def moved(one: SeparableNetwork, by: float) -> SeparableNetwork:
    return eqx.tree_at(lambda n: n.core, one, one.core + by * jnp.ones_like(one.core))


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("name", ["linear", "nonlinear", "derivative of a sum", "derivative of a product"])
def test_only_what_is_not_frozen_is_linearised(name, points):
    one, other = network("tucker", 1), network("tucker", 2)
    below = at_points(other) if points else frozen_fields(fields(other))

    def value(by):
        found = fields(moved(one, by))
        return EXPRESSIONS[name](*(found[n] + below[n] for n in ("u", "v"))).value

    slope = jax.jvp(value, (0.0,), (1.0,))[1]
    linear = linearised(EXPRESSIONS[name](*(fields(one)[n] + below[n] for n in ("u", "v"))))
    assert all(term.head.varies for _, term in linear)
    total = jnp.zeros(grid().shape)
    for coefficient, term in linear:
        core = jnp.ones_like(one.core[0])
        unit = type(term)(1.0, type(term.head)(core), term.factors)
        total = total + coefficient * Separable(grid(), (unit,)).value
    np.testing.assert_allclose(total, slope, rtol=1e-10, atol=1e-10)


def test_frozen_terms_stay_lazy_and_keep_their_heads():
    one = network("cp", 3)
    found = frozen_fields(fields(one))
    whole = found["u"] + found["v"]
    assert isinstance(whole, Separable)
    assert all(term.head.frozen and not term.head.varies for term in whole.terms)
