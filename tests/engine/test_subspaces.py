"""Cores on subspaces: fields are kept, roundings lose what they may, prescribed values and spaces stay."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.assembly import build_network, first_modes
from spinn.config import config_from
from spinn.pdes import PDE, Box, Dirichlet, derivative_orders, get, laplacian
from spinn.recipes import resolve
from spinn.subspaces import (
    Held,
    acting,
    blank,
    held,
    leading,
    probes,
    restricted,
    shape_of_restricted,
    truncated,
    widened,
)

pytestmark = pytest.mark.usefixtures("x64")


class Mixed2D(PDE):
    """Two unknowns of which one holds more conditions along x: each has a space of its own there."""

    coordinates = ("x", "y")
    unknowns = ("u", "v")
    domain = Box(x=(0, 2), y=(-1, 1))

    def residual(self, u, v, x, y):
        return laplacian(u) - v, laplacian(v) - 1.0

    def conditions(self):
        return [Dirichlet("u", value=1.0), Dirichlet("v", value=0.0, faces=("y",))]


@pytest.fixture(params=["klein_gordon_2d", "mixed"])
def whole(request):
    """A network with all features, some field, and some prescribed part."""
    pde = Mixed2D() if request.param == "mixed" else get("klein_gordon_2d")()
    stage = {"optimizer": "gauss_newton", "steps": 30}
    config = config_from({"pde": "klein_gordon_2d", "network": {"modes": 7, "rank": "grow"}, "train": [stage]})
    plan = resolve(config, pde)
    network = build_network(plan, pde, pde.domain, first_modes(plan, pde), key=jax.random.key(0))
    rng = np.random.default_rng(1)
    core = jnp.asarray(rng.standard_normal(network.core.shape) * 20.0 ** -np.indices(network.core.shape).sum(0))
    lift = np.zeros(network.lift.shape)
    lift[..., -1] = rng.standard_normal(lift.shape[:-1])  # of rank one or two along the last axis
    for space_axis, space in enumerate(network.spaces or ()):
        if space is not None:  # an unknown with fewer combinations has zero columns
            used = np.any(np.asarray(space), axis=1)
            shape = [1] * core.ndim
            shape[0], shape[space_axis + 1] = used.shape
            core = core * used.reshape(shape)
    return pde, eqx.tree_at(lambda n: (n.core, n.lift), network, (core, jnp.asarray(lift)))


def identity(network):
    return Held(tuple(np.eye(n) for n in network.core.shape[1:]), np.asarray(network.core))


def sizes(network):
    """The norms of the free parts."""
    return np.sqrt(np.sum(np.asarray(network.core) ** 2, tuple(range(1, network.core.ndim))))


def values(network, pde):
    rng = np.random.default_rng(3)
    points = {axis: jnp.asarray(rng.uniform(*pde.domain[axis], 40)) for axis in pde.coordinates}
    return np.stack(list(network.at_points(points).values()))


def size(network, pde):
    return np.linalg.norm(values(network, pde))


def test_the_field_stays_on_whole_and_on_wider_subspaces(whole):
    pde, network = whole
    small = restricted(network, identity(network))
    np.testing.assert_allclose(values(small, pde), values(network, pde), atol=1e-10 * size(network, pde))
    strengths = acting(network, derivative_orders(pde))
    found = truncated(held(small, network), strengths, 1e-2, sizes(network))
    more = [np.linalg.qr(np.random.default_rng(5).standard_normal((len(basis), 2)))[0] for basis in found.bases]
    one, other = restricted(network, found), restricted(network, widened(found, more, strengths))
    assert other.core.size > one.core.size
    np.testing.assert_allclose(values(one, pde), values(other, pde), atol=1e-10 * size(network, pde))
    sketch = restricted(network, probes(found, 0, [2] * len(found.bases), np.random.default_rng(0)))
    np.testing.assert_allclose(values(one, pde), values(sketch, pde), atol=1e-10 * size(network, pde))


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_rounding_loses_what_it_may(whole, tolerance):
    pde, network = whole
    found = truncated(identity(network), acting(network, derivative_orders(pde)), tolerance, sizes(network))
    assert found.core.size <= network.core.size
    back = found.core
    for place, basis in enumerate(found.bases):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
        back = np.moveaxis(np.tensordot(basis, back, ((1,), (place + 1,))), 0, place + 1)
    core = np.asarray(network.core)
    for mine, theirs in zip(back, core, strict=True):
        assert np.linalg.norm(mine - theirs) <= 1.01 * tolerance * np.linalg.norm(theirs)


def test_low_ranks_are_found(whole):
    pde, network = whole
    rng = np.random.default_rng(0)
    low = np.zeros(network.core.shape)
    low[tuple(slice(2) for _ in low.shape)] = rng.standard_normal(low[tuple(slice(2) for _ in low.shape)].shape)
    found = truncated(
        Held(identity(network).bases, low), acting(network, derivative_orders(pde)), 1e-10, sizes(network)
    )
    assert all(basis.shape[1] <= 2 * len(low) for basis in found.bases)
    assert min(basis.shape[1] for basis in found.bases) == 2


def test_turned_bases_have_orthogonal_derivatives(whole):
    pde, network = whole
    strengths = acting(network, derivative_orders(pde))
    found = truncated(identity(network), strengths, 1e-2, sizes(network))
    wider = widened(found, [np.eye(len(basis))[:, -1:] for basis in found.bases], strengths)
    for basis, strength in zip(wider.bases, strengths, strict=True):
        gram = basis.T @ (strength[:, None] * basis)
        assert np.max(np.abs(gram - np.diag(np.diag(gram)))) < 1e-10 * np.max(gram)


def test_missing_directions_are_those_of_the_correction():
    basis, missing = np.eye(6)[:, :2], np.array([0, 0, 0.6, 0.8, 0, 0])
    correction = np.zeros((1, 6, 4))
    correction[0, :, 1] = 3.0 * missing
    correction[0, 0, 2] = 100.0  # inside of the subspace
    directions, sizes = leading(basis, correction, 0)
    assert sizes[0] == pytest.approx(3.0)
    assert sizes[1] < 1e-12
    np.testing.assert_allclose(np.abs(directions[:, 0] @ missing), 1.0)


def test_a_blank_network_takes_the_arrays_back(whole):
    pde, network = whole
    small = restricted(
        network, truncated(identity(network), acting(network, derivative_orders(pde)), 1e-2, sizes(network))
    )
    empty = blank(network, shape_of_restricted(small))
    assert jax.tree.structure(empty) == jax.tree.structure(small)
    assert [leaf.shape for leaf in jax.tree.leaves(empty)] == [leaf.shape for leaf in jax.tree.leaves(small)]
