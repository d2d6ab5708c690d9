"""J^T J of a decomposed problem whose cells have cores over fixed features, and its Cholesky factor.

A cell meets only its neighbours, so J^T J is a sparse matrix of dense blocks. Cells in order along the axis with most
of them form slabs: within a slab the matrix is dense, and slabs form a chain, whose block tridiagonal matrix one sweep
factors. As a change of variables the factor makes the columns of J orthonormal to rounding (but for interfaces that
close a periodic chain): a linear problem of any number of subdomains then takes a handful of iterations, and what
squaring J loses is no concern, since the iteration itself is on J.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.errors import SpinnError
from spinn.multidomain.interfaces import CONDITIONS
from spinn.multidomain.objective import CellBatch, MultiDomainObjective, Weights, along, volume_roots
from spinn.networks.decomposition import Decomposition
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.objective.blocks import Scales

# Unknowns of a slab, whose dense matrix is factored.
MOST_IN_SLAB = 8000


class Chain(NamedTuple):
    """A symmetric block tridiagonal matrix: blocks on the diagonal, and those that couple one to the next."""

    diagonal: Float[Array, "slabs size size"]
    following: Float[Array, "slabs_less_one size size"]


class ChainRoot(eqx.Module):
    """x -> L^{-T} S x for the Cholesky factor L of a block tridiagonal matrix S^{-1} L L^T S^{-1}.

    `places`: of each parameter, its place in the chain; `exact`: whether the chain is all of the matrix, and no ring.
    """

    lower: Float[Array, "slabs size size"]
    beyond: Float[Array, "slabs_less_one size size"]
    scale: Float[Array, " parameters"]
    places: Array
    exact: bool = eqx.field(static=True, default=True)

    @classmethod
    def of(cls, chain: Chain, places: Array, exact: bool = True) -> "ChainRoot":
        """The Cholesky factor of a chain, scaled to a unit diagonal first."""
        scale = unit_scale(jnp.diagonal(chain.diagonal, axis1=1, axis2=2))
        eye = jnp.eye(chain.diagonal.shape[1])
        blocks = chain.diagonal * scale[:, :, None] * scale[:, None, :] + floor_of(chain.diagonal) * eye
        following = chain.following * scale[:-1, :, None] * scale[1:, None, :]

        def step(lower: Array, given: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
            block, coupling = given
            beyond = triangular(lower, coupling)
            found = factor(block - beyond.T @ beyond)
            return found, (found, beyond)

        first = factor(blocks[0])
        _, (rest, beyond) = jax.lax.scan(step, first, (blocks[1:], following))
        return cls(jnp.concatenate([first[None], rest]), beyond, scale.reshape(-1)[places], places, exact)

    def apply(self, x: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """From scaled variables to parameters."""
        rows = self._chained(x)

        def back(following: Array, given: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            lower, beyond, row = given
            found = triangular(lower, row - beyond @ following, transposed=True)
            return found, found

        last = triangular(self.lower[-1], rows[-1], transposed=True)
        _, before = jax.lax.scan(back, last, (self.lower[:-1], self.beyond, rows[:-1]), reverse=True)
        return self.scale * jnp.concatenate([before, last[None]]).reshape(-1)[self.places]

    def transpose(self, gradient: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """From the gradient in parameters to that in scaled variables."""
        rows = self._chained(self.scale * gradient)

        def forth(before: Array, given: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            lower, beyond, row = given
            found = triangular(lower, row - beyond.T @ before)
            return found, found

        first = triangular(self.lower[0], rows[0])
        _, after = jax.lax.scan(forth, first, (self.lower[1:], self.beyond, rows[1:]))
        return jnp.concatenate([first[None], after]).reshape(-1)[self.places]

    def _chained(self, x: Array) -> Array:
        return jnp.zeros(x.shape, x.dtype).at[self.places].set(x).reshape(self.lower.shape[:2])


def triangular(lower: Array, right: Array, transposed: bool = False) -> Array:
    """L^{-1} right, or L^{-T} right."""
    return jax.scipy.linalg.solve_triangular(lower, right, lower=True, trans=int(transposed))


def unit_scale(diagonal: Float[Array, "parts size"]) -> Float[Array, "parts size"]:
    """What makes the diagonal of a matrix one, by rows and columns."""
    return 1.0 / jnp.sqrt(diagonal + 1e-30 * jnp.max(diagonal) + jnp.finfo(diagonal.dtype).tiny)


def floor_of(matrix: Float[Array, "parts size size"]) -> float:
    """Added to a unit diagonal: rounding leaves no factor otherwise."""
    return 8.0 * matrix.shape[1] * float(jnp.finfo(matrix.dtype).eps)


def factor(block: Float[Array, "size size"]) -> Float[Array, "size size"]:
    """The Cholesky factor; the root of the diagonal where rounding has left the block indefinite."""
    lower = jnp.linalg.cholesky(block)
    rough = jnp.diag(jnp.sqrt(jnp.maximum(jnp.abs(jnp.diagonal(block)), jnp.finfo(block.dtype).eps)))
    return jnp.where(jnp.all(jnp.isfinite(lower)), lower, rough)


def slabs_form_a_ring(decomposition: Decomposition) -> bool:
    """Whether the axis that slabs follow is periodic, so that the last slab meets the first one."""
    shape, axes = decomposition.shape, decomposition.box.axes
    slabs = 1 if decomposition.owners is not None else max(shape)
    return slabs > 1 and any(shape[axes.index(axis)] == slabs for axis in decomposition.periodic)


def slab_width(decomposition: Decomposition) -> int:
    """Networks beside each other, whose unknowns are coupled densely."""
    if decomposition.owners is not None:
        return decomposition.networks
    return decomposition.count // max(decomposition.shape)


class Layout(NamedTuple):
    """Where the unknowns of every network are in the chain: its slab, and its place within, in networks."""

    slab: np.ndarray
    within: np.ndarray
    slabs: int
    width: int  # networks a slab
    size: int  # unknowns a network

    @classmethod
    def of(cls, decomposition: Decomposition, size: int) -> "Layout":
        """Slabs along the axis with most cells; one slab of all networks where cells share some."""
        if decomposition.owners is None:
            place = int(np.argmax(decomposition.shape))
            index = np.indices(decomposition.shape).reshape(len(decomposition.shape), -1)
            slabs, slab = decomposition.shape[place], index[place]
            rest = [count for axis, count in enumerate(decomposition.shape) if axis != place]
            others = [index[axis] for axis in range(len(index)) if axis != place]
            within = np.ravel_multi_index(others, rest) if rest else np.zeros_like(slab)
        else:
            slabs, slab = 1, np.zeros(decomposition.networks, int)
            within = np.arange(decomposition.networks)
        width = slab_width(decomposition)
        if width * size > MOST_IN_SLAB:
            raise SpinnError(
                f"domains: {width} subdomains beside each other have {width * size} unknowns, of which at most "
                f"{MOST_IN_SLAB} are solved for by a dense factor; use fewer network.modes, or cut fewer axes"
            )
        return cls(slab, within, slabs, width, size)

    @property
    def places(self) -> np.ndarray:
        """Of each parameter, in the order of the stacked cores."""
        first = (self.slab * self.width + self.within) * self.size
        return (first[:, None] + np.arange(self.size)).reshape(-1)


def chain_of(
    objective: MultiDomainObjective,
    gram: Float[Array, "cells size size"],
    traces: Any,
    weights: Weights,
    scales: Scales,
    layout: Layout,
) -> Chain:
    """J^T J, gathered from its part of every cell's own blocks and from the derivatives of traces (`rows_of_cells`)."""
    decomposition, owner = objective.decomposition, objective.decomposition.owner
    shape = (layout.slabs, layout.width, layout.width, layout.size, layout.size)
    diagonal = jnp.zeros(shape, gram.dtype)
    following = jnp.zeros((max(layout.slabs - 1, 0), *shape[1:]), gram.dtype)
    slab, within = layout.slab[owner], layout.within[owner]
    diagonal = diagonal.at[slab, within, within].add(gram)
    for axis in decomposition.cut_axes:
        low, high = decomposition.interfaces(axis).T
        below, above, both = _sides(objective, axis, traces[axis], weights[axis], scales)
        for cells, rows in ((low, below), (high, above)):
            one = jnp.einsum("fri,frj->fij", rows, rows)
            diagonal = diagonal.at[slab[cells], within[cells], within[cells]].add(one)
        coupled = -jnp.einsum("fri,frj->fij", below * both[None, :, None], above)
        same, next_one = slab[low] == slab[high], slab[high] == slab[low] + 1
        a, b = low[same], high[same]
        diagonal = diagonal.at[slab[a], within[a], within[b]].add(coupled[same])
        diagonal = diagonal.at[slab[b], within[b], within[a]].add(jnp.swapaxes(coupled[same], 1, 2))
        a, b = low[next_one], high[next_one]
        following = following.at[slab[a], within[a], within[b]].add(coupled[next_one])

    def joined(blocks: Array) -> Array:
        return jnp.swapaxes(blocks, 2, 3).reshape(-1, *(layout.width * layout.size,) * 2)

    return Chain(joined(diagonal), joined(following))


