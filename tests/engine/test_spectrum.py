"""Spectra of known signals, and fields that stay the same when their basis grows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.networks.bodies import Fourier, Legendre
from spinn.networks.elements import Elements
from spinn.networks.separable import AxisFeatures, tucker_network
from spinn.spectrum import (
    ELEMENT_DEGREE,
    ELEMENT_RUNGS,
    data_modes,
    gauss_rule,
    limited,
    mode_energies,
    mode_weights,
    needed_modes,
    refined_breaks,
    tails,
    transferred,
)

pytestmark = pytest.mark.usefixtures("x64")


def gauss_samples(function, count):
    """Samples times the roots of the weights, on [-1, 1] with weights that sum to one."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return function(points) * np.sqrt(weights / 2.0)


# --- energies ---------------------------------------------------------------------------------------------------------


def test_legendre_energies_of_a_polynomial():
    """3 P_0 - 2 P_4: orthonormal coefficients are 3 and -2 / sqrt(9)."""
    series = np.polynomial.legendre.Legendre([3.0, 0, 0, 0, -2.0])
    energies = mode_energies(gauss_samples(series, 12)[:, None], 0, periodic=False)
    expected = np.zeros(12)
    expected[[0, 4]] = 9.0, 4.0 / 9.0
    np.testing.assert_allclose(energies, expected, atol=1e-12)


def test_fourier_energies_of_waves():
    t = np.arange(16) / 16
    block = (2.0 + np.sin(2 * np.pi * 3 * t)) / 4.0
    energies = mode_energies(np.stack([block, block], 1), 0, periodic=True)
    assert set(np.nonzero(energies > 1e-12)[0]) == {0, 3}
    assert needed_modes(energies) == 4


def test_energies_along_either_axis():
    x = gauss_samples(np.polynomial.legendre.Legendre.basis(2), 8)
    y = gauss_samples(np.polynomial.legendre.Legendre.basis(5), 9)
    block = np.outer(x, y)
    assert np.argmax(mode_energies(block, 0, False)) == 2
    assert np.argmax(mode_energies(block, 1, False)) == 5
    total = np.sum(block**2)
    assert np.sum(mode_energies(block, 0, False)) == pytest.approx(total)
    assert np.sum(mode_energies(block, 1, False)) == pytest.approx(total)


def test_needed_modes():
    assert needed_modes(np.array([1.0, 1.0, 0.0, 0.0])) == 2
    assert needed_modes(np.array([1.0, 0.0, 1e-30])) == 1
    assert needed_modes(np.array([1.0, 1e-4, 1e-8]), tail=1e-3) == 2
    assert needed_modes(np.array([1.0, 1.0, 1.0])) == 3
    assert needed_modes(np.zeros(4)) == 0


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=12), st.floats(1e-8, 0.5))
def test_needed_modes_leave_out_no_more_than_the_tail(energies, tail):
    found = needed_modes(np.array(energies), tail)
    total = np.sum(energies)
    if total > 0:
        assert np.sqrt(np.sum(energies[found:]) / total) <= tail or found == len(energies)
        if found:
            assert np.sqrt(np.sum(energies[found - 1 :]) / total) >= tail


def test_data_modes_take_the_largest_over_blocks_and_never_less():
    first = np.outer(gauss_samples(np.polynomial.legendre.Legendre.basis(6), 10), np.ones(8) / np.sqrt(8))
    wave = np.cos(2 * np.pi * 3 * np.arange(8) / 8)
    face = wave[None, :]
    found = data_modes({"residual": first, "initial_u": face}, ("t", "x"), frozenset({"x"}), {"t": 2, "x": 1})
    assert found == {"t": 7, "x": 4}
    assert data_modes({"residual": first}, ("t", "x"), frozenset({"x"}), {"t": 9, "x": 5}) == {"t": 9, "x": 5}


