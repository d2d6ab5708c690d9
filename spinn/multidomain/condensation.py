"""Static condensation: a cell's unknowns that no interface sees are eliminated cell by cell (Guyan 1965; Wilson 1974).

Along a cut axis, some combinations of a cell's functions vanish at both of its ends, together with as many derivatives
as interface conditions take; an orthogonal turn of the functions separates them from the rest. Products of such
combinations have no traces on any interface. Of n functions an axis and m traces that leaves n^d - (n - m)^d unknowns
a cell for the chain of slabs, whose factor is what a decomposition costs.
"""

import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from spinn.multidomain.interfaces import normal_order
from spinn.multidomain.normal import (
    ChainRoot,
    Layout,
    chain_of,
    factor,
    floor_of,
    rows_of_cells,
    slabs_form_a_ring,
    triangular,
    unit_scale,
)
from spinn.multidomain.objective import CellBatch, MultiDomainObjective
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.objective.blocks import Scales
from spinn.pdes import PDE


class Split(NamedTuple):
    """Places in a cell's core, flattened, after its axes were turned: those inside, and those that interfaces see."""

    inner: Int[np.ndarray, " inner"]
    outer: Int[np.ndarray, " outer"]


class Turns(eqx.Module):
    """An orthogonal matrix an axis and cell, (cells, functions, functions), traces first; None where nothing turns."""

    axes: tuple[Float[Array, "cells _ _"] | None, ...]

    def forth(self, cores: Float[Array, "cells ..."]) -> Float[Array, "cells ..."]:
        """From coefficients of turned functions to those of the functions: (cells, unknowns, functions ...)."""
        return self._turned(cores, "cij,cj...->ci...")

    def back(self, cores: Float[Array, "cells ..."]) -> Float[Array, "cells ..."]:
        """The transpose."""
        return self._turned(cores, "cji,cj...->ci...")

    def _turned(self, cores: Array, subscripts: str) -> Array:
        for place, turn in enumerate(self.axes, 2):
            if turn is not None:
                moved = jnp.einsum(subscripts, turn, jnp.moveaxis(cores, place, 1))
                cores = jnp.moveaxis(moved, 1, place)
        return cores


