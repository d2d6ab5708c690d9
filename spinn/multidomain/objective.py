"""The objective of many subdomains at once: residual blocks of stacked networks, and of the interfaces between them.

Networks of one structure are stacked along a first axis of their arrays; every cell is evaluated by its owner under one
vmap, and interfaces are gathered by numbers of cells: hundreds of subdomains are one program. Weights of interface
conditions are data, (interfaces, conditions), so that the same program serves every choice of conditions.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.fields import Grid, coordinate_fields
from spinn.multidomain.interfaces import CONDITIONS, orders_needed, traces_of
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork, fields_on
from spinn.networks.separable import SeparableNetwork
from spinn.objective import SeparableObjective
from spinn.objective.blocks import NO_SCALES, Scales, condition_residuals, half_square, interior_residuals
from spinn.pdes import PDE, Box, Face, Local
from spinn.pdes._conditions import At
from spinn.sampling.separable import AxisBatch, AxisSampler

Weights = Mapping[str, Float[Array, "interfaces conditions"]]  # by the axis that the interfaces lie across

Pair = tuple[SeparableNetwork, SeparableNetwork | None]  # of a cell, and of the whole box

# Coefficients on a face are those just inside of the cell, by this share of its length: they may jump there.
INSIDE = 1e-12
SIDES: tuple[Literal["low", "high"], ...] = ("low", "high")


class CellBatch(NamedTuple):
    """Points, weights and ends of every cell, stacked, and the weights of the interface conditions."""

    cells: AxisBatch
    weights: Weights


@dataclasses.dataclass(frozen=True)
class CellSampler:
    """Draws a batch for every cell. `weights`: of the interface conditions, by axis: (interfaces, conditions)."""

    cells: AxisSampler
    decomposition: Decomposition
    weights: Mapping[str, np.ndarray]

    @property
    def counts(self) -> dict[str, int]:
        """Points an axis and cell, and the number of cells."""
        return {**self.cells.counts, "cells": self.decomposition.count}

    def draw(self, domain: Box, *, key: Any) -> CellBatch:
        """The same key gives the same batch."""
        batch = stacked_batch(self.cells, self.decomposition.within(domain).cells, key=key)
        dtype = next(iter(batch.points.values())).dtype
        return CellBatch(batch, {axis: jnp.asarray(given, dtype) for axis, given in self.weights.items()})


class Parts(NamedTuple):
    """What one cell gives: weighted blocks inside and on its own faces, and traces by axis, side, condition and name,
    weighted by the rule of the face.
    """

    inside: dict[str, Array]
    boundary: dict[str, Array]
    traces: dict[str, dict[str, dict[str, dict[str, Array]]]]


@dataclasses.dataclass(frozen=True, eq=False)
class MultiDomainObjective:
    """Blocks of all cells and interfaces, each entry times the root of its quadrature and loss weights.

    `single`: of one cell, with the PDE on the whole box; `conditions`: those that weights are given for.
    """

    decomposition: Decomposition
    conditions: tuple[str, ...]
    single: SeparableObjective

    @property
    def pde(self) -> PDE:
        """The equation."""
        return self.single.pde

    def blocks(
        self,
        network: MultiDomainNetwork,
        batch: CellBatch,
        scales: Scales = NO_SCALES,
        previous: MultiDomainNetwork | None = None,
        reverse: bool = False,
    ) -> dict[str, Array]:
        """All blocks, with the cell or the interface as their first axis.

        `previous`: the network of the time window before, with the same cuts; `reverse`: for reverse mode alone.
        """
        parts = self.parts(network, batch.cells, scales, previous, reverse)
        found = {name: along(volume_roots(self.decomposition), block) for name, block in parts.inside.items()}
        found |= {name: along(self.boundary_root(name), block) for name, block in parts.boundary.items()}
        for axis in self.decomposition.cut_axes:
            found |= self._across(axis, parts.traces[axis], batch.weights[axis], scales)
        return found

    def loss(
        self,
        network: MultiDomainNetwork,
        batch: CellBatch,
        scales: Scales = NO_SCALES,
        previous: MultiDomainNetwork | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Half the squared norm of the blocks, and each block's share of it."""
        parts = {
            name: half_square({name: block})
            for name, block in self.blocks(network, batch, scales, previous, reverse=True).items()
        }
        return jnp.sum(jnp.stack(list(parts.values()))), parts

    def is_linear(self, network: MultiDomainNetwork, batch: CellBatch) -> bool:
        """Whether residuals and conditions are linear in the fields of a cell: those of interfaces then are, too."""
        one: AxisBatch = jax.tree.map(lambda leaf: leaf[0], batch.cells)
        return self.single.is_linear(network.of_cell(0), one)

    def parts(
        self,
        network: MultiDomainNetwork,
        batch: AxisBatch,
        scales: Scales,
        previous: MultiDomainNetwork | None = None,
        reverse: bool = False,
    ) -> Parts:
        """What every cell gives, stacked."""
        arrays, static = eqx.partition(network.cells, eqx.is_array)
        earlier, earlier_static = eqx.partition(None if previous is None else previous.cells, eqx.is_array)

        def one(arrays: Any, earlier: Any, batch: AxisBatch) -> Parts:
            before = None if previous is None else (eqx.combine(earlier, earlier_static), previous.coarse)
            return self.of_cell((eqx.combine(arrays, static), network.coarse), batch, scales, before, reverse)

        return jax.vmap(one)(arrays, earlier, batch)

    def of_cell(
        self, pair: Pair, batch: AxisBatch, scales: Scales, previous: Pair | None = None, reverse: bool = False
    ) -> Parts:
        """What one cell gives, from its network and that of the whole box; `previous`: of the time window before."""
        single = self.single
        at = self._located(pair, batch)
        before = None if previous is None else self._located(previous, batch)
        local = at(None)
        grid = next(iter(local.coordinates.values())).grid  # type: ignore[attr-defined]
        inside = single.weighted(interior_residuals(single.pde, local), scales, grid, reverse)
        conditions = single.weighted(condition_residuals(single.pde, at, before, single.skip), scales)
        traces = {axis: self._sides(pair, batch, axis) for axis in self.decomposition.cut_axes}
        return Parts(inside, conditions, traces)

    def _located(self, pair: Pair, batch: AxisBatch) -> At:
        network, coarse = pair
        below = None if coarse is None else self.single.located(coarse, batch)
        return _summed(self.single.located(network, batch), below)

    def _sides(self, pair: Pair, batch: AxisBatch, axis: str) -> dict[str, Any]:
        """The traces on the low and the high face of a cell, times the roots of the weights of points along it."""
        pde, orders = self.pde, orders_needed(self.conditions, self.single.orders)
        length = batch.ends[axis][1] - batch.ends[axis][0]

        def local_at(points: Mapping[str, Array], shift: Array) -> Local:
            grid = Grid(pde.coordinates, points, {a: jnp.ones_like(p) for a, p in points.items()})
            fields = fields_on(*pair, grid, orders)
            moved = {**points, axis: points[axis] + shift}
            return Local(fields, coordinate_fields(Grid(pde.coordinates, moved, grid.weights)))

        def weighted(values: Array) -> Array:
            for index, other in enumerate(pde.coordinates):
                if other != axis:
                    shape = [-1 if place == index else 1 for place in range(values.ndim)]
                    values = values * jnp.sqrt(batch.weights[other]).reshape(shape)
            return values

        found: dict[str, Any] = {}
        for number, side in enumerate(SIDES):
            points = {**batch.points, axis: batch.ends[axis][number : number + 1]}
            inside = functools.partial(local_at, shift=length * (INSIDE if side == "low" else -INSIDE))
            found[side] = jax.tree.map(weighted, traces_of(pde, self.conditions, inside, points, Face(axis, side)))
        return found

    def boundary_root(self, name: str) -> Float[np.ndarray, " cells"]:
        """Conditions count on the faces of the box alone, by the share of the face that a cell has."""
        face = face_of(name, self.decomposition.box)
        return np.sqrt(self.decomposition.outer(face) * area_shares(self.decomposition, face.axis))

    def interface_root(
        self, axis: str, condition: str, key: str, weights: Float[Array, "interfaces conditions"], scales: Scales
    ) -> tuple[str, Float[Array, " interfaces"]]:
        """The name of a block of an interface condition, and the root of its weight on each interface."""
        label = f"interface_{condition}_{key}_{axis}"
        share = area_shares(self.decomposition, axis)[self.decomposition.interfaces(axis)[:, 0]]
        weight = weights[:, self.conditions.index(condition)] * share * CONDITIONS[condition].factor
        return label, jnp.sqrt(weight) * self.single.weighting.root(label, 1.0, scales)

    def _across(self, axis: str, traces: dict[str, Any], weights: Array, scales: Scales) -> dict[str, Array]:
        """Residuals of the interface conditions: (interfaces, sides if both are asked, the grid of the face)."""
        low, high = self.decomposition.interfaces(axis).T
        found = {}
        for name in self.conditions:
            for key, below in traces["high"][name].items():
                above = traces["low"][name][key]
                jump = CONDITIONS[name].jump
                values = (below[low] - above[high])[:, None] if jump else jnp.stack([below[low], above[high]], 1)
                label, root = self.interface_root(axis, name, key, weights, scales)
                found[label] = along(root, values)
        return found


