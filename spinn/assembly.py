"""Building networks, samplers and objectives from a plan. Built objects never see the configuration."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from spinn.embedding import Trace
from spinn.multidomain.objective import CellSampler, MultiDomainObjective, stacked_networks
from spinn.multidomain.planning import weights_of
from spinn.networks.bodies import (
    MLP,
    Body,
    Fourier,
    FourierMLP,
    Joined,
    Legendre,
    Mixed,
    ModifiedMLP,
    PeriodicInput,
    Sine,
)
from spinn.networks.decomposition import Decomposition
from spinn.networks.elements import Elements, jumps
from spinn.networks.mapped import Mapped, mapped
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.orthonormal import free_spaces, orthonormal_combinations, traced_combinations
from spinn.networks.pointwise import PointNetwork, point_network
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network, tt_network, tucker_network
from spinn.networks.taylor import variable
from spinn.objective import SeparableObjective, Weighting
from spinn.objective.pointwise import PointObjective
from spinn.pdes import PDE, Box, derivative_orders
from spinn.recipes import CLASSICAL, FIRST_MODES, Plan
from spinn.sampling import AxisSampler
from spinn.sampling.points import PointSampler
from spinn.spectrum import gauss_rule

Modes = Mapping[str, int]
PERIODIC_HARMONICS = 4
# Points an axis where networks are trained, by number of axes; scattered points for each cost a network evaluation.
NETWORK_POINTS = {1: 256, 2: 96, 3: 48, 4: 20}
SECOND_ORDER_POINTS = {1: 128, 2: 64, 3: 32, 4: 16}
CELL_POINTS = {1: 64, 2: 24, 3: 12, 4: 8}  # of trained networks of subdomains
MAPPED_POINTS = 16  # beyond twice the features of an axis whose coordinate is mapped
POINTWISE_POINTS = {1: 256, 2: 64, 3: 20, 4: 10}
# Beyond this many points the grid is swept in slabs: a few arrays of 8 MB each then fit the cache of most machines.
POINTS_PER_SLAB = 4_000_000


def first_modes(plan: Plan, pde: PDE) -> dict[str, int]:
    """Modes an axis: as configured, or where adaptive growth starts."""
    given = plan.config.network.modes
    default = FIRST_MODES.get(len(pde.coordinates), 4)
    start = {axis: max(default // 2, 2) if plan.features[axis] == "fourier" else default for axis in pde.coordinates}
    if given == "auto":
        return start
    return {axis: given.get(axis, start[axis]) if isinstance(given, Mapping) else given for axis in pde.coordinates}


def build_network(
    plan: Plan, pde: PDE, domain: Box, modes: Modes, *, key: PRNGKeyArray
) -> SeparableNetwork | PointNetwork | MultiDomainNetwork:
    """The network of a plan on a box (of one time window, say)."""
    config = plan.config.network
    if plan.is_pointwise:
        return _point_network(plan, pde, domain, key=key)
    if plan.decomposition is not None:
        return _multidomain_network(plan, plan.decomposition, pde, domain, modes, key=key)
    keys = jax.random.split(key, len(pde.coordinates) + 1)
    features = {
        axis: _axis_features(plan, axis, domain, modes[axis], key=k)
        for axis, k in zip(pde.coordinates, keys[1:], strict=True)
    }
    if plan.is_alternating:
        orders = derivative_orders(pde)
        sampled = {axis: _sampled(plan, one, axis, domain, orders[axis]) for axis, one in features.items()}
        mixings = [jnp.asarray(_combinations(plan, features[axis], axis, sampled[axis])) for axis in features]
        return tt_network(features, pde.unknowns, mixings)
    if config.head == "cp":
        assert isinstance(config.rank, int)
        return cp_network(features, pde.unknowns, config.rank, key=keys[0])
    ranks = _ranks(config.rank, pde)
    scale = 0.0 if plan.is_basis else 0.1
    network = tucker_network(features, pde.unknowns, ranks, scale, key=keys[0])
    return orthonormalised(network, plan, pde, domain) if plan.is_basis else network


def _multidomain_network(
    plan: Plan, decomposition: Decomposition, pde: PDE, domain: Box, modes: Modes, *, key: PRNGKeyArray
) -> MultiDomainNetwork:
    """A network for every subdomain, and for the whole box where that is asked for. The decomposition that it knows is
    that of the whole time, so that windows differ in numbers only and share their compiled programs.
    """
    within = dataclasses.replace(plan, decomposition=None, subdomain=True)

    def build(box: Box, key: PRNGKeyArray) -> SeparableNetwork:
        network = build_network(within, pde, box, modes, key=key)
        assert isinstance(network, SeparableNetwork)
        return network

    key_cells, key_coarse = jax.random.split(key)
    stacked = stacked_networks(build, decomposition.within(domain).boxes, key=key_cells)
    coarse = build(domain, key_coarse) if plan.config.domains.coarse else None
    return MultiDomainNetwork(stacked, decomposition, coarse)


def _point_network(plan: Plan, pde: PDE, domain: Box, *, key: PRNGKeyArray) -> PointNetwork:
    """One network of all coordinates, as in an ordinary PINN."""
    name = plan.features[pde.coordinates[0]]

    def body(*, inputs: int, key: PRNGKeyArray) -> Body:
        return _network_body(plan, name, inputs, float(plan.config.network.frequency), key=key)

    periodic = dict.fromkeys(sorted(plan.embedding.periodic), PERIODIC_HARMONICS)
    vanish = {axis: plan.embedding.ends(axis) for axis in plan.embedding.vanish}
    return point_network(body, domain, pde.unknowns, periodic=periodic, vanish=vanish, key=key)


def _ranks(rank: Any, pde: PDE) -> dict[str, int | None]:
    if rank in ("auto", "grow"):
        return dict.fromkeys(pde.coordinates, None)
    ranks = rank if isinstance(rank, list) else [rank] * len(pde.coordinates)
    return dict(zip(pde.coordinates, ranks, strict=True))


def _axis_features(plan: Plan, axis: str, domain: Box, modes: int, *, key: PRNGKeyArray) -> AxisFeatures:
    low, high = domain[axis]
    name = plan.features[axis]
    ends = plan.embedding.ends(axis)
    if axis in plan.breaks:
        return AxisFeatures(Elements(plan.breaks[axis], modes), jnp.asarray(float(low)), jnp.asarray(float(high)))
    if name == "legendre":
        modes += len(plan.embedding.traces.get(axis, ()))
    body = _body(plan, name, modes, axis in plan.embedding.periodic, ends, key=key)
    if axis in plan.maps:
        assert isinstance(body, Fourier | Legendre)
        body = Mapped(body, np.asarray(plan.maps[axis], float))
    # Legendre combinations vanish at the ends by themselves; other bodies need an envelope.
    vanish = (False, False) if name == "legendre" else ends
    return AxisFeatures(body, jnp.asarray(float(low)), jnp.asarray(float(high)), *vanish)


def _body(plan: Plan, name: str, modes: int, periodic: bool, ends: tuple[bool, bool], *, key: PRNGKeyArray) -> Body:
    if name == "fourier":
        return Fourier(modes)
    if name == "legendre":
        return Legendre(modes, *ends)
    if not periodic:
        return _network_body(plan, name, 1, frequency_of(plan, modes), key=key)
    if plan.is_second_order:  # sines of a point on the circle: their bandwidth is that of the weights (Jacobi, Anger)
        return PeriodicInput(_network_body(plan, name, 2, frequency_of(plan, modes), key=key), 1)
    # The harmonics bring the frequencies already.
    return PeriodicInput(_network_body(plan, name, 2 * PERIODIC_HARMONICS, 1.0, key=key), PERIODIC_HARMONICS)


def frequency_of(plan: Plan, modes: int) -> float:
    """The highest angular frequency of a first layer: as configured, else that of the data (see `spectrum`)."""
    given = plan.config.network.frequency
    return float(modes) if given == "auto" else float(given)


def _network_body(plan: Plan, name: str, inputs: int, frequency: float, *, key: PRNGKeyArray) -> Body:
    """A trained body by its name."""
    width, depth = plan.config.network.width, plan.config.network.depth
    assert isinstance(width, int) and isinstance(depth, int)
    if name == "mlp":
        return MLP(width, depth, inputs=inputs, key=key)
    if name == "modified_mlp":
        return ModifiedMLP(width, depth, inputs=inputs, key=key)
    if name == "sine":
        return Sine(width, depth, frequency, inputs=inputs, key=key)
    return FourierMLP(width, depth, frequency, inputs=inputs, key=key)


def orthonormalised(network: SeparableNetwork, plan: Plan, pde: PDE, domain: Box) -> SeparableNetwork:
    """Mix frozen features into orthonormal ones, with duals of the traces behind them; trained mixings start from the
    leading combinations.
    """
    orders, traces, count = derivative_orders(pde), plan.embedding.traces, len(pde.unknowns)
    mixings, ranks, spaces = [], [], []
    for index, axis in enumerate(network.axes):
        here, sampled = traces.get(axis, ()), _sampled(plan, network.features[index], axis, domain, orders[axis])
        matrix = _combinations(plan, network.features[index], axis, sampled)
        old = network.mixings[index]
        kept = matrix if old is None else matrix[:, : old.shape[1]]
        mixings.append(jnp.asarray(kept))
        shared = all(len(trace.blocks) == count for trace in here)
        space = None if shared else _spaces(here, pde.unknowns, sampled, kept)
        ranks.append(kept.shape[1] - len(here) if space is None else space.shape[2])
        spaces.append(space)
    lift = jnp.zeros((count, *(mixing.shape[1] for mixing in mixings))) if traces else None
    own = tuple(spaces) if any(space is not None for space in spaces) else None
    return eqx.tree_at(
        lambda n: (n.mixings, n.core, n.lift, n.spaces), network,
        (tuple(mixings), jnp.zeros((count, *ranks)), lift, own), is_leaf=lambda leaf: leaf is None,
    )  # fmt: skip


class _Sampled(NamedTuple):
    """Features of an axis, with derivatives, at the points of a rule and at both ends: (orders, points, features)."""

    unit: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    ends: np.ndarray


def _sampled(plan: Plan, features: AxisFeatures, axis: str, domain: Box, order: int) -> _Sampled:
    low, high = domain[axis]
    unit, weights = gauss_rule(features.body, plan.breaks.get(axis))
    points = np.concatenate([low + (high - low) * unit, [low, high]])
    table = np.asarray(feature_table(features, jnp.asarray(points), order), float)
    return _Sampled(unit, weights, table[:, :-2], table[:, -2:])


def _combinations(plan: Plan, features: AxisFeatures, axis: str, sampled: _Sampled) -> np.ndarray:
    traces, breaks = plan.embedding.traces.get(axis, ()), plan.breaks.get(axis)
    unit, weights, values, ends = sampled
    if not traces and breaks is None:
        return orthonormal_combinations(values[0], values[-1], weights)
    rows = [
        sum(weight * ends[m, int(trace.side == "high")] for m, weight in enumerate(trace.weights)) for trace in traces
    ]
    traced = np.stack(rows) if rows else np.zeros((0, features.body.width))
    broken = np.zeros((0, features.body.width))
    if isinstance(features.body, Elements) and breaks is not None:
        broken = jumps(breaks, features.body.degree, len(values) - 1, axis in plan.embedding.periodic)
    positions = 2.0 * unit - 1.0
    if isinstance(features.body, Mapped):  # its features hold polynomials in s, not in x
        series = mapped(variable(jnp.asarray(positions), 0), features.body.peaks, features.body.periodic)
        positions = np.asarray(series.coefficients[0, :, 0], float)
    return traced_combinations(values[0], values[-1], weights, traced, broken, positions)


def _spaces(traces: Sequence[Trace], unknowns: Sequence[str], sampled: _Sampled, mixing: np.ndarray) -> jax.Array:
    """Where some unknowns hold traces that others do not: the combinations of features in which each one is free."""
    held = np.array([[name in trace.blocks for trace in traces] for name in unknowns])
    return jnp.asarray(free_spaces(sampled.values[0] @ mixing, sampled.values[-1] @ mixing, sampled.weights, held))


@eqx.filter_jit
def feature_table(features: AxisFeatures, x: jax.Array, order: int) -> jax.Array:
    """Features and their derivatives; compiled as a whole, which is faster than operation by operation."""
    taylor, envelope = features(x, order), features.envelope(x, order)
    return (taylor if envelope is None else taylor * envelope).derivatives()


def fresh_bodies(network: SeparableNetwork) -> list[Mixed]:
    """The networks that are being trained on top of a frozen field (see `spinn.polishing`), if there is one."""
    bodies = [one.body for one in network.features]
    if network.lift is None or not (isinstance(bodies[0], Joined) and isinstance(bodies[0].bodies[0], Mixed)):
        return []
    return [body.bodies[0] for body in bodies if isinstance(body, Joined) and isinstance(body.bodies[0], Mixed)]


def _marked(mask: Any, network: Any, where: Any) -> Any:
    """The mask with the inexact arrays of some parts marked."""
    return eqx.tree_at(where, mask, jax.tree.map(eqx.is_inexact_array, where(network)))


def trainable(network: SeparableNetwork | PointNetwork | MultiDomainNetwork, plan: Plan) -> Any:
    """A tree of booleans like the network: what training may change."""
    mask = jax.tree.map(lambda _: False, network)
    if isinstance(network, MultiDomainNetwork):
        parts = [part for part in (network.stacked, network.coarse) if part is not None]
        return eqx.tree_at(lambda n: [p for p in (n.stacked, n.coarse) if p is not None], mask,
                           [trainable(part, plan) for part in parts])  # fmt: skip
    if isinstance(network, SeparableNetwork) and fresh_bodies(network):
        return _marked(mask, network, lambda n: [*(x for m in fresh_bodies(n) for x in (m.body, m.mixing)), n.core])
    if isinstance(network, PointNetwork):
        wanted = jax.tree.map(eqx.is_inexact_array, (network.body, network.last))
        return eqx.tree_at(lambda n: (n.body, n.last), mask, wanted)
    ranked = plan.config.network.rank not in ("auto", "grow") and not plan.polishing
    if plan.is_basis:
        targets = [lambda n: n.core] if network.core is not None else []
        if ranked:
            targets += [lambda n: n.mixings]
    else:
        targets = [lambda n: [f.body for f in n.features], lambda n: n.mixings, lambda n: n.biases]
        targets += [lambda n: n.core] if network.core is not None else []
    for where in targets:
        part = jax.tree.map(eqx.is_inexact_array, where(network))
        mask = eqx.tree_at(where, mask, part, is_leaf=lambda leaf: leaf is None)
    return mask


def point_counts(plan: Plan, pde: PDE, modes: Modes) -> dict[str, int]:
    """Collocation points an axis: as configured, else 1.5 times the bandwidth of classical features (and at least
    two more than that, for products of two fields), 64 to 24 for networks.
    """
    given = plan.config.sampling.points_per_axis
    counts = {}
    for axis in pde.coordinates:
        if axis in plan.breaks:
            auto = (len(plan.breaks[axis]) - 1) * (-(-3 * (modes[axis] + 1) // 2) + 1)
        elif plan.features[axis] in CLASSICAL:
            width = 2 * modes[axis] + 1 if plan.features[axis] == "fourier" else modes[axis]
            # Products of two fields; where the axis is mapped, times powers of ds/dx.
            auto = 2 * width + MAPPED_POINTS if axis in plan.maps else -(-3 * width // 2) + 2
        elif plan.subdomain:
            auto = CELL_POINTS.get(len(pde.coordinates), 8)
        elif plan.is_second_order:
            # Axis networks of the data's bandwidth, or `modes` combinations of their features.
            least = SECOND_ORDER_POINTS.get(len(pde.coordinates), 8)
            auto = max(least, -(-3 * modes[axis] // 2) + 8 if plan.polishing else 2 * modes[axis] + 8)
        else:
            auto = (POINTWISE_POINTS if plan.is_pointwise else NETWORK_POINTS).get(len(pde.coordinates), 8)
        counts[axis] = auto if given == "auto" else given.get(axis, auto) if isinstance(given, Mapping) else given
    return counts


def build_sampler(plan: Plan, pde: PDE, modes: Modes) -> AxisSampler | PointSampler | CellSampler:
    """The sampler of a plan."""
    if plan.decomposition is not None:
        within = build_sampler(dataclasses.replace(plan, decomposition=None, subdomain=True), pde, modes)
        assert isinstance(within, AxisSampler)
        matching = plan.config.interface.conditions == "matching"
        weights = weights_of(plan.decomposition, plan.arm, pde, matching)
        return CellSampler(within, plan.decomposition, weights)
    rule = plan.config.sampling.rule
    assert rule != "auto"
    if plan.is_pointwise:
        return PointSampler(point_counts(plan, pde, modes), rule, plan.embedding.periodic)
    return AxisSampler(point_counts(plan, pde, modes), rule, plan.embedding.periodic, plan.breaks, plan.maps)


def build_objective(
    plan: Plan, pde: PDE, sampler: AxisSampler | PointSampler | CellSampler
) -> SeparableObjective | PointObjective | MultiDomainObjective:
    """The objective of a plan; slabs are chosen by memory, the norm by precision, unless configured."""
    loss, slabs = plan.config.loss, plan.config.sampling.slabs
    if plan.decomposition is not None:
        single = SeparableObjective(pde, Weighting(dict(loss.weights)), plan.embedding.skip)
        return MultiDomainObjective(plan.decomposition, tuple(plan.arm), single)
    if plan.is_pointwise:
        return PointObjective(pde, Weighting(dict(loss.weights), loss.causal), plan.embedding.skip)
    counts = list(sampler.counts.values())
    points = int(np.prod([float(count) for count in counts]))
    wanted = -(-points // POINTS_PER_SLAB) if slabs == "auto" else slabs
    # Slabs are of equal width, and growing modes change the count of points: the next number that divides it.
    parts = next(n for n in range(min(wanted, counts[0]), counts[0] + 1) if counts[0] % n == 0)
    norm = loss.norm
    if norm == "auto":
        # Least squares on a fixed basis needs all digits, and its bases are constant: QR. Squared Gram matrices lose
        # half the digits, which float32 does not have to give.
        large = plan.config.precision != "float32" and points > 10**6
        norm = "qr" if plan.is_basis else "gram" if large else "grid"
    weighting = Weighting(dict(loss.weights), loss.causal)
    return SeparableObjective(pde, weighting, plan.embedding.skip, parts, norm)
