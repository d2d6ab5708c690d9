"""The networks of an arm's training: small separable tanh networks, one a subdomain, for many arms at once."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from spinn.multidomain.objective import stacked_networks
from spinn.networks.bodies import MLP
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import AxisFeatures, SeparableNetwork, tucker_network
from spinn.pdes import Box


@dataclasses.dataclass(frozen=True)
class Size:
    """`width` and `depth` of the tanh network of every axis, `rank` of the core, Gauss `points` an axis and cell."""

    width: int = 16
    depth: int = 2
    rank: int = 8
    points: int = 12


def initial_network(decomposition: Decomposition, unknowns: tuple[str, ...], size: Size, key: Any) -> Any:
    """Random networks, one for each of the decomposition's; inputs are scaled to [-1, 1] over its cells."""

    def build(box: Box, key: Any) -> SeparableNetwork:
        key_core, *keys = jax.random.split(key, len(box.axes) + 1)
        features = {
            axis: AxisFeatures(MLP(size.width, size.depth, key=k), jnp.asarray(box[axis][0]), jnp.asarray(box[axis][1]))
            for axis, k in zip(box.axes, keys, strict=True)
        }
        features = {axis: _spread(one, k) for (axis, one), k in zip(features.items(), keys, strict=True)}
        return tucker_network(features, unknowns, dict.fromkeys(box.axes, size.rank), 0.5, key=key_core)

    return MultiDomainNetwork(stacked_networks(build, decomposition.boxes, key=key), decomposition)


def _spread(features: AxisFeatures, key: Any) -> AxisFeatures:
    """First-layer biases that place the bends of tanh all over [-1, 1]: without them every neuron bends at the middle
    of its subdomain, and few steps do not undo that.
    """
    first = features.body.layers[0]  # type: ignore[attr-defined]
    places = jax.random.uniform(jax.random.fold_in(key, 1), first.bias.shape, minval=-1.0, maxval=1.0)
    steep = 3.0 * jax.random.normal(jax.random.fold_in(key, 2), first.weight.shape)
    return eqx.tree_at(
        lambda f: (f.body.layers[0].weight, f.body.layers[0].bias), features, (steep, -places * steep[0])
    )


def trained_parts(network: Any) -> Any:
    """What training may change, as a tree of booleans: bodies, mixings and cores."""
    mask = jax.tree.map(lambda _: False, network)
    parts = (
        lambda n: n.stacked.core,
        lambda n: n.stacked.mixings,
        lambda n: [features.body for features in n.stacked.features],
    )
    for where in parts:
        mask = eqx.tree_at(where, mask, jax.tree.map(eqx.is_inexact_array, where(network)))
    return mask
