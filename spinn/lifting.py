"""Conditions that fixed features hold exactly: the part of the core that the prescribed values determine.

Along an axis with traces (values or slopes at its ends) the features are split in two: those without any trace, which
are free, and one dual feature for each trace, whose own trace is one and whose others are zero. The coefficients of
dual features are then the prescribed data themselves, expanded in the features of the other axes: essential conditions
are eliminated instead of penalised. Where two axes prescribe, the second one gets what the first has left open, as in
transfinite interpolation (Gordon 1971).
"""

import functools
from collections.abc import Mapping
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from spinn.embedding import Trace
from spinn.networks.factorisations import pinv
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import Tabulated
from spinn.objective import SeparableObjective
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
    zero = eqx.tree_at(
        lambda n: (n.core, n.lift), network, (jnp.zeros_like(network.core), jnp.zeros_like(network.lift))
    )
    read: Any = functools.partial(objective.conditions, names=blocks_of(traces))
    tables = {axis: table[0][:, 0] for axis, table in _tables(network, batch).items()}
    return prescribed(network, traces, eqx.filter_jit(read)(zero, batch, previous), batch, tables)


def blocks_of(traces: Traces) -> frozenset[str]:
    """The conditions that are held by traces, by the names of their blocks."""
    return frozenset(name for held in traces.values() for trace in held for name in trace.blocks.values())


def prescribed(
    network: Lifted, traces: Traces, of_zero: Mapping[str, Any], batch: AxisBatch, values: Mapping[str, Any]
) -> Lifted:
    """The same from the residuals of the conditions for the zero field (minus what they prescribe), by block.

    **Arguments:** `values`: of the features of every axis at the points of the batch.
    """
    assert network.lift is not None and network.core is not None
    residuals = {name: -np.asarray(value, float) for name, value in of_zero.items()}
    tables = {axis: np.asarray(table, float) for axis, table in values.items()}
    weights = {axis: np.sqrt(np.asarray(weight, float))[:, None] for axis, weight in batch.weights.items()}
    free = dict(zip(network.axes, network.core.shape[1:], strict=True))
    lift = np.zeros(network.lift.shape)
    done: list[str] = []
    for axis in sorted(traces, key=lambda name: name == "t"):  # time last: data at its start may contradict the faces
        for number, trace in enumerate(traces[axis]):
            wanted = np.stack([residuals[trace.blocks[name]] for name in network.unknowns])
            place = network.axes.index(axis) + 1
            there = (slice(None),) * place + (free[axis] + number,)
            others = [other for other in network.axes if other != axis]
            rest = np.squeeze(wanted, place) - _applied(lift[there], [tables[other] for other in others])
            columns = [slice(free[other] if other in done else None) for other in others]
            inverses = [pinv(weights[o] * tables[o][:, c]) * weights[o].T for o, c in zip(others, columns, strict=True)]
            lift[there][(slice(None), *columns)] += _applied(rest, inverses)
        done.append(axis)
    return eqx.tree_at(lambda n: n.lift, network, jnp.asarray(lift, network.lift.dtype))


@eqx.filter_jit
def _tables(network: SeparableNetwork, batch: AxisBatch) -> dict[str, Any]:
    return network.tables(batch.points, dict.fromkeys(network.axes, 0))


def _applied(tensor: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    """Each matrix (new, old) applied along its axis of the tensor, the first axis (of the unknowns) left alone."""

    def along(result: np.ndarray, pair: tuple[int, np.ndarray]) -> np.ndarray:
        return np.moveaxis(np.tensordot(pair[1], result, ((1,), (pair[0],))), 0, pair[0])

    return functools.reduce(along, enumerate(matrices, 1), tensor)
