"""Evaluating trained networks on tensor grids and at scattered points, in the precision they were trained in."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from spinn.fields import Grid, GridField
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import SeparableNetwork
from spinn.pdes import PDE, derivative_orders
from spinn.pdes._points import point_fields

# Numbers computed in one go; larger grids are evaluated in parts along their first axis, and more points in parts too.
BATCH = 4_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """A network on its part of the time axis (or on all of it)."""

    network: Any
    start: float
    end: float


def grid_values(pde: PDE, piece: Piece, axes: Mapping[str, np.ndarray], derived: bool) -> dict[str, np.ndarray]:
    """Unknowns (and derived quantities) of one piece on a tensor grid, as float64 arrays on the host."""
    first = pde.coordinates[0]
    rest = int(np.prod([len(axes[axis]) for axis in pde.coordinates[1:]]))
    step = max(BATCH // max(rest, 1), 1)
    parts = []
    for begin in range(0, max(len(axes[first]), 1), step):
        chosen = {**axes, first: axes[first][begin : begin + step]}
        parts.append(_on_grid(pde, piece.network, chosen, derived))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _on_grid(pde: PDE, network: Any, axes: Mapping[str, np.ndarray], derived: bool) -> dict[str, np.ndarray]:
    points = {axis: jnp.asarray(axes[axis]) for axis in pde.coordinates}
    shape = tuple(len(axes[axis]) for axis in pde.coordinates)
    if isinstance(network, MultiDomainNetwork):
        return network.on_grid(axes, pde if derived else None)
    if not isinstance(network, SeparableNetwork):
        mesh = jnp.meshgrid(*points.values(), indexing="ij")
        flat = {axis: part.reshape(-1) for axis, part in zip(pde.coordinates, mesh, strict=True)}
        values = point_values(pde, network, flat, derived)
        return {name: value.reshape(shape) for name, value in values.items()}
    arrays, static = eqx.partition(network, eqx.is_array)
    values = _separable_values(pde, static, derived, arrays, points)
    return {name: np.asarray(np.broadcast_to(value, shape), float) for name, value in values.items()}


@eqx.filter_jit
def _separable_values(pde: Any, static: Any, derived: bool, arrays: Any, points: Any) -> dict[str, Any]:
    network = eqx.combine(arrays, static)
    grid = Grid(
        pde.coordinates, points, {axis: jnp.full(p.shape, 1.0 / max(p.shape[0], 1)) for axis, p in points.items()}
    )
    orders = derivative_orders(pde) if derived else dict.fromkeys(pde.coordinates, 0)
    unknowns = network.fields(grid, network.tables(points, orders))
    quantities = {**unknowns, **(pde.derived(*unknowns.values()) if derived else {})}
    return {name: field.value for name, field in quantities.items() if isinstance(field, GridField)}


def point_values(pde: PDE, network: Any, points: Mapping[str, Any], derived: bool = False) -> dict[str, np.ndarray]:
    """Values at scattered points: arrays of shape (n,) by coordinate.

    Points are filled up to a power of two, so that calls of many lengths compile few programs.
    """
    arrays = {axis: np.asarray(points[axis]) for axis in pde.coordinates}
    count, step = len(arrays[pde.coordinates[0]]), max(BATCH // _numbers_a_point(network), 1)
    trained, static = eqx.partition(network, eqx.is_array)
    parts = []
    for begin in range(0, max(count, 1), step):
        here = {axis: array[begin : begin + step] for axis, array in arrays.items()}
        length = len(here[pde.coordinates[0]])
        filled = min(step, 1 << max(length - 1, 15).bit_length())
        padded = {axis: jnp.asarray(np.resize(array, filled)) for axis, array in here.items()}
        values = _scattered_values(pde, static, derived, trained, padded)
        parts.append({name: np.asarray(value, float)[:length] for name, value in values.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _numbers_a_point(network: Any) -> int:
    """How many numbers a point takes on the way: with a Tucker core as many as it has entries beside the first axis."""
    if isinstance(network, MultiDomainNetwork):
        return sum(leaf[0].size for leaf in jax.tree.leaves(eqx.filter(network.stacked, eqx.is_array)))
    if isinstance(network, SeparableNetwork):
        if network.cores is not None:
            return max(core.shape[1] * core.shape[2] for core in network.cores)
        if network.core is not None:
            return network.core.size // network.core.shape[1]
        return max(mixing.shape[1] for mixing in network.mixings if mixing is not None)
    return 512


@eqx.filter_jit
def _scattered_values(pde: Any, static: Any, derived: bool, trained: Any, points: Any) -> dict[str, Any]:
    network = eqx.combine(trained, static)
    if not derived:
        return network.at_points(points)
    unknowns = point_fields(
        lambda *c: network.at_points(dict(zip(pde.coordinates, c, strict=True))), pde.unknowns, points
    )
    quantities = {**unknowns, **pde.derived(*unknowns.values())}
    return {name: field.value for name, field in quantities.items()}


def train_arrays(network: Any, axes: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """A tensor train as arrays: the points of every axis, the features there, and the cores of every unknown; empty for
    other heads.
    """
    if not isinstance(network, SeparableNetwork) or network.cores is None:
        return {}
    points = {axis: jnp.asarray(axes[axis]) for axis in network.axes}
    tables = network.tables(points, dict.fromkeys(network.axes, 0))
    cores = {
        name: {axis: np.asarray(core) for axis, core in zip(network.axes, network.train(number), strict=True)}
        for number, name in enumerate(network.unknowns)
    }
    features = {axis: np.asarray(table[0, :, 0]) for axis, table in tables.items()}
    return {"points": {axis: np.asarray(p) for axis, p in points.items()}, "features": features, "cores": cores}


def piecewise(pieces: Sequence[Piece], times: np.ndarray) -> list[tuple[Piece, np.ndarray]]:
    """Which points in time each piece evaluates: indices, in order; every time goes to exactly one piece."""
    owner = np.searchsorted([piece.end for piece in pieces[:-1]], times, side="left")
    return [(piece, np.nonzero(owner == number)[0]) for number, piece in enumerate(pieces) if np.any(owner == number)]


@contextlib.contextmanager
def device_context(precision: str) -> Iterator[None]:
    """float64 (also of `mixed`) as a context, not as a global switch; and one thread for each call of BLAS and LAPACK.

    Factorisations here are of many small matrices. OpenBLAS wakes its threads for each of them, which gains nothing on
    an idle machine, and costs a factor of a thousand where others use the cores as well (131 triangular solves of
    36 x 36: 1.2 ms against 1.5 s on two busy cores).
    """
    with threadpool_limits(1, user_api="blas"), jax.enable_x64(precision != "float32"):
        yield
