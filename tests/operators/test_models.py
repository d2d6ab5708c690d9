"""Models: shapes in one to three dimensions, grids of any size, exact zero faces, gradients everywhere."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.config.learning import OperatorModel
from spinn.errors import SpinnError
from spinn.operators.building import build
from spinn.operators.layout import Layout
from spinn.operators.surrogate import Normaliser, Surrogate


def layout(axes, vanishing=True, periodic=False, outputs=("u",)):
    names = tuple("xyz"[:axes])
    ends = ((vanishing, vanishing),) * axes
    return Layout(("a", "b"), outputs, names, (periodic,) * axes, ((0.0, 2.0),) * axes, ends)


def surrogate(kind, where, **settings):
    model = build(OperatorModel(kind=kind, width=6, modes=3, layers=2, terms=5, sensors=4, **settings), where,
                  key=jax.random.key(0))  # fmt: skip
    ins, outs = jnp.ones(2), jnp.ones(len(where.outputs))
    return Surrogate(model, Normaliser(ins, 2 * ins, 0 * outs, 3 * outs), where)


@eqx.filter_jit
def applied(one, inputs, nodes):
    return one(inputs, nodes)


@pytest.mark.parametrize(
    ("kind", "axes"), [("fno", 1), ("fno", 3), ("deeponet", 2), ("separable_deeponet", 1), ("separable_deeponet", 3)]
)
def test_zero_faces_are_exact_and_inside_is_not_zero(kind, axes):
    nodes = [jnp.linspace(0, 1, 5 + axis) for axis in range(axes)]
    inputs = jax.random.normal(jax.random.key(1), (2, 2, *(len(x) for x in nodes)))
    found = applied(surrogate(kind, layout(axes)), inputs, nodes)
    assert found.shape == (2, 1, *inputs.shape[2:])
    for axis in range(axes):
        assert float(jnp.abs(jnp.take(found, jnp.array([0, -1]), 2 + axis)).max()) < 1e-6
    assert float(jnp.abs(found).max()) > 1e-3


@pytest.mark.parametrize("kind", ["fno", "deeponet", "separable_deeponet"])
def test_a_finer_grid_shows_the_same_function(kind):
    one = surrogate(kind, layout(2, vanishing=False, outputs=("u", "v")))

    def of(points):
        nodes = [jnp.linspace(0, 1, points)] * 2
        mesh = jnp.meshgrid(*nodes, indexing="ij")
        return applied(one, jnp.stack([mesh[0] + mesh[1], 1 - mesh[0]])[None], nodes)

    coarse, fine = of(33), of(65)
    assert coarse.shape == (1, 2, 33, 33)
    difference = jnp.linalg.norm(fine[..., ::2, ::2] - coarse) / jnp.linalg.norm(coarse)
    assert float(difference) < (2e-3 if kind == "fno" else 1e-5)


@pytest.mark.parametrize("kind", ["fno", "deeponet", "separable_deeponet"])
def test_every_array_of_the_model_has_a_gradient(kind):
    one = surrogate(kind, layout(2))
    nodes = [jnp.linspace(0, 1, 9)] * 2
    inputs = jax.random.normal(jax.random.key(1), (2, 2, 9, 9))

    @eqx.filter_jit
    @eqx.filter_grad
    def slopes(model):
        return jnp.sum(eqx.tree_at(lambda s: s.model, one, model)(inputs, nodes) ** 2)

    leaves = jax.tree.leaves(slopes(one.model))
    assert all(bool(jnp.any(leaf != 0)) for leaf in leaves if leaf.ndim)


def test_periodic_axes_close():
    where = layout(1, vanishing=False, periodic=True)
    one = surrogate("separable_deeponet", where)
    inputs = jnp.ones((1, 2, 3))
    ends = applied(one, inputs, [jnp.array([0.0, 0.5, 1.0])])[0, 0]
    assert float(ends[0]) == pytest.approx(float(ends[2]), abs=1e-5)
    assert float(ends[0]) != pytest.approx(float(ends[1]), abs=1e-4)


def test_modes_for_another_number_of_axes_are_refused():
    with pytest.raises(SpinnError, match="a number for each of the axes x, y"):
        build(OperatorModel(modes=[4]), layout(2), key=jax.random.key(0))


def test_normalisation_takes_shift_and_scale_from_samples():
    random = np.random.default_rng(0)
    inputs = random.normal(3.0, 2.0, (8, 1, 20)).astype("f4")
    outputs = random.normal(1.0, 0.5, (8, 1, 20)).astype("f4")
    shifted, held = Normaliser.of(inputs, outputs, True), Normaliser.of(inputs, outputs, False)
    assert float(shifted.input_mean[0]) == pytest.approx(3.0, abs=0.5)
    assert float(shifted.output_mean[0]) == pytest.approx(1.0, abs=0.2)
    assert float(held.output_mean[0]) == 0.0
    assert float(held.output_scale[0]) == pytest.approx(np.sqrt((outputs**2).mean()), rel=1e-5)