class CondensedRoot(eqx.Module):
    """x -> R^{-1} x for the upper triangular R with R^T R = J^T J, cell by cell inside, then along the chain.

    Where P is a cell's matrix [[A, B], [B^T, C]] with A = D^{-1} L L^T D^{-1}, R has the rows (L^T D^{-1}, W) and
    W = L^{-1} D B; the chain factors what is left of C, C - W^T W, with all interfaces.
    """

    lower: Float[Array, "cells inner inner"]
    beyond: Float[Array, "cells inner outer"]
    scale: Float[Array, "cells inner"]
    chain: ChainRoot
    turns: Turns
    split: Split
    shape: tuple[int, ...] = eqx.field(static=True)  # of the stacked cores

    @property
    def exact(self) -> bool:
        """Whether this is all of J^T J, and the chain no ring."""
        return self.chain.exact

    def apply(self, x: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """From scaled variables to parameters."""
        rows = x.reshape(self.shape[0], -1)
        inner, outer = rows[:, : self.split.inner.size], rows[:, self.split.inner.size :]
        seen = self.chain.apply(outer.reshape(-1)).reshape(outer.shape)
        right = inner - jnp.einsum("cio,co->ci", self.beyond, seen)
        back = functools.partial(triangular, transposed=True)
        hidden = self.scale * jax.lax.map(lambda cell: back(*cell), (self.lower, right))
        both = jnp.zeros_like(rows).at[:, self.split.inner].set(hidden).at[:, self.split.outer].set(seen)
        return self.turns.forth(both.reshape(self.shape)).reshape(-1)

    def transpose(self, gradient: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """From the gradient in parameters to that in scaled variables."""
        rows = self.turns.back(gradient.reshape(self.shape)).reshape(self.shape[0], -1)
        inner, outer = rows[:, self.split.inner], rows[:, self.split.outer]
        hidden = jax.lax.map(lambda cell: triangular(*cell), (self.lower, self.scale * inner))
        right = outer - jnp.einsum("cio,ci->co", self.beyond, hidden)
        seen = self.chain.transpose(right.reshape(-1)).reshape(outer.shape)
        return jnp.concatenate([hidden, seen], 1).reshape(-1)


def normal_root(
    objective: MultiDomainObjective, network: MultiDomainNetwork, batch: CellBatch, scales: Scales
) -> ChainRoot | CondensedRoot:
    """The factor of J^T J in the stacked cores of the cells.

    **Raises:** SpinnError where a slab has too many unknowns.
    """
    decomposition, core = objective.decomposition, network.stacked.core
    assert core is not None
    traces = traces_an_axis(objective.pde, objective.conditions, decomposition)
    split = split_of(core.shape[1:], [traces.get(axis, 0) for axis in network.axes])
    exact = not slabs_form_a_ring(decomposition)
    if split.inner.size == 0:
        layout = Layout.of(decomposition, core[0].size)
        gram, rows = rows_of_cells(objective, network, batch, scales)
        chain = chain_of(objective, gram, rows, batch.weights, scales, layout)
        return ChainRoot.of(chain, jnp.asarray(layout.places), exact)
    layout = Layout.of(decomposition, split.outer.size)
    turns = turns_of(objective, network, batch, traces)
    gram, rows = rows_of_cells(objective, network, batch, scales, turns.forth)
    seen = jax.tree.map(lambda leaf: leaf[..., split.outer], rows)
    inner = gram[:, split.inner[:, None], split.inner]
    scale = unit_scale(jnp.diagonal(inner, axis1=1, axis2=2))
    scaled = inner * scale[:, :, None] * scale[:, None, :] + floor_of(inner) * jnp.eye(split.inner.size)
    across = gram[:, split.inner[:, None], split.outer] * scale[:, :, None]
    own = gram[:, split.outer[:, None], split.outer]
    lower, beyond, left = jax.lax.map(_eliminated, (scaled, across, own))
    chain = chain_of(objective, left, seen, batch.weights, scales, layout)
    root = ChainRoot.of(chain, jnp.asarray(layout.places), exact)
    return CondensedRoot(lower, beyond, scale, root, turns, split, core.shape)


def _eliminated(cell: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """L, W and what is left of a cell's matrix. Cell by cell: XLA unrolls triangular solves of a batch, for minutes."""
    inner, across, own = cell
    lower = factor(inner)
    beyond = triangular(lower, across)
    return lower, beyond, own - beyond.T @ beyond


def traces_an_axis(pde: PDE, conditions: tuple[str, ...], decomposition: Decomposition) -> dict[str, int]:
    """Values and derivatives at both ends of a cell that interface conditions take, by cut axis. Nothing is separated
    where cells share a network: its functions belong to no single cell.
    """
    if decomposition.owners is not None:
        return {}
    return {axis: 2 * (1 + normal_order(pde, conditions, axis)) for axis in decomposition.cut_axes}


def split_of(shape: tuple[int, ...], traces: list[int]) -> Split:
    """Of a core (unknowns, functions of each axis) whose first functions of each axis carry its traces. All is seen
    where no axis has traces, or one has nothing but traces.
    """
    inside = np.ones(shape, bool)
    for place, count in enumerate(traces, 1):
        inside[(slice(None),) * place + (slice(0, count),)] = False
    if not any(traces):
        inside[...] = False
    return Split(np.flatnonzero(inside), np.flatnonzero(~inside))


def seen_unknowns(shape: tuple[int, ...], traces: list[int]) -> int:
    """How many unknowns of a cell interfaces see: see `split_of`."""
    inner = math.prod([shape[0], *(max(n - m, 0) for n, m in zip(shape[1:], traces, strict=True))])
    return math.prod(shape) - (inner if any(traces) else 0)


def turns_of(
    objective: MultiDomainObjective, network: MultiDomainNetwork, batch: CellBatch, traces: Mapping[str, int]
) -> Turns:
    """Orthonormal combinations of the functions of every cell along each axis: first those that its traces span."""
    arrays, static = eqx.partition(network.cells, eqx.is_array)

    def one(arrays: Any, ends: Any, axis: str) -> Float[Array, "n n"]:
        order = traces[axis] // 2 - 1
        table = eqx.combine(arrays, static).tables({axis: jnp.stack(ends)}, {axis: order})[axis]
        spanned = table[:, :, 0].reshape(traces[axis], -1)
        spanned = spanned / jnp.linalg.norm(spanned, axis=1, keepdims=True)
        return jnp.linalg.qr(spanned.T, mode="complete")[0]

    def of(axis: str) -> Float[Array, "cells n n"] | None:
        if axis not in traces:
            return None
        return jax.vmap(functools.partial(one, axis=axis))(arrays, batch.cells.ends[axis])

    return Turns(tuple(of(axis) for axis in objective.pde.coordinates))
