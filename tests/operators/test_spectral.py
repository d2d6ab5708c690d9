"""Spectral convolutions: coefficients are integrals, weights act on any grid, Tucker tensors are what they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.operators.spectral import SpectralConvolution, analysed, quadrature, synthesised, waves


def circle(points):
    return jnp.arange(points) / points


def test_the_trapezoidal_rule_is_exact_for_lines_and_for_waves_on_a_circle():
    nodes = jnp.sort(jnp.concatenate([jnp.array([0.0, 1.0]), jax.random.uniform(jax.random.key(0), (9,))]))
    shares = quadrature(nodes, periodic=False)
    assert jnp.sum(shares * (2 * nodes + 1)) == pytest.approx(2.0, rel=1e-6)
    shares = quadrature(circle(12), periodic=True)
    assert shares == pytest.approx(np.full(12, 1 / 12), rel=1e-5)


def coefficients(values, modes):
    found = values
    for axis in range(2):
        nodes = circle(values.shape[2 + axis])
        table = waves(nodes, modes[axis], 1.0) * quadrature(nodes, True)
        found = jnp.moveaxis(jnp.tensordot(table, found, ((1,), (2 + axis,))), 0, 2 + axis)
    return analysed(found, modes)


def test_coefficients_are_those_of_an_fft():
    values = jax.random.normal(jax.random.key(1), (2, 3, 12, 10))
    found = coefficients(values, (4, 3))
    truth = jnp.fft.fft2(values) / 120
    kept = jnp.concatenate([truth[:, :, :4, :3], jnp.stack([truth[:, :, -k, :3] for k in (1, 2, 3)], 2)], 2)
    assert np.asarray(found) == pytest.approx(np.asarray(kept), abs=1e-6)


def test_synthesis_sums_waves():
    found = coefficients(jax.random.normal(jax.random.key(2), (1, 1, 12, 10)), (4, 3))
    factors = synthesised(found, (4, 3))
    x, y = circle(7), circle(9)
    values = jnp.einsum("pq,px,qy->xy", factors[0, 0], waves(x, 4, 1.0), waves(y, 3, 1.0))
    numbers = jnp.array([0, 1, 2, 3, -1, -2, -3])
    phases = jnp.exp(2j * jnp.pi * (numbers[:, None] * x)), jnp.exp(2j * jnp.pi * (jnp.arange(3)[:, None] * y))
    truth = jnp.einsum("kl,kx,ly->xy", found[0, 0], *phases).real
    assert np.asarray(values) == pytest.approx(np.asarray(truth), abs=1e-5)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_same_function_on_a_finer_grid_gives_the_same_function(axes):
    layer = SpectralConvolution(1, (3,) * axes, (1.0,) * axes, 1.0, key=jax.random.key(3))

    def of(points):
        nodes = [circle(points)] * axes
        mesh = jnp.meshgrid(*nodes, indexing="ij")
        values = jnp.sin(2 * jnp.pi * sum(mesh)) + jnp.cos(2 * jnp.pi * mesh[0])
        return jax.jit(layer.__call__)(values[None, None], nodes, [quadrature(x, True) for x in nodes])[0, 0]

    coarse, fine = of(8), of(16)
    assert np.asarray(fine[(slice(None, None, 2),) * axes]) == pytest.approx(np.asarray(coarse), abs=1e-5)
    assert float(jnp.abs(coarse).max()) > 0.01


def test_tucker_weights_have_the_ranks_asked_for_and_fewer_numbers():
    whole = SpectralConvolution(8, (6, 6), (1.0, 1.0), 1.0, key=jax.random.key(0))
    thin = SpectralConvolution(8, (6, 6), (1.0, 1.0), 0.5, key=jax.random.key(0))
    assert thin.weights.shape == whole.weights.shape == (2, 11, 6, 8, 8)
    for axis, rank in ((1, 6), (2, 3), (3, 4), (4, 4)):
        unfolded = jnp.moveaxis(thin.weights, axis, 0).reshape(thin.weights.shape[axis], -1)
        assert np.linalg.matrix_rank(np.asarray(unfolded), 1e-4) == rank
    count = sum(leaf.size for leaf in jax.tree.leaves(thin))
    assert count < 0.25 * whole.core.size
