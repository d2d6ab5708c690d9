"""Trained networks made accurate: least squares over all of their features, and further networks for what is left.

Training settles what the axis networks compute; the last digits are a linear matter. A polished network freezes the
axis networks, makes their hidden features orthonormal, axis by axis, and has a Tucker core over all of them: for linear
problems a linear least-squares problem, as with a fixed basis, and conditions at the ends of axes are eliminated as
there. Where a residual remains, a fresh set of axis networks is added to the frozen field, trained, and the features of
all sets are polished together (stage-wise training: Wang and Lai 2024, J. Comput. Phys. 504).
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.assembly import feature_table, fresh_bodies, orthonormalised
from spinn.embedding import Embedding, traced_embedding_of
from spinn.networks.bodies import Body, Joined, Legendre, Mixed
from spinn.networks.separable import AxisFeatures, SeparableNetwork
from spinn.pdes import PDE, Box
from spinn.recipes import Plan
from spinn.spectrum import gauss_rule, transferred
from spinn.subspaces import blank, shape_of_restricted

MAX_CORE = 130_000  # entries
# Entries of the core that a sum of products is: beyond, polishing starts from the zero field.
MAX_PRODUCTS = 300_000
FITTED = 1e-5  # relative cut of singular values where a last layer is fitted

Shape = Mapping[str, Any]  # `sets` of axis networks, `free` and `whole` features an axis, `adding` one more set


def polishing_plan(plan: Plan, pde: PDE) -> Plan:
    """The plan of a polishing stage: conditions that the envelopes do not hold already are held by the core."""
    if plan.config.network.embed is False:
        return dataclasses.replace(plan, polishing=True)
    held = plan.embedding
    whole = traced_embedding_of(pde).without_periodic(a for a in pde.coordinates if a not in held.periodic)
    traces: dict[str, Any] = {}
    for axis, found in whole.traces.items():
        low, high = held.ends(axis)
        left = tuple(t for t in found if not ({"low": low, "high": high}[t.side] and t.weights == (1.0,)))
        traces |= {axis: left} if left else {}
    embedding = Embedding(held.periodic, held.vanish, held.skip | whole.skip, traces)
    return dataclasses.replace(plan, polishing=True, embedding=embedding)


def polished(network: SeparableNetwork, plan: Plan, pde: PDE, domain: Box) -> SeparableNetwork:
    """The zero field over all features of a trained network, orthonormal along each axis; `plan`: of polishing."""
    features = tuple(_frozen_features(one, len(plan.embedding.traces.get(axis, ())))
                     for axis, one in zip(network.axes, network.features, strict=True))  # fmt: skip
    widths = [one.body.width for one in features]
    start = SeparableNetwork(
        network.axes, network.unknowns, features, (None,) * len(widths), (None,) * len(widths),
        jnp.zeros((len(network.unknowns), *widths)),
    )  # fmt: skip
    return _within_budget(orthonormalised(start, plan, pde, domain))


def _frozen_features(features: AxisFeatures, traces: int) -> AxisFeatures:
    """All that a trained axis network computes before its last layer, and what biases and prescribed values need."""
    body = features.body
    if isinstance(body, Joined) and isinstance(body.bodies[0], Mixed):
        fresh, old = body.bodies
        assert isinstance(fresh, Mixed) and isinstance(old, Mixed) and isinstance(old.body, Joined)
        return _with_body(features, Joined(fresh.body, *old.body.bodies))
    if isinstance(body, Joined):
        return features
    return _with_body(features, Joined(body, _lowest(body, 1 + traces)))


def _lowest(body: Body, count: int) -> Legendre:
    """Polynomials of low degree that vanish where the features of a body do."""
    ends = (body.vanish_low, body.vanish_high) if isinstance(body, Legendre) else (False, False)
    return Legendre(count, *ends)


def _with_body(features: AxisFeatures, body: Body) -> AxisFeatures:
    return AxisFeatures(body, features.low, features.high, features.vanish_low, features.vanish_high)


def _within_budget(network: SeparableNetwork) -> SeparableNetwork:
    """The smoothest combinations of each axis, as many as a core of limited size takes."""
    assert network.core is not None
    free = network.core.shape[1:]
    most = max(free)
    while len(network.unknowns) * math.prod(min(count, most) for count in free) > MAX_CORE:
        most -= 1
    kept = [min(count, most) for count in free]
    mixings = [
        jnp.concatenate([mixing[:, :count], mixing[:, whole:]], 1)  # type: ignore[index]
        for mixing, count, whole in zip(network.mixings, kept, free, strict=True)
    ]
    core = jnp.zeros((len(network.unknowns), *kept))
    shape = [len(network.unknowns), *(mixing.shape[1] for mixing in mixings)]
    lift = None if network.lift is None else jnp.zeros(shape)
    return eqx.tree_at(
        lambda n: (n.mixings, n.core, n.lift), network, (tuple(mixings), core, lift), is_leaf=lambda leaf: leaf is None
    )


def projected(network: SeparableNetwork, wider: SeparableNetwork) -> SeparableNetwork:
    """`wider` (its prescribed part put in) with the free core that comes nearest to the field of `network`."""
    assert wider.core is not None
    if network.core is None:
        if math.prod(mixing.shape[1] for mixing in network.mixings if mixing is not None) > MAX_PRODUCTS:
            return wider
        network = _as_tucker(network)
    core = jnp.asarray(transferred(network, wider), wider.core.dtype)
    return eqx.tree_at(lambda n: n.core, wider, core)


def _as_tucker(network: SeparableNetwork) -> SeparableNetwork:
    """A sum of products under a core that is diagonal."""
    count = len(network.unknowns)
    mixing = network.mixings[0]
    assert mixing is not None
    outputs, axes = mixing.shape[1], len(network.axes)
    core = np.zeros((count, *(outputs,) * axes))
    diagonal = np.arange(outputs)
    core[(diagonal // (outputs // count), *(diagonal,) * axes)] = 1.0
    return SeparableNetwork(
        network.axes, network.unknowns, network.features, network.mixings, network.biases, jnp.asarray(core)
    )


def condensed(network: SeparableNetwork, ranks: Sequence[int], orders: Mapping[str, int]) -> SeparableNetwork:
    """The best network of Tucker ranks for a polished field (HOSVD: De Lathauwer et al. 2000), to be trained.

    Its last layers are fitted with small weights: those that polishing finds cancel to many digits, and no training
    could move what is below them.
    """
    core = np.asarray(network.whole_core, float)
    bases = []
    for index, rank in enumerate(ranks):
        rows = np.moveaxis(core, index + 1, 0).reshape(core.shape[index + 1], -1)
        bases.append(np.linalg.svd(rows, full_matrices=False)[0][:, :rank])
    mixings = []
    for index, (axis, one, basis) in enumerate(zip(network.axes, network.features, bases, strict=True)):
        core = np.moveaxis(np.tensordot(basis.T, core, ((1,), (index + 1,))), 0, index + 1)
        mixing = network.mixings[index]
        assert mixing is not None
        mixings.append(_fitted(one, np.asarray(mixing, float) @ basis, orders[axis]))
    return SeparableNetwork(
        network.axes, network.unknowns, network.features, tuple(mixings), (None,) * len(bases), jnp.asarray(core)
    )


def _fitted(features: AxisFeatures, mixing: np.ndarray, order: int) -> Array:
    """A last layer of moderate weights for nearly the same functions, in values and highest derivatives."""
    unit, weights = gauss_rule(features.body, None)
    low, high = float(features.low), float(features.high)
    table = np.asarray(feature_table(features, jnp.asarray(low + (high - low) * unit), order), float)
    root = np.sqrt(weights)[:, None]
    parts = [root * table[0]] + ([root * table[order]] if order else [])
    rows = np.concatenate([part / np.linalg.norm(part) for part in parts])
    return jnp.asarray(np.linalg.pinv(rows, rcond=FITTED) @ (rows @ mixing))


def added(old: SeparableNetwork, fresh: SeparableNetwork, size: float) -> SeparableNetwork:
    """A frozen polished field and a fresh network of Tucker rank, to be trained, whose field is about `size` large."""
    assert old.core is not None and fresh.core is not None
    features: list[AxisFeatures] = []
    for before, new, combinations, mixing in zip(old.features, fresh.features, old.mixings, fresh.mixings, strict=True):
        assert combinations is not None and mixing is not None
        fresh_part = Mixed(new.body, mixing, 1.0 if features else size)
        features.append(_with_body(before, Joined(fresh_part, Mixed(before.body, combinations))))
    ranks = fresh.core.shape[1:]
    none = (None,) * len(ranks)
    lift = jnp.pad(old.whole_core, [(0, 0), *((rank, 0) for rank in ranks)])
    return SeparableNetwork(old.axes, old.unknowns, tuple(features), none, none, fresh.core, lift)


def is_condensed(network: SeparableNetwork, ranks: Sequence[int]) -> bool:
    """Whether a network has its configured ranks again."""
    return network.lift is None and network.core is not None and list(network.core.shape[1:]) == list(ranks)


def shape_of(network: Any) -> dict[str, Any]:
    """What the structure of a network cannot be told from its configuration, where it was polished or has few
    combinations of its features; empty for others.
    """
    if isinstance(network, SeparableNetwork) and network.restricted:
        return shape_of_restricted(network)
    if not isinstance(network, SeparableNetwork) or not isinstance(network.features[0].body, Joined):
        return {}
    body = network.features[0].body
    adding = bool(fresh_bodies(network))
    if adding:
        assert isinstance(body.bodies[1], Mixed)
        inner = body.bodies[1].body
        assert isinstance(inner, Joined)
        body = inner
    assert isinstance(body, Joined) and network.core is not None
    polynomials = [_polynomials(one.body) for one in network.features]
    return {
        "adding": adding, "sets": len(body.bodies) - 1, "polynomials": polynomials,
        "free": list(network.core.shape[1:]), "whole": list(network.whole_core.shape[1:]),
        "lifted": network.lift is not None,
    }  # fmt: skip


def _polynomials(body: Body) -> int:
    while isinstance(body, Joined | Mixed):
        body = body.bodies[-1] if isinstance(body, Joined) else body.body
    return body.width


def shaped(network: Any, shape: Shape) -> Any:
    """A network of the structure that `shape_of` tells, from one as configured; its numbers are to be filled in."""
    if not shape:
        return network
    if "columns" in shape:
        return blank(network, shape)
    count, none = len(network.unknowns), (None,) * len(network.axes)
    features, mixings = [], []
    for one, polynomials, free, whole in zip(
        network.features, shape["polynomials"], shape["free"], shape["whole"], strict=True
    ):
        body: Body = Joined(*[one.body] * shape["sets"], _lowest(one.body, polynomials))
        if shape["adding"]:
            fresh = Mixed(one.body, jnp.zeros((one.body.width, free)))
            body = Joined(fresh, Mixed(body, jnp.zeros((body.width, whole - free))))
        features.append(_with_body(one, body))
        mixings.append(None if shape["adding"] else jnp.zeros((body.width, whole)))
    lift = jnp.zeros((count, *shape["whole"])) if shape["lifted"] else None
    return SeparableNetwork(
        network.axes, network.unknowns, tuple(features), tuple(mixings), none, jnp.zeros((count, *shape["free"])), lift
    )
