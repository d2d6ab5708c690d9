"""Conditions that fixed features hold exactly: the part of the core that the prescribed values determine.

Along an axis with traces (values or slopes at its ends) the features are split in two: those without any trace, which
are free, and one dual feature for each trace, whose own trace is one and whose others are zero. The coefficients of
dual features are then the prescribed data themselves, expanded in the features of the other axes: essential conditions
are eliminated instead of penalised. Where two axes prescribe, the second one gets what the first has left open, as in
transfinite interpolation (Gordon 1971). Each unknown holds the conditions that are prescribed for it; where others hold
more along an axis, its free features are combinations of its own, with the duals among them (`spaces` of a network).
"""

import functools
from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from spinn.embedding import Trace
from spinn.networks.factorisations import pinv
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import Tabulated, tabulated
from spinn.objective import SeparableObjective
from spinn.objective.parametric import Parametric, parametric
from spinn.objective.separable import points_of
from spinn.sampling.separable import AxisBatch

Traces = Mapping[str, tuple[Trace, ...]]
Lifted = TypeVar("Lifted", bound=SeparableNetwork | Tabulated)


def lifted(
    network: SeparableNetwork, traces: Traces, objective: SeparableObjective, batch: AxisBatch, previous: Any = None
) -> SeparableNetwork:
    """The network with the coefficients of its dual features put in; its free core stays as it is.

    **Arguments:** `batch`: points at which the data are read; `previous`: the network of the time window before, whose
    end is what initial conditions then ask for.
    """
    if not traces or network.lift is None or network.core is None:
        return network
    points = points_of(batch)
    here = tabulated(network, points, objective.orders)
    nothing = tuple(np.zeros(one.shape, one.dtype) for one in (network.core, network.lift))
    zero = eqx.tree_at(lambda n: (n.core, n.lift), here, nothing)
    before = None if previous is None else tabulated(previous, points, objective.orders)
    of_zero = _conditions(parametric(objective.pde), blocks_of(traces), zero, batch, before)
    values = {axis: np.asarray(rows)[0, :-2, 0] for axis, rows in here.rows.items()}
    return prescribed(network, traces, of_zero, batch, values)


def blocks_of(traces: Traces) -> frozenset[str]:
    """The conditions that are held by traces, by the names of their blocks."""
    return frozenset(name for held in traces.values() for trace in held for name in trace.blocks.values())


def prescribed(
    network: Lifted, traces: Traces, of_zero: Mapping[str, Any], batch: AxisBatch, values: Mapping[str, Any]
) -> Lifted:
    """The same from the residuals of the conditions for the zero field (minus what they prescribe), by block.

    **Arguments:** `values`: of the features of every axis at the points of the batch.
    """
    assert network.lift is not None
    residuals = {name: -np.asarray(value, float) for name, value in of_zero.items()}
    found = []
    for number, unknown in enumerate(network.unknowns):
        sides = [
            _Side(
                np.asarray(values[axis], float),
                np.sqrt(np.asarray(batch.weights[axis], float))[:, None],
                _free(network, index, number),
                _held(traces.get(axis, ()), unknown, network.lift.shape[index + 1]),
            )
            for index, axis in enumerate(network.axes)
        ]
        found.append(_lift(sides, residuals, last=network.axes.index("t") if "t" in network.axes else None))
    return eqx.tree_at(lambda n: n.lift, network, jnp.asarray(np.stack(found), network.lift.dtype))


class _Side(NamedTuple):
    """An axis as one unknown has it."""

    table: Float[np.ndarray, "points features"]
    root: Float[np.ndarray, "points 1"]  # of the quadrature weights
    free: Float[np.ndarray, "features free"]
    held: Mapping[int, str]  # dual features, and the conditions that determine their coefficients


def _lift(sides: Sequence[_Side], residuals: Mapping[str, np.ndarray], last: int | None) -> np.ndarray:
    """The coefficients of one unknown; those along the axis `last` only get what the others leave open."""
    lift = np.zeros([side.table.shape[1] for side in sides])
    done: list[int] = []
    for axis in sorted((i for i, side in enumerate(sides) if side.held), key=lambda i: i == last):
        others = [i for i in range(len(sides)) if i != axis]
        inverses = [_inverse(sides[i], open_only=i in done) for i in others]
        for column, block in sides[axis].held.items():
            there: tuple[int | slice | EllipsisType, ...] = (*(slice(None),) * axis, column, ...)
            rest = np.squeeze(residuals[block], axis) - _applied(lift[there], [sides[i].table for i in others])
            lift[there] += _applied(np.asarray(rest), inverses)
        done.append(axis)
    return lift


def _inverse(side: _Side, open_only: bool) -> Float[np.ndarray, "features points"]:
    """From values at the points to coefficients, by least squares; of the free combinations alone, if wanted."""
    free = side.free if open_only else np.eye(len(side.free))
    return free @ pinv(side.root * (side.table @ free)) * side.root.T


def _free(network: SeparableNetwork | Tabulated, index: int, unknown: int) -> np.ndarray:
    """The combinations of the features of an axis in which an unknown is free: (features, combinations)."""
    assert network.lift is not None and network.core is not None
    space = network.spaces[index] if network.spaces else None
    if space is not None:
        return np.asarray(space[unknown], float)
    return np.eye(network.lift.shape[index + 1], network.core.shape[index + 1])


def _held(traces: Sequence[Trace], unknown: str, features: int) -> dict[int, str]:
    """Dual features, which stand last, and the conditions that they hold for an unknown."""
    first = features - len(traces)
    return {first + i: trace.blocks[unknown] for i, trace in enumerate(traces) if unknown in trace.blocks}


@eqx.filter_jit
def _conditions(
    varied: Parametric, names: frozenset[str], network: Tabulated, batch: AxisBatch, previous: Tabulated | None
) -> dict[str, Any]:
    """The residuals of the conditions named, compiled once for all windows and levels of one size."""
    return SeparableObjective(varied.pde).conditions(network, batch, previous, names)


def _applied(tensor: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    """Each matrix (new, old) applied along its axis of the tensor."""

    def along(result: np.ndarray, pair: tuple[int, np.ndarray]) -> np.ndarray:
        return np.moveaxis(np.tensordot(pair[1], result, ((1,), (pair[0],))), 0, pair[0])

    return functools.reduce(along, enumerate(matrices), tensor)
