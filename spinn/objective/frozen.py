"""The fields of a network that is not trained, as the base to which those of a correction are added."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields import Grid
from spinn.fields.frozen import Frozen, frozen_fields
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import Tabulated, padded, tabulated
from spinn.pdes import PDE, point_fields


class FrozenNetwork(eqx.Module):
    """The fields of a network times `scale` (zero for nothing at all, in the same program): what an objective asks of a
    network. Networks that are not separable have no tables.
    """

    network: Any
    scale: Float[Array, ""]
    pde: PDE = eqx.field(static=True)

    def tables(self, points: Mapping[str, Array], orders: Mapping[str, int]) -> dict[str, Array]:
        """Factors of every axis, as of the network."""
        return self.network.tables(points, orders) if isinstance(self.network, SeparableNetwork | Tabulated) else {}

    def fields(self, grid: Grid, tables: Mapping[str, Array]) -> dict[str, Any]:
        """The fields on a grid, which are not varied."""
        if isinstance(self.network, SeparableNetwork | Tabulated):
            fields: dict[str, Any] = dict(frozen_fields(self.network.fields(grid, tables)))
        else:
            fields = {name: Frozen(grid, field) for name, field in self._at_points(grid).items()}
        return {name: field * self.scale for name, field in fields.items()}

    def at(self, points: Mapping[str, Array], orders: Mapping[str, int], ranks: Mapping[str, int]) -> "FrozenNetwork":
        """The same for these points only, in tables of the ranks given, where it is a core."""
        if not isinstance(self.network, SeparableNetwork) or self.network.core is None:
            return self
        return FrozenNetwork(padded(tabulated(self.network, points, orders), ranks), self.scale, self.pde)

    def _at_points(self, grid: Grid) -> dict[str, Any]:
        names = grid.axes
        mesh = jnp.meshgrid(*(grid.points[name] for name in names), indexing="ij")
        points = {name: part.reshape(-1) for name, part in zip(names, mesh, strict=True)}

        def values(*coordinates: Array) -> dict[str, Array]:
            return self.network.at_points(dict(zip(names, coordinates, strict=True)))

        return dict(point_fields(values, self.pde.unknowns, points))


def frozen(network: Any, pde: PDE, scale: float = 1.0) -> FrozenNetwork:
    """A network of any precision in float64."""
    arrays, static = eqx.partition(network, eqx.is_inexact_array)
    wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), arrays)
    return FrozenNetwork(eqx.combine(wide, static), jnp.asarray(scale, jnp.float64), pde)