@given(
    st.dictionaries(st.sampled_from("txyz"), st.integers(2, 60), min_size=1, max_size=4),
    st.sets(st.sampled_from("txyz")), st.integers(1, 3), st.integers(200, 10**5),
)  # fmt: skip
def test_limits_hold_and_do_nothing_where_there_is_room(modes, periodic, unknowns, limit):
    def size(modes):
        return unknowns * np.prod([2 * n + 1 if axis in periodic else n for axis, n in modes.items()])

    found = limited(modes, frozenset(periodic), unknowns, limit)
    assert found.keys() == modes.keys()
    assert all(2 <= found[axis] <= modes[axis] for axis in modes)
    if size(modes) <= limit:
        assert found == modes
    elif all(n > 2 for n in found.values()):
        assert size(found) <= limit


# --- cores ------------------------------------------------------------------------------------------------------------


def axis(body, ends=(False, False)):
    vanish = (False, False) if isinstance(body, Legendre) else ends
    return AxisFeatures(body, jnp.asarray(-1.0), jnp.asarray(3.0), *vanish)


def network_of(bodies, mixed, seed=0):
    """A Tucker network with a random core; `mixed` turns the features by random invertible matrices."""
    features = {name: axis(body) for name, body in bodies.items()}
    network = tucker_network(features, ("u", "v"), dict.fromkeys(bodies), 1.0, key=jax.random.key(seed))
    if not mixed:
        return network
    keys = jax.random.split(jax.random.key(seed + 1), len(bodies))
    mixings = tuple(
        jnp.eye(body.width) + 0.3 * jax.random.normal(key, (body.width, body.width)) / body.width**0.5
        for key, body in zip(keys, bodies.values(), strict=True)
    )
    return eqx.tree_at(lambda n: n.mixings, network, mixings, is_leaf=lambda leaf: leaf is None)


@eqx.filter_jit
def values(network):
    points = np.linspace(-1.0, 3.0, 13)
    return network.at_points({name: jnp.asarray(np.roll(points, 3 * i)) for i, name in enumerate(network.axes)})


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("ends", [(False, False), (True, False), (False, True), (True, True)])
def test_growing_polynomials_keep_the_field(ends, mixed):
    old = network_of({"t": Legendre(4, *ends), "x": Legendre(3)}, mixed)
    new = network_of({"t": Legendre(7, *ends), "x": Legendre(5)}, mixed, seed=9)
    grown = eqx.tree_at(lambda n: n.core, new, jnp.asarray(transferred(old, new)))
    after = values(grown)
    for name, before in values(old).items():
        np.testing.assert_allclose(after[name], before, rtol=1e-11, atol=1e-12)
        assert np.max(np.abs(before)) > 0.1


@pytest.mark.parametrize("mixed", [False, True])
def test_growing_waves_keep_the_field(mixed):
    old = network_of({"t": Legendre(3), "x": Fourier(2)}, mixed)
    new = network_of({"t": Legendre(3), "x": Fourier(5)}, mixed, seed=9)
    grown = eqx.tree_at(lambda n: n.core, new, jnp.asarray(transferred(old, new)))
    after = values(grown)
    for name, before in values(old).items():
        np.testing.assert_allclose(after[name], before, rtol=1e-11, atol=1e-12)


def test_weights_are_those_of_the_core_with_mixings_multiplied_out():
    network = network_of({"t": Legendre(3), "x": Legendre(4)}, mixed=True)
    first, second = (np.asarray(mixing) for mixing in network.mixings)
    core = np.einsum("uab,ta,xb->utx", np.asarray(network.core), first, second)
    found = mode_weights(network)
    np.testing.assert_allclose(found["t"], np.sum(core**2, (0, 2)))
    np.testing.assert_allclose(found["x"], np.sum(core**2, (0, 1)))


