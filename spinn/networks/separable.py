"""Separable networks: one body an axis, under a CP, a Tucker or a tensor-train head, for several unknowns at once."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.fields import Grid, Head, JetTable, Separable, network_field
from spinn.networks.bodies import Body, Fourier
from spinn.networks.taylor import Taylor, variable

Tables = Mapping[str, Float[Array, "orders points unknowns rank"]]
Spaces = tuple[Float[Array, "unknowns _ _"] | None, ...] | None  # of every axis: (unknowns, features, combinations)


class AxisFeatures(eqx.Module):
    """A body on the interval [low, high] of its coordinate, times an envelope that vanishes at the ends named."""

    body: Body
    low: Float[Array, ""]
    high: Float[Array, ""]
    vanish_low: bool = eqx.field(static=True, default=False)
    vanish_high: bool = eqx.field(static=True, default=False)

    def __call__(self, points: Float[Array, " points"], order: int) -> Taylor:
        """Taylor series of the body in the coordinate itself."""
        return self.body(self.scaled(points, order))

    def scaled(self, points: Float[Array, " points"], order: int) -> Taylor:
        """The coordinate mapped to [-1, 1]."""
        low, high = jax.lax.stop_gradient((self.low, self.high))
        return variable((2.0 * points - low - high) / (high - low), order, 2.0 / (high - low))

    def envelope(self, points: Float[Array, " points"], order: int) -> Taylor | None:
        """1 - s^2, 1 + s or 1 - s, or nothing."""
        s = self.scaled(points, order)
        if self.vanish_low and self.vanish_high:
            return (s * s) * -1.0 + 1.0
        if self.vanish_low or self.vanish_high:
            return s * (1.0 if self.vanish_low else -1.0) + 1.0
        return None


class SeparableNetwork(eqx.Module):
    """u_j(x) = head(f_1(x_1), ..., f_d(x_d)).

    CP head: u_j = sum_r prod_i (W_i f_i)_(j r), SPINN eq. (5). Tucker head: u_j = core_j x_1 W_1 f_1 ... x_d W_d f_d
    with factors shared by the unknowns; a mixing of `None` uses the features of that axis as they are. `lift` is a
    fixed part of the core, which has further features behind the free ones (see `spinn.lifting`); along axes with
    `spaces` the free core of each unknown has combinations of its own of all of them, (features, combinations), zero
    where an unknown has fewer than others. Tensor train: u_j = C_0[j] (C_1 W_1 f_1) ... (C_d W_d f_d), products of
    matrices; C_0 is left out where there is one unknown. `restricted`: the core lives on a few combinations of the
    features of each axis, which were found by the residual (see `spinn.subspaces`).
    """

    axes: tuple[str, ...] = eqx.field(static=True)
    unknowns: tuple[str, ...] = eqx.field(static=True)
    features: tuple[AxisFeatures, ...]
    mixings: tuple[Float[Array, "_ _"] | None, ...]  # (features, outputs) of each axis
    biases: tuple[Float[Array, " _"] | None, ...]
    core: Float[Array, "unknowns ..."] | None
    lift: Float[Array, "unknowns ..."] | None = None
    cores: tuple[Float[Array, "_ _ _"], ...] | None = None  # of the tensor train
    spaces: Spaces = None
    restricted: bool = eqx.field(static=True, default=False)

    @property
    def whole_core(self) -> Float[Array, "unknowns ..."]:
        """The core with its fixed part."""
        assert self.core is not None
        return joined_core(self.core, self.lift, self.spaces)

    @property
    def waves(self) -> frozenset[str]:
        """Axes whose functions are a constant, then sine and cosine of each wave number."""
        if self.restricted:
            return frozenset()
        axes = zip(self.axes, self.features, strict=True)
        return frozenset(axis for axis, features in axes if isinstance(features.body, Fourier))

    @property
    def head(self) -> Literal["cp", "tucker", "tt"]:
        return "tt" if self.cores is not None else "cp" if self.core is None else "tucker"

    def tables(self, points: Mapping[str, Array], orders: Mapping[str, int]) -> dict[str, Array]:
        """Factors of every axis and their derivatives: (order + 1, points, unknowns or 1, rank)."""
        found: dict[str, Array] = {}
        for group in self._alike(points, orders):
            order = orders[self.axes[group[0]]]
            parts = [(self.features[i], self.mixings[i], self.biases[i], points[self.axes[i]]) for i in group]
            if len(group) == 1:
                tables = [self._table(*parts[0], order)]
            else:
                stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
                tables = list(jnp.unstack(jax.vmap(functools.partial(self._table, order=order))(*stacked)))
            found |= {self.axes[i]: table for i, table in zip(group, tables, strict=True)}
        return {axis: found[axis] for axis in self.axes if axis in points}

    def axis_table(
        self, index: int, points: Float[Array, " points"], order: int
    ) -> Float[Array, "orders points unknowns rank"]:
        """The table of one axis by itself."""
        return self._table(self.features[index], self.mixings[index], self.biases[index], points, order)

    def _alike(self, points: Mapping[str, Array], orders: Mapping[str, int]) -> list[list[int]]:
        """Axes whose networks differ in numbers only, together: they run as one, as small layers cost by the call."""
        groups: dict[Any, list[int]] = {}
        for i, axis in enumerate(self.axes):
            if axis in points:
                leaves, tree = jax.tree.flatten((self.features[i], self.mixings[i], self.biases[i], points[axis]))
                key = (tree, orders[axis], tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves))
                groups.setdefault(key, []).append(i)
        return list(groups.values())

    def _table(
        self,
        features: AxisFeatures,
        mixing: Float[Array, "_ _"] | None,
        bias: Float[Array, " _"] | None,
        points: Float[Array, " points"],
        order: int,
    ) -> Array:
        result = features(points, order)
        if mixing is not None:
            result = result.affine(mixing, bias)
        envelope = features.envelope(points, order)
        if envelope is not None:
            result = result * envelope
        values = result.derivatives()
        sets = len(self.unknowns) if self.head == "cp" else 1
        return values.reshape(*values.shape[:2], sets, values.shape[2] // sets)

    def fields(self, grid: Grid, tables: Tables) -> dict[str, Separable]:
        """One lazy field an unknown, from the tables of the grid's points."""
        if self.head == "cp":
            cp = Head()
            return {
                name: network_field(grid, {axis: JetTable(tables[axis][:, :, j]) for axis in self.axes}, cp)
                for j, name in enumerate(self.unknowns)
            }
        shared = {axis: JetTable(tables[axis][:, :, 0]) for axis in self.axes}
        if self.cores is not None:
            return {
                name: network_field(grid, shared, Head(train=self.train(j))) for j, name in enumerate(self.unknowns)
            }
        return tucker_fields(grid, shared, self.whole_core, self.unknowns)

    @property
    def ranks(self) -> tuple[int, ...] | None:
        """Of a tensor train between neighbouring cores, or of products without biases (one number); else None."""
        if self.cores is not None:
            return tuple(core.shape[2] for core in self.cores[:-1])
        if self.core is None and self.biases[0] is None and self.mixings[0] is not None:
            return (self.mixings[0].shape[1] // len(self.unknowns),)
        return None

    def train(self, unknown: int) -> tuple[Float[Array, "_ _ _"], ...]:
        """The tensor train of one unknown, a core an axis."""
        assert self.cores is not None
        if len(self.unknowns) == 1:
            return self.cores
        chosen, first, *rest = self.cores
        return (jnp.tensordot(chosen[:, unknown], first, 1), *rest)

    def at_points(self, points: Mapping[str, Float[Array, " n"]]) -> dict[str, Float[Array, " n"]]:
        """Values at scattered points."""
        tables = self.tables(points, dict.fromkeys(self.axes, 0))
        rows = [tables[axis][0] for axis in self.axes]
        if self.cores is not None:
            return {name: _along(self.train(j), rows) for j, name in enumerate(self.unknowns)}
        if self.core is None:
            product = rows[0]
            for row in rows[1:]:
                product = product * row
            return {name: jnp.sum(product[:, j], -1) for j, name in enumerate(self.unknowns)}
        result = jnp.tensordot(rows[0][:, 0], self.whole_core, ((1,), (1,)))
        for row in rows[1:]:
            result = jnp.einsum("nur...,nr->nu...", result, row[:, 0])
        return {name: result[:, j] for j, name in enumerate(self.unknowns)}


def joined_core(
    core: Float[Array, "unknowns ..."], lift: Float[Array, "unknowns ..."] | None, spaces: Spaces = None
) -> Array:
    """A free core and a fixed part, which has further features behind the free ones, or `spaces` of them."""
    if lift is None:
        return core
    for place, space in enumerate(spaces or (), 1):
        if space is not None:
            core = jnp.moveaxis(jnp.einsum("ufc,uc...->uf...", space, jnp.moveaxis(core, place, 1)), 1, place)
    margins = [(0, whole - free) for whole, free in zip(lift.shape, core.shape, strict=True)]
    return jnp.pad(core, margins) + lift


def tucker_fields(
    grid: Grid, tables: Mapping[str, JetTable], core: Float[Array, "unknowns ..."], unknowns: Sequence[str]
) -> dict[str, Separable]:
    """One lazy field an unknown, from a core and the tables of all axes."""
    return {name: network_field(grid, tables, Head(core[j], j)) for j, name in enumerate(unknowns)}


def _along(cores: Sequence[Array], rows: Sequence[Float[Array, "n 1 _"]]) -> Float[Array, " n"]:
    """A tensor train at scattered points, from the features of every axis there."""
    state = jnp.ones((rows[0].shape[0], 1), rows[0].dtype)
    for core, row in zip(cores, rows, strict=True):
        state = jnp.einsum("na,nr,arb->nb", state, row[:, 0], core)
    return state[:, 0]


def cp_network(
    features: Mapping[str, AxisFeatures], unknowns: Sequence[str], rank: int, *, key: PRNGKeyArray
) -> SeparableNetwork:
    """A network with the CP head of the SPINN paper: a last dense layer (Glorot normal) an axis."""
    keys = jax.random.split(key, len(features))
    outputs = len(unknowns) * rank
    mixings = tuple(
        jax.random.normal(k, (axis.body.width, outputs)) * math.sqrt(2.0 / (axis.body.width + outputs))
        for k, axis in zip(keys, features.values(), strict=True)
    )
    biases = tuple(jnp.zeros(outputs) for _ in features)
    return SeparableNetwork(tuple(features), tuple(unknowns), tuple(features.values()), mixings, biases, None)


def tucker_network(
    features: Mapping[str, AxisFeatures],
    unknowns: Sequence[str],
    ranks: Mapping[str, int | None],
    scale: float = 0.1,
    *,
    key: PRNGKeyArray,
) -> SeparableNetwork:
    """A network with a Tucker core. A rank of `None` uses all features of an axis unmixed.

    `scale`: root mean square of the initial field, if features are of order one. Zero starts from the zero field.
    """
    key_core, *keys = jax.random.split(key, len(features) + 1)
    mixings: list[Array | None] = []
    sizes: list[int] = []
    for k, (axis, one) in zip(keys, features.items(), strict=True):
        rank, width = ranks[axis], one.body.width
        mixings.append(None if rank is None else jax.random.normal(k, (width, rank)) / math.sqrt(width))
        sizes.append(width if rank is None else rank)
    shape = (len(unknowns), *sizes)
    core = jax.random.normal(key_core, shape) * (scale / math.sqrt(math.prod(sizes))) if scale else jnp.zeros(shape)
    biases: list[Array | None] = [None] * len(sizes)
    return SeparableNetwork(
        tuple(features), tuple(unknowns), tuple(features.values()), tuple(mixings), tuple(biases), core
    )


def product_head(network: SeparableNetwork, factors: Sequence[Any]) -> SeparableNetwork:
    """A CP head from a sum of products, in the features of a network with a tensor-train head.

    `factors`: (features, rank) an axis; where there are several unknowns, a first one (unknowns, rank).
    """
    rank, unknowns = factors[0].shape[1], len(network.unknowns)
    shares = jnp.asarray(factors[0]) if unknowns > 1 else jnp.ones((1, rank))
    mixings = []
    for index, (mixing, factor) in enumerate(zip(network.mixings, factors[-len(network.axes) :], strict=True)):
        assert mixing is not None
        columns = mixing @ jnp.asarray(factor)
        scales = shares if index == 0 else jnp.ones_like(shares)
        mixings.append((columns[:, None, :] * scales[None]).reshape(len(columns), unknowns * rank))
    return SeparableNetwork(network.axes, network.unknowns, network.features, tuple(mixings), network.biases, None)


def resized(network: SeparableNetwork, head: str, ranks: Sequence[int]) -> SeparableNetwork:
    """The zero field of another head (`cp`: one rank) or other ranks of the train (`tt`): what loading fills."""
    assert network.cores is not None
    sizes = [core.shape[1] for core in network.cores]
    if head == "cp":
        return product_head(network, [jnp.zeros((size, ranks[0])) for size in sizes])
    cores = tuple(
        jnp.zeros((left, size, right)) for left, size, right in zip([1, *ranks], sizes, [*ranks, 1], strict=True)
    )
    return eqx.tree_at(lambda n: n.cores, network, cores)


def tt_network(
    features: Mapping[str, AxisFeatures], unknowns: Sequence[str], mixings: Sequence[Float[Array, "_ _"]]
) -> SeparableNetwork:
    """The zero field as a tensor train of rank one, over the given combinations of features."""
    sizes = [mixing.shape[1] for mixing in mixings]
    sizes = sizes if len(unknowns) == 1 else [len(unknowns), *sizes]
    cores = tuple(jnp.zeros((1, size, 1)) for size in sizes)
    biases = (None,) * len(mixings)
    return SeparableNetwork(
        tuple(features), tuple(unknowns), tuple(features.values()), tuple(mixings), biases, None, cores=cores
    )
