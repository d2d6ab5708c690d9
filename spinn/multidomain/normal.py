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
from spinn.multidomain.objective import CellBatch, MultiDomainObjective, along, volume_roots
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

    def apply(self, x: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """From scaled variables to parameters."""
        rows = self._chained(x)

        def back(following: Array, given: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            lower, beyond, row = given
            found = _solved(lower, row - beyond @ following, transposed=True)
            return found, found

        last = _solved(self.lower[-1], rows[-1], transposed=True)
        _, before = jax.lax.scan(back, last, (self.lower[:-1], self.beyond, rows[:-1]), reverse=True)
        return self.scale * jnp.concatenate([before, last[None]]).reshape(-1)[self.places]

    def transpose(self, gradient: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        """From the gradient in parameters to that in scaled variables."""
        rows = self._chained(self.scale * gradient)

        def forth(before: Array, given: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            lower, beyond, row = given
            found = _solved(lower, row - beyond.T @ before)
            return found, found

        first = _solved(self.lower[0], rows[0])
        _, after = jax.lax.scan(forth, first, (self.lower[1:], self.beyond, rows[1:]))
        return jnp.concatenate([first[None], after]).reshape(-1)[self.places]

    def _chained(self, x: Array) -> Array:
        return jnp.zeros(x.shape, x.dtype).at[self.places].set(x).reshape(self.lower.shape[:2])


def _solved(lower: Array, right: Array, transposed: bool = False) -> Array:
    return jax.scipy.linalg.solve_triangular(lower, right, lower=True, trans=int(transposed))


def root_of(chain: Chain, places: Array, exact: bool = True) -> ChainRoot:
    """The Cholesky factor of a chain, scaled to a unit diagonal first."""
    diagonal = jnp.diagonal(chain.diagonal, axis1=1, axis2=2)
    scale = 1.0 / jnp.sqrt(diagonal + 1e-30 * jnp.max(diagonal) + jnp.finfo(diagonal.dtype).tiny)
    floor = 8.0 * diagonal.shape[1] * jnp.finfo(diagonal.dtype).eps
    blocks = chain.diagonal * scale[:, :, None] * scale[:, None, :] + floor * jnp.eye(diagonal.shape[1])
    following = chain.following * scale[:-1, :, None] * scale[1:, None, :]

    def step(lower: Array, given: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        block, coupling = given
        beyond = jax.scipy.linalg.solve_triangular(lower, coupling, lower=True)
        found = _factor(block - beyond.T @ beyond)
        return found, (found, beyond)

    first = _factor(blocks[0])
    _, (rest, beyond) = jax.lax.scan(step, first, (blocks[1:], following))
    return ChainRoot(jnp.concatenate([first[None], rest]), beyond, scale.reshape(-1)[places], places, exact)


def _factor(block: Array) -> Array:
    """The Cholesky factor; the root of the diagonal where rounding has left the block indefinite."""
    lower = jnp.linalg.cholesky(block)
    rough = jnp.diag(jnp.sqrt(jnp.maximum(jnp.abs(jnp.diagonal(block)), jnp.finfo(block.dtype).eps)))
    return jnp.where(jnp.all(jnp.isfinite(lower)), lower, rough)


def normal_root(
    objective: MultiDomainObjective, network: MultiDomainNetwork, batch: CellBatch, scales: Scales
) -> ChainRoot:
    """The factor of J^T J in the stacked cores of the cells.

    **Raises:** SpinnError where a slab has too many unknowns.
    """
    layout = Layout.of(objective.decomposition, network.stacked.core[0].size)  # type: ignore[index]
    chain = chain_of(objective, network, batch, scales, layout)
    ring = layout.slabs > 1 and any(
        objective.decomposition.shape[objective.decomposition.box.axes.index(axis)] == layout.slabs
        for axis in objective.decomposition.periodic
    )
    return root_of(chain, jnp.asarray(layout.places), exact=not ring)


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
    objective: MultiDomainObjective, network: MultiDomainNetwork, batch: CellBatch, scales: Scales, layout: Layout
) -> Chain:
    """J^T J, gathered from the derivatives of what every cell gives."""
    decomposition, owner = objective.decomposition, objective.decomposition.owner
    own, traces = _derivatives(objective, network, batch, scales)
    gram = jnp.einsum("cri,crj->cij", own, own)
    shape = (layout.slabs, layout.width, layout.size, layout.width, layout.size)
    diagonal = jnp.zeros(shape, gram.dtype)
    following = jnp.zeros((max(layout.slabs - 1, 0), *shape[1:]), gram.dtype)
    slab, within = layout.slab[owner], layout.within[owner]
    diagonal = diagonal.at[slab, within, :, within, :].add(gram)
    for axis in decomposition.cut_axes:
        low, high = decomposition.interfaces(axis).T
        below, above, both = _sides(objective, axis, traces[axis], batch.weights[axis], scales)
        for cells, rows in ((low, below), (high, above)):
            one = jnp.einsum("fri,frj->fij", rows, rows)
            diagonal = diagonal.at[slab[cells], within[cells], :, within[cells], :].add(one)
        coupled = -jnp.einsum("fri,frj->fij", below * both[None, :, None], above)
        same, next_one = slab[low] == slab[high], slab[high] == slab[low] + 1
        a, b = low[same], high[same]
        diagonal = diagonal.at[slab[a], within[a], :, within[b], :].add(coupled[same])
        diagonal = diagonal.at[slab[b], within[b], :, within[a], :].add(jnp.swapaxes(coupled[same], 1, 2))
        a, b = low[next_one], high[next_one]
        following = following.at[slab[a], within[a], :, within[b], :].add(coupled[next_one])
    flat = layout.width * layout.size
    return Chain(diagonal.reshape(-1, flat, flat), following.reshape(-1, flat, flat))


def _derivatives(
    objective: MultiDomainObjective, network: MultiDomainNetwork, batch: CellBatch, scales: Scales
) -> tuple[Array, Any]:
    """Of the rows of every cell's own blocks, (cells, rows, unknowns), and of its traces, in its core."""
    cells = network.cells
    arrays, static = eqx.partition(cells, eqx.is_array)
    roots = {"inside": jnp.asarray(volume_roots(objective.decomposition))}

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
    derivative: Callable[..., Any] = jax.vmap(jax.jacfwd(rows))
    own, traces = derivative(cells.core, arrays, batch.cells, roots["inside"], boundary)
    size = cells.core[0].size  # type: ignore[index]
    return own.reshape(*own.shape[:2], size), jax.tree.map(lambda leaf: leaf.reshape(*leaf.shape[:2], size), traces)


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
