"""Networks, samplers and objectives as a plan asks for them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.assembly import (
    POINTS_PER_SLAB,
    build_network,
    build_objective,
    build_sampler,
    first_modes,
    point_counts,
    trainable,
)
from spinn.config import config_from
from spinn.networks.bodies import MLP, Fourier, FourierMLP, Legendre, ModifiedMLP, PeriodicInput, Sine
from spinn.networks.pointwise import PointNetwork
from spinn.objective import SeparableObjective
from spinn.objective.pointwise import PointObjective
from spinn.pdes import get
from spinn.recipes import resolve
from spinn.sampling.points import PointSampler

pytestmark = pytest.mark.usefixtures("x64")


def planned(name, **sections):
    pde = get(name)()
    return resolve(config_from({"pde": name, **sections}), pde), pde


def built(name, **sections):
    plan, pde = planned(name, **sections)
    network = build_network(plan, pde, pde.domain, first_modes(plan, pde), key=jax.random.key(0))
    return network, plan, pde


def parameters(network, plan):
    """Names and sizes of the arrays that training changes."""
    mask = jax.tree.leaves(trainable(network, plan))
    leaves = jax.tree_util.tree_leaves_with_path(network)
    return {jax.tree_util.keystr(path): leaf.size for (path, leaf), on in zip(leaves, mask, strict=True) if on}


# --- counts of the paper ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("helmholtz_3d", 44_832), ("navier_stokes_3d", 150_272)])
def test_parameters_of_the_papers_networks(name, count):
    """Cho et al., NeurIPS 2023: 44,832 in three axes (rank 32), 150,272 for Navier-Stokes in four (rank 128)."""
    with jax.enable_x64(False):
        network, plan, _ = built(name, recipe="paper")
        assert sum(parameters(network, plan).values()) == count
        assert {leaf.dtype for leaf in jax.tree.leaves(network)} == {jnp.dtype("float32")}


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "body"),
    [
        ("mlp", MLP), ("modified_mlp", ModifiedMLP), ("sine", Sine), ("fourier_mlp", FourierMLP),
        ("legendre", Legendre),
    ],
)  # fmt: skip
def test_bodies_by_name(feature, body):
    network, _, _ = built("wave", network={"features": feature, "width": 5, "depth": 1, "modes": 4, "rank": 3})
    assert {type(one.body) for one in network.features} == {body}


def test_periodic_axes_get_periodic_bodies():
    network, _, _ = built("advection", network={"width": 5, "modes": 4})
    assert [type(one.body) for one in network.features] == [Legendre, Fourier]
    network, _, _ = built("advection", network={"features": "mlp", "width": 5, "rank": 2})
    assert [type(one.body) for one in network.features] == [MLP, PeriodicInput]


@pytest.mark.parametrize("features", ["legendre", "mlp", "sine"])
@pytest.mark.parametrize("kind", ["separable", "pointwise"])
def test_zero_faces_are_held_exactly(features, kind):
    if kind == "pointwise" and features == "legendre":
        features = "fourier_mlp"
    settings = {"kind": kind, "features": features, "width": 5, "depth": 1, "modes": 4, "trainable": True}
    network, _, _ = built("heat", network=settings)
    t, x = jnp.asarray([0.0, 0.3, 1.0, 0.3]), jnp.asarray([0.0, 1.0, 1.0, 0.4])
    values = network.at_points({"t": t, "x": x})["u"]
    np.testing.assert_allclose(values[:3], 0.0, atol=1e-14)
    assert abs(float(values[3])) > 1e-6


@pytest.mark.parametrize("features", ["fourier_mlp", "sine"])
def test_periodicity_is_held_exactly(features):
    network, _, pde = built("advection", network={"features": features, "width": 5, "depth": 1, "rank": 3})
    low, high = pde.domain["x"]
    t = jnp.full(2, 0.4)
    ends = network.at_points({"t": t, "x": jnp.asarray([low, high])})["u"]
    assert float(ends[0]) == pytest.approx(float(ends[1]), abs=1e-12)


def test_fixed_features_are_orthonormal_and_start_from_zero():
    network, plan, pde = built("heat", network={"features": {"x": "sine"}, "width": 6, "depth": 1, "modes": 5,
                                                "trainable": False})  # fmt: skip
    assert plan.is_basis
    nodes, weights = np.polynomial.legendre.leggauss(60)
    for axis in pde.coordinates:
        low, high = pde.domain[axis]
        points = jnp.asarray(low + (high - low) * (nodes + 1) / 2)
        free = network.core.shape[1 + network.axes.index(axis)]
        table = np.asarray(network.tables({axis: points}, {"t": 0, "x": 0})[axis])[0, :, 0, :free]
        gram = table.T @ (table * weights[:, None] / 2)
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-9)
    assert not np.any(network.core) and not np.any(network.lift)


def test_free_features_have_no_traces_and_dual_ones_have_one_each():
    network, plan, pde = built("wave", network={"modes": 7})
    for axis, count in {"t": 2, "x": 2}.items():
        traces, (low, high) = plan.embedding.traces[axis], pde.domain[axis]
        assert len(traces) == count
        table = np.asarray(network.tables({axis: jnp.asarray([low, high])}, {"t": 1, "x": 1})[axis])[:, :, 0]
        found = [sum(w * table[m, int(trace.side == "high")] for m, w in enumerate(trace.weights)) for trace in traces]
        np.testing.assert_allclose(found, np.eye(count, table.shape[2], table.shape[2] - count), atol=1e-9)


def test_another_seed_is_another_network_and_the_same_is_the_same():
    plan, pde = planned("heat", network={"features": "mlp", "width": 4, "depth": 1, "rank": 2})
    one, same, other = (
        build_network(plan, pde, pde.domain, first_modes(plan, pde), key=jax.random.key(seed)) for seed in (0, 0, 1)
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, one, same))
    assert not jax.tree.all(jax.tree.map(np.array_equal, one, other))


# --- what is trained --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "trained", "frozen"),
    [
        ({"modes": 4}, [".core"], [".mixings", ".features"]),
        ({"modes": 6, "rank": 3}, [".core", ".mixings"], [".features"]),
        ({"features": "mlp", "head": "cp", "rank": 2}, [".features", ".mixings", ".biases"], [".low", ".high"]),
        ({"features": "mlp", "rank": 2}, [".core", ".features", ".mixings"], [".low", ".high"]),
        ({"features": {"x": "mlp"}, "modes": 4, "rank": 2}, [".features[1].body", ".core"], [".features[0]"]),
        ({"features": "sine", "trainable": False, "rank": 3, "head": "cp"}, [".mixings"], [".features", ".biases"]),
        ({"kind": "pointwise"}, [".body", ".last"], [".low", ".high"]),
    ],
)
def test_what_training_changes(settings, trained, frozen):
    network, plan, _ = built("heat", network={"width": 4, "depth": 1, **settings})
    names = parameters(network, plan)
    for part in trained:
        assert any(part in name for name in names), part
    for part in frozen:
        assert not any(part in name for name in names), part


# --- points -----------------------------------------------------------------------------------------------------------


def test_points_follow_the_bandwidth():
    """One and a half times the features and two more: exact for products of two fields."""
    plan, pde = planned("advection", network={"modes": {"t": 10, "x": 4}})
    assert point_counts(plan, pde, {"t": 10, "x": 4}) == {"t": 17, "x": 16}


def test_points_as_given():
    plan, pde = planned("heat", network={"features": "mlp"}, sampling={"points_per_axis": {"x": 11}})
    counts = point_counts(plan, pde, {"t": 4, "x": 4})
    assert counts["x"] == 11
    assert counts["t"] > 11
    plan, pde = planned("heat", sampling={"points_per_axis": 9})
    assert point_counts(plan, pde, {"t": 4, "x": 4}) == {"t": 9, "x": 9}


def test_first_modes():
    plan, pde = planned("heat", network={"modes": {"x": 7}})
    assert first_modes(plan, pde)["x"] == 7
    assert first_modes(plan, pde)["t"] > 7
    plan, pde = planned("heat", network={"modes": 5})
    assert first_modes(plan, pde) == {"t": 5, "x": 5}


def test_samplers():
    plan, pde = planned("advection", sampling={"points_per_axis": 6})
    sampler = build_sampler(plan, pde, {"t": 4, "x": 4})
    assert (sampler.rule, dict(sampler.counts), sampler.periodic) == ("gauss", {"t": 6, "x": 6}, {"x"})
    plan, pde = planned("advection", network={"kind": "pointwise"}, sampling={"points_per_axis": 6})
    assert isinstance(build_sampler(plan, pde, {"t": 4, "x": 4}), PointSampler)


# --- objectives -------------------------------------------------------------------------------------------------------


def objective_of(name, **sections):
    plan, pde = planned(name, **sections)
    return build_objective(plan, pde, build_sampler(plan, pde, first_modes(plan, pde)))


@pytest.mark.parametrize(("count", "given", "slabs"), [(10, 1, 1), (10, 3, 5), (10, 5, 5), (10, 99, 10), (7, 2, 7)])
def test_slabs_divide_the_points(count, given, slabs):
    objective = objective_of("heat", sampling={"points_per_axis": count, "slabs": given})
    assert objective.slabs == slabs


@pytest.mark.parametrize("count", [16, 100, 512, 1021])
def test_slabs_bound_the_memory(count):
    objective = objective_of("klein_gordon_2d", network={"features": "mlp"}, sampling={"points_per_axis": count})
    assert isinstance(objective, SeparableObjective)
    assert count % objective.slabs == 0
    assert count**3 / objective.slabs <= max(POINTS_PER_SLAB, count**2)
    if count**3 <= POINTS_PER_SLAB:
        assert objective.slabs == 1


def test_the_norm_follows_precision_and_size():
    network = {"features": "mlp"}
    few, many = {"points_per_axis": 8}, {"points_per_axis": 128}
    assert objective_of("helmholtz_3d", network=network, sampling=few).norm == "grid"
    assert objective_of("helmholtz_3d", network=network, sampling=many).norm == "gram"
    assert objective_of("helmholtz_3d", network=network, sampling=many, precision="float32").norm != "gram"
    assert objective_of("helmholtz_3d", network=network, sampling=many, loss={"norm": "grid"}).norm == "grid"


def test_weights_and_skipped_terms_arrive():
    objective = objective_of("heat", loss={"weights": {"initial_u": 7.0}, "causal": 2.0})
    assert objective.weighting.of("initial_u", 1.0) == 7.0
    assert objective.weighting.causal == 2.0
    assert objective.skip == {"dirichlet_u_x_low", "dirichlet_u_x_high"}
    assert objective_of("heat").skip == {"dirichlet_u_x_low", "dirichlet_u_x_high", "initial_u"}


def test_pointwise_networks_have_their_own_objective():
    assert isinstance(objective_of("heat", network={"kind": "pointwise"}), PointObjective)
    assert isinstance(built("heat", network={"kind": "pointwise", "width": 4, "depth": 1})[0], PointNetwork)
