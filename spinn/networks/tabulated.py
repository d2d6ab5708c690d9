"""A network with a Tucker core at given points: its tables there and its core.

Programs made for it depend on the shapes only, so that they serve all networks with equally many features and points,
whatever the features are.
"""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields import Grid, JetTable, Separable
from spinn.networks.separable import AxisFeatures, SeparableNetwork, Spaces, joined_core, tucker_fields
from spinn.networks.taylor import Taylor


class Tabulated(eqx.Module):
    """What an objective asks of a network, for the points it was made for."""

    axes: tuple[str, ...] = eqx.field(static=True)
    unknowns: tuple[str, ...] = eqx.field(static=True)
    rows: dict[str, Float[Array, "orders points 1 rank"]]
    core: Float[Array, "unknowns ..."]
    lift: Float[Array, "unknowns ..."] | None
    waves: frozenset[str] = eqx.field(static=True, default=frozenset())  # as of a `SeparableNetwork`
    spaces: Spaces = None  # likewise

    @property
    def whole_core(self) -> Float[Array, "unknowns ..."]:
        """The core with its fixed part."""
        return joined_core(self.core, self.lift, self.spaces)

    def tables(self, points: Mapping[str, Array], orders: Mapping[str, int]) -> dict[str, Array]:
        """Factors of every axis and their derivatives at the points it was made for."""
        return dict(self.rows)

    def fields(self, grid: Grid, tables: Mapping[str, Array]) -> dict[str, Separable]:
        """One lazy field an unknown."""
        shared = {axis: JetTable(table[:, :, 0]) for axis, table in tables.items()}
        return tucker_fields(grid, shared, self.whole_core, self.unknowns)


def tabulated(network: SeparableNetwork, points: Mapping[str, Array], orders: Mapping[str, int]) -> Tabulated:
    """A network with a Tucker core at the points given."""
    assert network.core is not None
    rows = compiled_tables(network, points, orders)
    return Tabulated(network.axes, network.unknowns, rows, network.core, network.lift, network.waves, network.spaces)


def padded(network: Tabulated, ranks: Mapping[str, int]) -> Tabulated:
    """The same field with features that are zero behind the others, up to the numbers given; its core is one."""
    core, more = network.whole_core, {axis: ranks[axis] - table.shape[-1] for axis, table in network.rows.items()}
    rows = {axis: jnp.pad(table, [(0, 0)] * 3 + [(0, more[axis])]) for axis, table in network.rows.items()}
    core = jnp.pad(core, [(0, 0), *((0, more[axis]) for axis in network.axes)])
    return Tabulated(network.axes, network.unknowns, rows, core, None)


def compiled_tables(
    network: SeparableNetwork, points: Mapping[str, Array], orders: Mapping[str, int]
) -> dict[str, Array]:
    """The network's tables, compiled once for all axes that are alike: operation by operation takes much longer."""
    result = {}
    parts = zip(network.axes, network.features, network.mixings, network.biases, strict=True)
    for axis, features, mixing, bias in parts:
        result[axis] = axis_rows(features, mixing, points[axis], orders[axis], bias)
    return result


@eqx.filter_jit
def axis_rows(
    features: AxisFeatures,
    mixing: Float[Array, "_ _"] | None,
    points: Float[Array, " points"],
    order: int,
    bias: Float[Array, " _"] | None = None,
) -> Float[Array, "orders points 1 rank"]:
    """The functions of one axis and their derivatives; the program serves networks that differ along other axes."""
    series, envelope = _mixed(features(points, order), mixing, bias), features.envelope(points, order)
    return (series if envelope is None else series * envelope).derivatives()[:, :, None]


def _mixed(series: Taylor, mixing: Array | None, bias: Array | None = None) -> Taylor:
    return series if mixing is None else series.affine(mixing, bias)