def _summed(at: At, below: At | None) -> At:
    """The fields of a cell with those of the network of the whole box added."""
    if below is None:
        return at

    def both(face: Face | None) -> Local:
        here, coarse = at(face), below(face)
        fields = {name: field + coarse.unknowns[name] for name, field in here.unknowns.items()}
        return Local(fields, here.coordinates)

    return both


def along(factors: Any, values: Array) -> Array:
    """Values times one factor for each entry of their first axis."""
    return values * jnp.asarray(factors, values.dtype).reshape(-1, *(1,) * (values.ndim - 1))


def stacked_batch(sampler: AxisSampler, boxes: tuple[Box, ...], *, key: Any) -> AxisBatch:
    """A batch for every cell, stacked along a first axis."""
    drawn = [sampler.draw(box, key=jax.random.fold_in(key, number)) for number, box in enumerate(boxes)]
    batch: AxisBatch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)
    return batch


def stacked_networks(build: Callable[[Box, Any], SeparableNetwork], boxes: tuple[Box, ...], *, key: Any) -> Any:
    """`build(box, key)` for every box, stacked."""
    built = [build(box, one) for box, one in zip(boxes, jax.random.split(key, len(boxes)), strict=True)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves) if eqx.is_array(leaves[0]) else leaves[0], *built)


