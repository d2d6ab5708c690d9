"""Networks of one structure, one a subdomain, as one solution: their arrays are stacked along a first axis."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.fields import Grid, GridField
from spinn.networks.decomposition import Decomposition
from spinn.networks.separable import SeparableNetwork
from spinn.pdes import PDE, derivative_orders


class MultiDomainNetwork(eqx.Module):
    """u = the network of the subdomain that a point lies in, and that of the whole box (`coarse`) where there is one.

    `stacked`: every array of a separable network with a first axis of networks. A point on a cut belongs to the cell
    below it.
    """

    stacked: SeparableNetwork
    decomposition: Decomposition = eqx.field(static=True)
    coarse: SeparableNetwork | None = None

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return self.stacked.axes

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Names of the unknowns."""
        return self.stacked.unknowns

    @property
    def cells(self) -> SeparableNetwork:
        """The network of every cell, stacked: cells may share one."""
        if self.decomposition.owners is None:
            return self.stacked
        return one_of(self.stacked, self.decomposition.owner)

    def of_cell(self, number: int) -> SeparableNetwork:
        """The network that answers for one cell."""
        return one_of(self.stacked, self.decomposition.owner[number])

    def at_points(self, points: Mapping[str, Float[Array, " n"]]) -> dict[str, Float[Array, " n"]]:
        """Values at scattered points."""
        chosen = one_of(self.stacked, jnp.asarray(self.decomposition.owner)[self._cells_of(points)])
        arrays, static = eqx.partition(chosen, eqx.is_array)

        def at(arrays: Any, point: Mapping[str, Array]) -> dict[str, Array]:
            found = eqx.combine(arrays, static).at_points({axis: x[None] for axis, x in point.items()})
            return {name: value[0] for name, value in found.items()}

        values = jax.vmap(at)(arrays, dict(points))
        if self.coarse is None:
            return values
        below = self.coarse.at_points(points)
        return {name: value + below[name] for name, value in values.items()}

    def _cells_of(self, points: Mapping[str, Array]) -> Array:
        """See `Decomposition.located`, for traced points."""
        number: Array | int = 0
        for axis, count in zip(self.axes, self.decomposition.shape, strict=True):
            cuts = jnp.asarray(self.decomposition.ends[axis][1:-1])
            number = number * count + jnp.searchsorted(cuts, points[axis], side="left")
        return jnp.asarray(number)

    def on_grid(self, axes: Mapping[str, np.ndarray], derived: PDE | None = None) -> dict[str, np.ndarray]:
        """Values of every unknown on a tensor grid, and of the quantities that a PDE derives from them.

        Cell by cell: each one's part of the grid is a grid as well.
        """
        places, most = {}, {}
        for axis, count in zip(self.axes, self.decomposition.shape, strict=True):
            owner = np.searchsorted(self.decomposition.ends[axis][1:-1], axes[axis], side="left")
            places[axis] = [np.nonzero(owner == number)[0] for number in range(count)]
            most[axis] = max(len(mine) for mine in places[axis])
        points = {axis: [np.resize(axes[axis][mine] if len(mine) else axes[axis][:1], most[axis]) for mine in each]
                  for axis, each in places.items()}  # fmt: skip
        values = _on_cells(self, {axis: jnp.asarray(np.stack(each)) for axis, each in points.items()}, derived)
        found = {name: np.zeros(tuple(len(axes[axis]) for axis in self.axes)) for name in values}
        for number, index in enumerate(np.ndindex(self.decomposition.shape)):
            mine = [places[axis][place] for axis, place in zip(self.axes, index, strict=True)]
            for name, value in values.items():
                whole = np.asarray(value[number], float)
                found[name][np.ix_(*mine)] = whole[tuple(slice(len(one)) for one in mine)]
        return found


def one_of(networks: SeparableNetwork, which: Any) -> SeparableNetwork:
    """One of the stacked networks, or some of them."""
    taken: SeparableNetwork = jax.tree.map(lambda leaf: leaf[which] if eqx.is_array(leaf) else leaf, networks)
    return taken


@eqx.filter_jit
def _on_cells(
    network: MultiDomainNetwork, points: Mapping[str, Float[Array, "parts _"]], derived: PDE | None
) -> dict[str, Array]:
    """Values on the grid of every cell: (cells, points of each axis)."""
    index = np.indices(network.decomposition.shape).reshape(len(network.axes), -1)
    chosen = {axis: points[axis][index[place]] for place, axis in enumerate(network.axes)}
    arrays, static = eqx.partition(network.cells, eqx.is_array)
    orders = dict.fromkeys(network.axes, 0) if derived is None else derivative_orders(derived)

    def cell(arrays: Any, points: dict[str, Array]) -> dict[str, Array]:
        grid = Grid(network.axes, points, {axis: jnp.ones_like(p) for axis, p in points.items()})
        fields = fields_on(eqx.combine(arrays, static), network.coarse, grid, orders)
        found = {**fields, **(derived.derived(*fields.values()) if derived else {})}
        shown = {name: field for name, field in found.items() if isinstance(field, GridField)}
        return {name: jnp.broadcast_to(field.value, grid.shape) for name, field in shown.items()}

    return jax.vmap(cell)(arrays, chosen)


def fields_on(
    network: SeparableNetwork, coarse: SeparableNetwork | None, grid: Grid, orders: Mapping[str, int]
) -> dict[str, Any]:
    """The fields of a cell on a grid, with those of the network of the whole box added."""
    fields: dict[str, Any] = network.fields(grid, network.tables(grid.points, orders))
    if coarse is None:
        return fields
    below = coarse.fields(grid, coarse.tables(grid.points, orders))
    return {name: field + below[name] for name, field in fields.items()}
