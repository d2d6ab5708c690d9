"""Joint evaluation of fields: the same arrays as one by one, from fewer contractions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.fields import Grid, Head, JetTable, coordinate_fields, evaluation, network_field
from spinn.fields.evaluation import addends, evaluate
from spinn.pdes import laplacian, sin

COUNTS = {"t": 3, "x": 4, "y": 5}


@pytest.fixture
def fields(x64):
    """Two unknowns of rank three with two derivatives, and the coordinates."""
    keys = iter(jax.random.split(jax.random.key(0), 9))
    points = {axis: jnp.linspace(0.1, 0.9, n) for axis, n in COUNTS.items()}
    grid = Grid(tuple(COUNTS), points, {axis: jnp.full(n, 1.0 / n) for axis, n in COUNTS.items()})
    head = Head()

    def unknown():
        tables = {axis: JetTable(jax.random.normal(next(keys), (4, n, 3))) for axis, n in COUNTS.items()}
        return network_field(grid, tables, head)

    return {"u": unknown(), "v": unknown(), **coordinate_fields(grid)}


def count_contractions(monkeypatch):
    """A list that grows by the terms of each contraction."""
    seen = []
    real = evaluation.contract

    def contract(terms, *rest):
        seen.append(len(terms))
        return real(terms, *rest)

    monkeypatch.setattr(evaluation, "contract", contract)
    return seen


def expressions(u, v, t, x, y):
    curl = v.d("x") - u.d("y")
    return [
        u.d("t") + u * curl.d("x") - 0.1 * laplacian(u) - sin(x) * y,
        -(curl * u.d("x") + 2.0 * v) + 3.0,
        u.d("x") + v.d("y"),
        (u * x + v**2).mean("x", "y") + u.mean("x", "y"),
        x * (u * v) - jnp.ones((3, 4, 5)) * u,
        t * x,
        x + 0.0,
    ]


def test_values_are_those_of_the_fields_alone(fields):
    wanted = [field.value for field in expressions(**fields)]
    for array, expected in zip(evaluate(expressions(**fields)), wanted, strict=True):
        np.testing.assert_allclose(array, jnp.broadcast_to(expected, array.shape), rtol=1e-12, atol=1e-12)


def test_known_functions_survive_a_second_evaluation(fields):
    """Values made for one evaluation must not belong to the branch that it ran in."""
    both = jax.jit(lambda: [evaluate([fields["u"] ** 2 * fields["x"]])[0] for _ in range(2)])()
    np.testing.assert_array_equal(*both)


def test_linear_parts_of_a_nonlinear_sum_are_contracted_together(fields, monkeypatch):
    u, v = fields["u"], fields["v"]
    residual = u.d("t") + u * v - 0.1 * laplacian(u) - 3.0 * u.d("xy")
    seen = count_contractions(monkeypatch)
    evaluate([residual])
    assert sorted(seen) == [1, 1, 4]


def test_shared_products_are_formed_once(fields, monkeypatch):
    u, v = fields["u"], fields["v"]
    seen = count_contractions(monkeypatch)
    evaluate([u.d("x") * v.d("x"), u.d("x") * v.d("x") * u, (v.d("x") - u.d("y")) * v, u.d("y") * u])
    assert seen == [1] * 5  # u_x, v_x, u, u_y, v


def test_gradient_is_that_of_the_fields_alone(fields):
    def loss(scale, evaluated):
        u, v = fields["u"].times(scale), fields["v"]
        residual = u * v.d("x") + u.d("t") - u**3
        value = evaluate([residual])[0] if evaluated else residual.value
        return jnp.sum(value**2)

    ours, plain = (jax.grad(loss)(jnp.asarray(0.7), evaluated) for evaluated in (True, False))
    np.testing.assert_allclose(ours, plain, rtol=1e-12)
    assert abs(plain) > 1e-3


def test_not_a_number_in_a_factor_reaches_the_value(fields):
    assert bool(jnp.isnan(evaluate([fields["u"].times(jnp.asarray(jnp.nan)) * fields["v"]])[0]).all())


def test_addends_spell_out_sums_and_multiples(fields):
    u, v = fields["u"], fields["v"]
    product = u * v
    found = list(addends(u - 2.0 * (product + v), 1.0))
    assert [scale for scale, _ in found] == [1.0, -2.0, -2.0]
    assert found[1][1] is product
