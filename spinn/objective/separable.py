"""The objective of a separable network: residual blocks on a tensor grid and on its faces."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.errors import SpinnError
from spinn.fields import Grid, Separable, coordinate_fields
from spinn.fields.evaluation import evaluate, summed
from spinn.fields.linearisation import depends, is_linear
from spinn.fields.separable import GridField
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import Tabulated
from spinn.objective.axis_normal import whole_normal
from spinn.objective.blocks import (
    NO_SCALES,
    Found,
    Scales,
    Weighting,
    causal_weights,
    condition_residuals,
    half_square,
    interior_residuals,
)
from spinn.objective.frozen import FrozenNetwork
from spinn.objective.normal import Normal, coupling, normal_blocks
from spinn.objective.norms import compressed_block, compressed_sum, gram_norm, grid_norm, qr_norm
from spinn.optim.coupling import Coupling
from spinn.pdes import PDE, Face, Local, derivative_orders
from spinn.pdes._conditions import At
from spinn.sampling.separable import AxisBatch

AnyNetwork = SeparableNetwork | Tabulated


@dataclasses.dataclass(frozen=True, eq=False)
class SeparableObjective:
    """Maps (network, batch) to residual blocks, each entry times the root of its quadrature and loss weights.

    `skip`: condition blocks that the network holds exactly. `norm`: residuals that are sums of products are never
    stored on the grid; `grid` sums their squares block by block, `gram` and `qr` through per-axis matrices, at a cost
    that does not depend on the grid (`gram` loses half of float64's digits). `slabs`: parts into which the first axis
    is cut for other residuals, each evaluated and differentiated on its own: memory does not grow with the grid.
    `base`: a solution to be corrected, to whose fields those of the network are added (in `blocks`, `normal` and
    `conditions`); `base_before`: the same for the network of the time window before.
    """

    pde: PDE
    weighting: Weighting = dataclasses.field(default_factory=Weighting)
    skip: frozenset[str] = frozenset()
    slabs: int = 1
    norm: str = "grid"
    base: FrozenNetwork | None = None
    base_before: FrozenNetwork | None = None
    orders: Mapping[str, int] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.weighting.check(self.pde)
        object.__setattr__(self, "orders", derivative_orders(self.pde))

    def blocks(
        self,
        network: AnyNetwork,
        batch: AxisBatch,
        scales: Scales = NO_SCALES,
        previous: AnyNetwork | None = None,
    ) -> dict[str, Array]:
        """All residual blocks on the whole grid (on a compressed one, where `norm` is `qr` and residuals are separable;
        for cores on subspaces, where they are but for what is known of them).

        `previous`: the network of the time window before; initial conditions then ask for its values and slopes.
        """
        at = self.located(network, batch)
        local = at(None)
        found = interior_residuals(self.pde, local)
        conditions = self._conditions(at, self._before(previous, batch), scales)
        if self.norm == "qr" and not self.weighting.causal:
            few = isinstance(network, SeparableNetwork) and network.restricted
            entries = {name: _compressed(field, with_data=few) for name, (field, _) in found.items()}
            compressed = {
                name: block * self.weighting.root(name, found[name][1], scales)
                for name, block in entries.items()
                if block is not None
            }
            rest = self.weighted({n: pair for n, pair in found.items() if n not in compressed}, scales, _grid(local))
            return {**rest, **compressed, **conditions}
        interior = self.weighted(found, scales, _grid(local))
        return {**self._causal(interior, batch)[0], **conditions}

    def normal(
        self,
        network: AnyNetwork,
        batch: AxisBatch,
        scales: Scales = NO_SCALES,
        previous: AnyNetwork | None = None,
    ) -> Normal:
        """Blocks of J^T J in the core of a Tucker network, J the derivative of `blocks`; see `normal_blocks`.

        What conditions ask for is no part of it, whether it comes from `previous` or not.
        """
        assert network.core is not None
        rooted = self.rooted(network, batch, scales)
        kept = coupling_of(network)
        return normal_blocks(rooted, network.core.shape, kept, network.core.dtype, network.spaces)

    def is_linear(self, network: SeparableNetwork, batch: AxisBatch) -> bool:
        """Whether residuals and conditions are linear in the network's fields, read off their expressions."""
        at = self.located(network, batch)
        found = {**interior_residuals(self.pde, at(None)), **condition_residuals(self.pde, at, None, self.skip)}
        return all(is_linear(field) for field, _ in found.values())

    def whole_normal(
        self,
        network_of: Callable[[Any], SeparableNetwork],
        params: Any,
        batch: AxisBatch,
        scales: Scales = NO_SCALES,
    ) -> Array:
        """J^T J in all that is trained, in the order of `ravel_pytree(params)`; see `spinn.objective.axis_normal`."""
        network = network_of(params)

        def rooted(tables: Any) -> dict[str, tuple[Any, Any]]:
            return self.rooted(network, batch, scales, tables)

        return whole_normal(rooted, network_of, params, points_of(batch), self.orders)

    def strengths(self, network: AnyNetwork, batch: AxisBatch) -> dict[str, Float[Array, " unknowns"]]:
        """The squared norm of the derivative of each unweighted equation in every unknown of a Tucker network."""
        assert network.core is not None
        shape, kept = network.core.shape, coupling_of(network)
        found = {}
        for name, (field, _) in interior_residuals(self.pde, self.located(network, batch)(None)).items():
            normal = normal_blocks({name: (field, 1.0)}, shape, kept, network.core.dtype, network.spaces)
            diagonal = kept.core(jnp.diagonal(normal, axis1=1, axis2=2), shape)
            found[name] = jnp.sum(diagonal.reshape(shape[0], -1), 1)
        return found

    def conditions(
        self,
        network: AnyNetwork,
        batch: AxisBatch,
        previous: AnyNetwork | None = None,
        names: Collection[str] | None = None,
    ) -> dict[str, Array]:
        """The residuals of the conditions named (or all) on their faces, unweighted, those held exactly among them."""
        before = self._before(previous, batch)
        found = condition_residuals(self.pde, self.located(network, batch), before, frozenset())
        fields = {name: field for name, (field, _) in found.items() if names is None or name in names}
        return {name: jnp.broadcast_to(field.value, field.grid.shape) for name, field in fields.items()}

    def loss(
        self,
        network: AnyNetwork,
        batch: AxisBatch,
        scales: Scales = NO_SCALES,
        previous: AnyNetwork | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Half the squared norm of the blocks, and each block's share of it. For reverse mode (`blocks`: either)."""
        if self.slabs > 1:
            self._check_slabs(batch)
        at = self.located(network, batch)
        conditions = self._conditions(at, self._before(previous, batch), scales)
        parts = {name: half_square({name: block}) for name, block in conditions.items()}
        local = at(None)
        found = interior_residuals(self.pde, local)
        if not self.weighting.causal and all(_is_cp(field) for field, _ in found.values()):
            parts |= self._norms(found, scales)
        elif self.slabs > 1:
            parts |= self._swept(network, batch, scales)
        else:
            parts |= self._interior_shares(local, batch, scales)[0]
        return functools.reduce(jnp.add, parts.values()), parts

    def interior(self, network: AnyNetwork, batch: AxisBatch) -> dict[str, Array]:
        """The residuals themselves on the grid, unweighted."""
        local = self.located(network, batch)(None)
        shape = _grid(local).shape
        found = interior_residuals(self.pde, local)
        return {name: jnp.broadcast_to(field.value, shape) for name, (field, _) in found.items()}

    def rooted(
        self, network: AnyNetwork, batch: AxisBatch, scales: Scales, tables: Any = None
    ) -> dict[str, tuple[Any, Any]]:
        """The residual fields of all blocks with the roots of their weights, but for what conditions ask for."""
        at = self.located(network, batch, tables)
        conditions = condition_residuals(self.pde, at, None, self.skip)
        found = {**interior_residuals(self.pde, at(None)), **conditions}
        return {name: (field, self.weighting.root(name, own, scales)) for name, (field, own) in found.items()}

    def located(self, network: AnyNetwork, batch: AxisBatch, given: Any = None) -> At:
        """Every axis network runs once, on its interior points and both ends together, unless its table is `given`."""
        points = points_of(batch)
        tables = network.tables(points, self.orders) if given is None else given
        below = self.base.tables(points, self.orders) if self.base else {}

        def at(face: Face | None) -> Local:
            grid, chosen = self._restricted(batch, face)
            fields: dict[str, Any] = network.fields(grid, _cut(tables, chosen))
            if self.base is not None:
                base = self.base.fields(grid, _cut(below, chosen))
                fields = {name: field + base[name] for name, field in fields.items()}
            return Local(fields, coordinate_fields(grid))

        return at

    def _restricted(self, batch: AxisBatch, face: Face | None) -> tuple[Grid, dict[str, slice]]:
        """The grid inside or on a face, and which rows of the tables of every axis belong to it."""
        grid = Grid(self.pde.coordinates, batch.points, batch.weights)
        chosen = {axis: slice(0, points.shape[0]) for axis, points in batch.points.items()}
        if face is not None:
            side, count = int(face.side == "high"), batch.points[face.axis].shape[0]
            chosen[face.axis] = slice(count + side, count + side + 1)
            end = batch.ends[face.axis][side : side + 1]
            grid = grid.restrict(face.axis, end, jnp.ones_like(end))
        return grid, chosen

    def _before(self, previous: AnyNetwork | None, batch: AxisBatch) -> At | None:
        """The fields of the window before, evaluated where this one begins."""
        return None if previous is None else dataclasses.replace(self, base=self.base_before).located(previous, batch)

    def _conditions(self, at: At, before: At | None, scales: Scales) -> dict[str, Array]:
        return self.weighted(condition_residuals(self.pde, at, before, self.skip), scales)

    def weighted(
        self, found: Found, scales: Scales, grid: Grid | None = None, reverse: bool = False
    ) -> dict[str, Array]:
        """Entries times the roots of their weights, on the grid given or else on that of each field."""
        result = {}
        arrays = evaluate([field for field, _ in found.values()], reverse)
        for (name, (field, own)), array in zip(found.items(), arrays, strict=True):
            here = grid or field.grid
            values = jnp.broadcast_to(array, here.shape) * self.weighting.root(name, own, scales)
            for axis in here.axes:
                if len(here.points[axis]) > 1:
                    values = values * here.weight_root(axis)
            result[name] = values
        return result

    def _causal(
        self, blocks: dict[str, Array], batch: AxisBatch, earlier: Array | float = 0.0
    ) -> tuple[dict[str, Array], Array | float]:
        """Blocks times the root of the causal weights, and the loss up to their last time.

        Both are constants for differentiation. `earlier` is the loss of the times before those of the blocks.
        """
        if not self.weighting.causal:
            return blocks, earlier
        axis = self.pde.coordinates.index("t")
        others = tuple(i for i in range(len(self.pde.coordinates)) if i != axis)
        squares = functools.reduce(jnp.add, (jnp.sum(block * block, others) for block in blocks.values()))
        losses = jax.lax.stop_gradient(squares) * batch.points["t"].shape[0]
        roots = jnp.sqrt(causal_weights(losses, self.weighting.causal, earlier))
        shape = [-1 if i == axis else 1 for i in range(len(self.pde.coordinates))]
        weighted = {name: block * roots.reshape(shape) for name, block in blocks.items()}
        return weighted, earlier + jnp.sum(losses)

    def _norms(self, found: Found, scales: Scales) -> dict[str, Array]:
        """Half the squared norm of each separable block; none of them is stored on the grid."""
        norm = {"grid": grid_norm, "gram": gram_norm, "qr": qr_norm}[self.norm]
        return {
            name: 0.5 * self.weighting.root(name, own, scales) ** 2 * norm(field)
            for name, (field, own) in found.items()
        }

    def _interior_shares(
        self, local: Local, batch: AxisBatch, scales: Scales, earlier: Array | float = 0.0
    ) -> tuple[dict[str, Array], Array | float]:
        """Half the squared norm of each interior block, and the loss that later times wait for."""
        found = interior_residuals(self.pde, local)
        blocks, later = self._causal(self.weighted(found, scales, _grid(local), reverse=True), batch, earlier)
        return {name: half_square({name: block}) for name, block in blocks.items()}, later

    def _check_slabs(self, batch: AxisBatch) -> None:
        first = self.pde.coordinates[0]
        count = batch.points[first].shape[0]
        if count % self.slabs:
            raise SpinnError(f"{self.slabs} slabs must divide the {count} points along {first}")
        if self.weighting.causal and first != "t":
            raise SpinnError(
                f"causal weighting in slabs needs 't' as the first coordinate, got '{first}'; use slabs: 1"
            )

    def _swept(self, network: AnyNetwork, batch: AxisBatch, scales: Scales) -> dict[str, Array]:
        """Interior shares slab by slab along the first axis; each slab is recomputed in the backward pass."""
        first = network.axes[0]
        tables = network.tables(batch.points, self.orders)
        width = batch.points[first].shape[0] // self.slabs

        @jax.checkpoint
        def slab(start: Array, tables: Mapping[str, Array], earlier: Array) -> tuple[dict[str, Array], Array]:
            def cut(array: Array, axis: int) -> Array:
                return jax.lax.dynamic_slice_in_dim(array, start, width, axis)

            points = {**batch.points, first: cut(batch.points[first], 0)}
            weights = {**batch.weights, first: cut(batch.weights[first], 0)}
            grid = Grid(self.pde.coordinates, points, weights)
            here = {**tables, first: cut(tables[first], 1)}
            local = Local(network.fields(grid, here), coordinate_fields(grid))
            shares, later = self._interior_shares(local, batch, scales, earlier)
            return shares, jnp.asarray(later, earlier.dtype)

        def add(total: tuple[dict[str, Array], Array], start: Array) -> tuple[tuple[dict[str, Array], Array], None]:
            shares, later = slab(start, tables, total[1])
            return (jax.tree.map(jnp.add, total[0], shares), later), None

        nothing = jnp.zeros((), batch.points[first].dtype)
        shapes, _ = jax.eval_shape(slab, jnp.int32(0), tables, nothing)
        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.scan(add, (zero, nothing), jnp.arange(self.slabs) * width)[0][0]


def coupling_of(network: AnyNetwork) -> Coupling:
    """What is kept of J^T J in the core of a network."""
    assert network.core is not None
    # A small core on few combinations of many features stands on a grid for all of these.
    few = isinstance(network, SeparableNetwork) and network.restricted
    return coupling(network.core.shape, network.axes, network.waves, may_be_whole=not few)


def _cut(tables: Mapping[str, Array], chosen: Mapping[str, slice]) -> dict[str, Array]:
    return {axis: table[:, chosen[axis]] for axis, table in tables.items()}


def points_of(batch: AxisBatch) -> dict[str, Array]:
    """The points of every axis, then both of its ends."""
    return {axis: jnp.concatenate([batch.points[axis], batch.ends[axis]]) for axis in batch.points}


def _grid(local: Local) -> Grid:
    """The grid that local fields live on."""
    return next(iter(local.coordinates.values())).grid  # type: ignore[attr-defined]


def _compressed(field: Any, with_data: bool) -> Array | None:
    """A residual on a smaller grid: separable, or `with_data` that are not beside a separable field of networks."""
    if isinstance(field, Separable):
        return compressed_block(field) if field.terms else None
    if not with_data:
        return None
    whole = summed(field)
    if not whole.linear.terms or any(depends(other) for _, other in whole.others):
        return None
    rest = [scale * (other.value if isinstance(other, GridField) else other) for scale, other in whole.others]
    return compressed_sum(whole.linear, functools.reduce(jnp.add, rest))


def _is_cp(field: Any) -> bool:
    """Whether a residual is a sum of products, whose norm factorises."""
    return isinstance(field, Separable) and all(term.head.is_product for term in field.terms)