def volume_roots(decomposition: Decomposition) -> Float[np.ndarray, " cells"]:
    """Means over cells become means over the box by the roots of the cells' shares of it."""
    return np.sqrt(volume_shares(decomposition))


def volume_shares(decomposition: Decomposition) -> Float[np.ndarray, " cells"]:
    """The share of the box that each cell has."""
    shares = [np.diff(decomposition.ends[axis]) for axis in decomposition.box]
    whole = np.ones(decomposition.shape)
    for place, share in enumerate(shares):
        whole = whole * (share / share.sum()).reshape([-1 if i == place else 1 for i in range(len(shares))])
    return whole.ravel()


def area_shares(decomposition: Decomposition, axis: str) -> Float[np.ndarray, " cells"]:
    """The share of a surface across an axis that each cell has."""
    lengths = np.diff(decomposition.ends[axis])
    place = decomposition.box.axes.index(axis)
    own = (lengths / lengths.sum()).reshape([-1 if i == place else 1 for i in range(len(decomposition.shape))])
    shares: np.ndarray = (volume_shares(decomposition).reshape(decomposition.shape) / own).ravel()
    return shares


def face_of(name: str, box: Box) -> Face:
    """The face of the box that a condition's block belongs to, by its name."""
    for face in box.faces(*box.axes):
        if name.endswith(f"_{face.axis}_{face.side}") or f"_{face.axis}_{face.side}_" in name:
            return face
    return Face("t", "low")