def test_tails_tell_which_axis_is_short():
    network = network_of({"t": Legendre(8), "x": Fourier(8)}, mixed=False)
    core = np.zeros((2, 8, 17))
    core[0, 0, 0] = 1.0
    core[0, 7, 0] = 1e-3
    found = tails(eqx.tree_at(lambda n: n.core, network, jnp.asarray(core)))
    assert found["t"] == pytest.approx(1e-3, rel=1e-5)
    assert found["x"] == 0.0
    core[1, 0, 16] = 1e-5  # the cosine of the highest wave number
    found = tails(eqx.tree_at(lambda n: n.core, network, jnp.asarray(core)))
    assert found["x"] == pytest.approx(1e-5, rel=1e-3)


def test_tails_of_the_zero_field():
    network = network_of({"t": Legendre(4), "x": Fourier(2)}, mixed=False)
    assert tails(eqx.tree_at(lambda n: n.core, network, jnp.zeros_like(network.core))) == {"t": 0.0, "x": 0.0}


# --- elements ---------------------------------------------------------------------------------------------------------


def layered(body, breaks=None, width=0.05):
    """A layer at x = 0.4, constant in t, in the features of the body along x."""
    network = tucker_network(
        {"t": AxisFeatures(Legendre(2), jnp.asarray(0.0), jnp.asarray(1.0)),
         "x": AxisFeatures(body, jnp.asarray(-1.0), jnp.asarray(1.0))},
        ("u",), {"t": None, "x": None}, key=jax.random.key(0),
    )  # fmt: skip
    unit, weights = gauss_rule(body, breaks)
    points, root = 2.0 * unit - 1.0, np.sqrt(weights)
    table = np.asarray(network.tables({"x": jnp.asarray(points)}, {"x": 0})["x"][0, :, 0])
    wanted = np.linalg.lstsq(root[:, None] * table, root * np.tanh((points - 0.4) / width), rcond=None)[0]
    return eqx.tree_at(lambda n: n.core, network, jnp.zeros(network.core.shape).at[0, 0].set(wanted))


def test_breaks_gather_where_the_layer_is():
    found = np.array(refined_breaks(layered(Legendre(160)), "x", 1e-6, 30))
    middle, widths = (found[:-1] + found[1:]) / 2, np.diff(found)
    assert np.max(np.abs(middle[widths == widths.min()] - 0.4)) < 0.15
    assert widths.max() / widths.min() == 4
    assert len(refined_breaks(layered(Legendre(160)), "x", 1e-6, 5)) <= 6


@pytest.mark.parametrize("most", [5, 13, 30])
def test_counts_of_elements_are_few(most):
    """Each has its own compiled programs: a global basis is cut on up to one of them, or to as many as there may be."""
    for width in (0.05, 0.02):
        count = len(refined_breaks(layered(Legendre(160), width=width), "x", 1e-6, most)) - 1
        assert count in (*ELEMENT_RUNGS, most) and count <= most


def test_elements_are_cut_once_where_they_are_short_of_polynomials():
    breaks = (-1.0, -0.5, 0.0, 0.5, 1.0)
    network = layered(Elements(breaks, ELEMENT_DEGREE), breaks)
    found = refined_breaks(network, "x", 1e-6, 30)
    assert 0.25 in found and len(found) - 1 == 6  # the layer is in [0, 0.5]; its count has a neighbour's cut as well
    assert refined_breaks(network, "x", 1e-6, 5) == (-1.0, -0.5, 0.0, 0.25, 0.5, 1.0)
    assert refined_breaks(network, "x", 1.0, 30) == breaks
    assert tails(network)["x"] > 1e-3
    assert tails(network)["t"] == 0.0


def test_a_field_on_elements_stays_the_same_on_finer_ones():
    old = network_of({"t": Legendre(3), "x": Elements((-1.0, -0.5, 0.25, 1.0), 4)}, False)
    new = network_of({"t": Legendre(4), "x": Elements((-1.0, -0.5, -0.25, 0.25, 1.0), 4)}, False, seed=9)
    grown = eqx.tree_at(lambda n: n.core, new, jnp.asarray(transferred(old, new)))
    after = values(grown)
    for name, before in values(old).items():
        np.testing.assert_allclose(after[name], before, rtol=1e-10, atol=1e-11)
