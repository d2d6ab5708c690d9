"""The objective of many subdomains at once: residual blocks of stacked networks, and of the interfaces between them.

Networks of one structure are stacked along a first axis of their arrays; every cell is evaluated by its owner under one
vmap, and interfaces are gathered by numbers of cells: hundreds of subdomains are one program. Weights of interface
conditions are data, (interfaces, conditions), so that the same program serves every choice of conditions.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.fields import Grid, coordinate_fields
from spinn.multidomain.decomposition import Decomposition
from spinn.multidomain.interfaces import CONDITIONS, orders_needed, traces_of
from spinn.networks.separable import SeparableNetwork
from spinn.objective import SeparableObjective
from spinn.objective.blocks import condition_residuals, interior_residuals
from spinn.pdes import PDE, Box, Face, Local
from spinn.sampling.separable import AxisBatch, AxisSampler

Weights = Mapping[str, Float[Array, "interfaces conditions"]]  # by the axis that the interfaces lie across


class Parts(NamedTuple):
    """What one cell gives: weighted blocks inside and on its own faces, and traces by axis, side and condition."""

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

    @property
    def cut_axes(self) -> tuple[str, ...]:
        """Axes with interfaces."""
        return tuple(axis for axis in self.decomposition.box if self.decomposition.cuts.get(axis))

    def blocks(
        self, networks: SeparableNetwork, batch: AxisBatch, weights: Weights, scales: Mapping[str, Any] = {}
    ) -> dict[str, Array]:
        """All blocks, with the cell or the interface as their first axis.

        `networks`: stacked; `batch`: points, weights and ends of every cell, stacked.
        """
        owned = owned_networks(networks, self.decomposition)
        arrays, static = eqx.partition(owned, eqx.is_array)
        parts = jax.vmap(lambda a, b: self._cell(eqx.combine(a, static), b, scales))(arrays, batch)
        found = {name: self._shared(block) for name, block in parts.inside.items()}
        for name, block in parts.boundary.items():
            found[name] = self._on_boundary(name, block)
        for axis in self.cut_axes:
            found |= self._across(axis, parts.traces[axis], batch, weights[axis], scales)
        return found

    def _cell(self, network: SeparableNetwork, batch: AxisBatch, scales: Mapping[str, Any]) -> Parts:
        at = self.single.located(network, batch)
        local, single = at(None), self.single
        grid = next(iter(local.unknowns.values())).grid
        inside = single.weighted(interior_residuals(single.pde, local), scales, grid)
        conditions = condition_residuals(single.pde, at, None, single.skip)
        traces = {axis: self._sides(network, batch, axis) for axis in self.cut_axes}
        return Parts(inside, single.weighted(conditions, scales), traces)

    def _sides(self, network: SeparableNetwork, batch: AxisBatch, axis: str) -> dict[str, Any]:
        """The traces on the low and the high face of a cell."""
        pde, orders = self.pde, orders_needed(self.conditions, self.single.orders)
        found = {}
        for number, side in enumerate(("low", "high")):
            points = {**batch.points, axis: batch.ends[axis][number : number + 1]}

            def local_at(points: Mapping[str, Array]) -> Local:
                grid = Grid(pde.coordinates, points, {a: jnp.ones_like(p) for a, p in points.items()})
                return Local(network.fields(grid, network.tables(points, orders)), coordinate_fields(grid))

            found[side] = traces_of(pde, self.conditions, local_at, points, Face(axis, side))  # type: ignore[arg-type]
        return found

    def _shared(self, block: Array) -> Array:
        """Means over cells become means over the box."""
        root = np.sqrt(volume_shares(self.decomposition))
        return block * root.reshape(-1, *(1,) * (block.ndim - 1))

    def _on_boundary(self, name: str, block: Array) -> Array:
        """Conditions count on the faces of the box alone, by the share of the face that the cell has."""
        face = face_of(name, self.decomposition.box)
        root = np.sqrt(self.decomposition.outer(face) * area_shares(self.decomposition, face.axis))
        return block * root.reshape(-1, *(1,) * (block.ndim - 1))

    def _across(
        self, axis: str, traces: dict[str, Any], batch: AxisBatch, weights: Array, scales: Mapping[str, Any]
    ) -> dict[str, Array]:
        """Residuals of the interface conditions: (interfaces, sides if both are asked, the grid of the face)."""
        low, high = self.decomposition.interfaces(axis).T
        share = np.sqrt(area_shares(self.decomposition, axis)[low])
        found = {}
        for place, name in enumerate(self.conditions):
            condition = CONDITIONS[name]
            for key, below in traces["high"][name].items():
                above = traces["low"][name][key]
                values = (
                    (below[low] - above[high])[:, None] if condition.jump else jnp.stack([below[low], above[high]], 1)
                )
                label = f"interface_{name}_{key}_{axis}"
                root = jnp.sqrt(weights[:, place] * condition.factor * scales.get(label, 1.0)) * share
                root = root.reshape(-1, *(1,) * (values.ndim - 1))
                for index, other in enumerate(self.pde.coordinates):
                    if other != axis:
                        across = jnp.sqrt(batch.weights[other][low])
                        shape = [len(low), 1, *(1,) * len(self.pde.coordinates)]
                        shape[2 + index] = across.shape[1]
                        values = values * across.reshape(shape)
                found[label] = values * root
        return found


def owned_networks(networks: SeparableNetwork, decomposition: Decomposition) -> SeparableNetwork:
    """The network of every cell, stacked."""
    if decomposition.owners is None:
        return networks
    return jax.tree.map(lambda leaf: leaf[decomposition.owner] if eqx.is_array(leaf) else leaf, networks)


def stacked_batch(sampler: AxisSampler, boxes: tuple[Box, ...], *, key: Any) -> AxisBatch:
    """A batch for every cell, stacked along a first axis."""
    drawn = [sampler.draw(box, key=jax.random.fold_in(key, number)) for number, box in enumerate(boxes)]
    batch: AxisBatch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *drawn)
    return batch


def volume_shares(decomposition: Decomposition) -> np.ndarray:
    """The share of the box that each cell has."""
    shares = [np.diff(decomposition.ends[axis]) for axis in decomposition.box]
    whole = np.ones(decomposition.shape)
    for place, share in enumerate(shares):
        whole = whole * (share / share.sum()).reshape([-1 if i == place else 1 for i in range(len(shares))])
    return whole.ravel()


def area_shares(decomposition: Decomposition, axis: str) -> np.ndarray:
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