def rows_of_cells(
    objective: MultiDomainObjective,
    network: MultiDomainNetwork,
    batch: CellBatch,
    scales: Scales,
    turned: Callable[[Array], Array] = lambda cores: cores,
) -> tuple[Float[Array, "cells size size"], Any]:
    """J^T J of every cell's own blocks, and the derivatives of its traces, (cells, rows, size), in its core, or in what
    the cores are made of by `turned`, which is linear and keeps its shape.
    """
    cells = network.cells
    arrays, static = eqx.partition(cells, eqx.is_array)
    inside = jnp.asarray(volume_roots(objective.decomposition))

    def rows(core: Array, arrays: Any, batch: Any, inside: Array, boundary: dict[str, Array]) -> tuple[Array, Any]:
        one = eqx.tree_at(lambda n: n.core, eqx.combine(arrays, static), core)
        parts = objective.of_cell((one, network.coarse), batch, scales)
        own = [block.reshape(-1) * inside for block in parts.inside.values()]
        own += [block.reshape(-1) * boundary[name] for name, block in parts.boundary.items()]
        return jnp.concatenate(own), jax.tree.map(lambda trace: trace.reshape(-1), parts.traces)

    first = jax.tree.map(lambda leaf: leaf[0], (arrays, batch.cells))
    names = jax.eval_shape(
        lambda a, b: objective.of_cell((eqx.combine(a, static), network.coarse), b, scales), *first
    ).boundary
    boundary = {name: jnp.asarray(objective.boundary_root(name)) for name in names}
    size = cells.core[0].size  # type: ignore[index]

    def along_all(direction: Float[Array, " size"]) -> Any:
        push = jnp.broadcast_to(direction.reshape(cells.core.shape[1:]), cells.core.shape)  # type: ignore[union-attr]
        of_all = jax.vmap(lambda core, *rest: jax.jvp(lambda c: rows(c, *rest), (core[0],), (core[1],))[1])
        return of_all((cells.core, turned(push)), arrays, batch.cells, inside, boundary)

    own, traces = jax.vmap(along_all, out_axes=-1)(jnp.eye(size, dtype=inside.dtype))
    return jnp.einsum("cri,crj->cij", own, own), traces


def _sides(
    objective: MultiDomainObjective, axis: str, traces: Any, weights: Array, scales: Scales
) -> tuple[Array, Array, Float[np.ndarray, " rows"]]:
    """Rows of every interface in the unknowns of the cell below and of the one above, (interfaces, rows, unknowns), and
    whether a row is one of both, 1 or 0.
    """
    low, high = objective.decomposition.interfaces(axis).T
    below, above, both = [], [], []
    for name in objective.conditions:
        for key, rows in traces["high"][name].items():
            _, root = objective.interface_root(axis, name, key, weights, scales)
            below.append(along(root, rows[low]))
            above.append(along(root, traces["low"][name][key][high]))
            both.append(np.full(rows.shape[1], float(CONDITIONS[name].jump)))
    return jnp.concatenate(below, 1), jnp.concatenate(above, 1), np.concatenate(both)
