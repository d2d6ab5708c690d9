"""Where the terms of a residual go in a CSR matrix: found once for a grid and its operators; then values change."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from spinn.data.stencil.field import Term, array_of
from spinn.data.stencil.grid import Grid
from spinn.data.stencil.operators import grid_matrix, harmonic_mean, neighbours


class Operator(NamedTuple):
    """What a term does, without its coefficients."""

    orders: tuple[int, ...]
    flux: bool


class Entries(NamedTuple):
    """Entries of one operator: for a flux, one an unknown each for lower neighbour, node and upper neighbour."""

    rows: np.ndarray
    places: np.ndarray  # in the values of the plan
    weights: np.ndarray
    sole: bool  # a flux whose neighbours' places nothing else writes to


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """The pattern of a matrix over the unknowns, and of another over the given nodes, which follows in `values`."""

    grid: Grid
    inside: sp.csr_matrix
    outside: sp.csr_matrix  # columns: all nodes
    entries: dict[Operator, Entries]
    diagonal: np.ndarray | None  # where the unknowns' own entries are in the values, if there is a flux

    def refresh(self, terms: Sequence[Term]) -> tuple[sp.csr_matrix, sp.csr_matrix]:
        """The two matrices for these coefficients. Refreshes share index arrays, not values."""
        values = np.zeros(self.inside.nnz + self.outside.nnz)
        centre: np.ndarray | float = 0.0  # what all fluxes have at the unknowns themselves
        for term in terms:
            operator = Operator(term.orders, term.inner is not None)
            entries = self.entries[operator]
            outer = on_unknowns(self.grid, term.outer)
            if operator.flux:
                centre = centre + self.add_flux(values, entries, outer, term)
            else:
                values[entries.places] += entries.weights * (
                    outer[entries.rows] if isinstance(outer, np.ndarray) else outer
                )
        if self.diagonal is not None:
            values[self.diagonal] += centre
        shares = row_weights(self.grid)
        inner, outer_values = values[: self.inside.nnz], values[self.inside.nnz :]
        if shares is not None:
            inner = inner * np.repeat(shares, np.diff(self.inside.indptr))
            outer_values = outer_values * np.repeat(shares, np.diff(self.outside.indptr))
        return with_values(self.inside, inner), with_values(self.outside, outer_values)

    def add_flux(
        self, values: np.ndarray, entries: Entries, outer: np.ndarray | float, term: Term
    ) -> np.ndarray | float:
        """d_axis(c d_axis u) as the difference of two face fluxes; on a face, c is the harmonic mean of both nodes.

        Neighbours go into `values`; what belongs to the nodes (unknowns,) is returned.
        """
        low, high = (outer * weights for weights in flux_weights(self.grid, term))
        lower, _, upper = entries.places.reshape(3, -1)
        if entries.sole:
            values[lower], values[upper] = low, high
        else:
            values[lower] += low
            values[upper] += high
        return -(low + high)


def flux_weights(grid: Grid, term: Term) -> tuple[np.ndarray, np.ndarray]:
    """Conductances of the lower and the upper face of every unknown, over the square of the spacing."""
    axis = term.orders.index(2)
    c = np.broadcast_to(array_of(term.inner), int(np.prod(grid.shape)))
    scale = grid.axes[axis].spacing ** -2
    if grid.axes[axis].ends == ("dirichlet", "dirichlet"):  # every face once, where none is mirrored or wrapped
        along = (slice(None) if place == axis else one for place, one in enumerate(grid.unknown_slices))
        lines = np.moveaxis(c.reshape(grid.shape)[tuple(along)], axis, 0)
        faces = harmonic_mean(lines[:-1], lines[1:]) * scale
        low, high = (np.moveaxis(part, 0, axis).ravel() for part in (faces[:-1], faces[1:]))
        return low, high
    here = c[grid.unknowns]
    low, high = (harmonic_mean(here, c[side]) * scale for side in neighbours(grid, axis))
    return low, high


def on_unknowns(grid: Grid, known: object) -> np.ndarray | float:
    """A coefficient at the unknowns; a number stays one."""
    value = array_of(known)
    return value[grid.unknowns] if isinstance(value, np.ndarray) and value.size > 1 else float(value)


def with_values(pattern: sp.csr_matrix, values: np.ndarray) -> sp.csr_matrix:
    """A matrix with the index arrays of another."""
    matrix = sp.csr_matrix((values, pattern.indices, pattern.indptr), shape=pattern.shape)
    matrix.has_sorted_indices = True
    matrix.has_canonical_format = True
    return matrix


@functools.lru_cache(maxsize=32)
def row_weights(grid: Grid) -> np.ndarray | None:
    """The share of a cell that each unknown owns: a half on a Neumann face, which keeps the matrix symmetric."""
    if not any("neumann" in axis.ends for axis in grid.axes):
        return None
    factors = []
    for axis in grid.axes:
        share = np.ones(axis.points)
        share[0] *= 0.5 if axis.ends[0] == "neumann" else 1.0
        share[-1] *= 0.5 if axis.ends[1] == "neumann" else 1.0
        factors.append(share)
    return functools.reduce(np.multiply.outer, factors).ravel()[grid.unknowns]


@functools.lru_cache(maxsize=32)
def plan_for(grid: Grid, operators: frozenset[Operator]) -> Plan:
    """The plan of a grid and a set of operators."""
    nodes, unknowns = int(np.prod(grid.shape)), grid.unknowns
    number = np.full(nodes, -1)
    number[unknowns] = np.arange(len(unknowns))
    parts = {operator: positions(grid, operator) for operator in sorted(operators)}
    keys = np.unique(np.concatenate([rows * nodes + columns for rows, columns, _ in parts.values()]))
    rows, columns = keys // nodes, keys % nodes
    is_inside = number[columns] >= 0
    count = int(is_inside.sum())
    place = np.where(is_inside, np.cumsum(is_inside) - 1, count + np.cumsum(~is_inside) - 1)
    inside = pattern(rows[is_inside], number[columns[is_inside]], (len(unknowns), len(unknowns)))
    outside = pattern(rows[~is_inside], columns[~is_inside], (len(unknowns), nodes))
    places = {operator: place[np.searchsorted(keys, r * nodes + c)] for operator, (r, c, _) in parts.items()}
    written = np.bincount(np.concatenate([_off_centre(operator, one) for operator, one in places.items()]))
    entries = {
        operator: Entries(
            r, places[operator], w, operator.flux and written[_off_centre(operator, places[operator])].max() == 1
        )
        for operator, (r, _, w) in parts.items()
    }
    diagonals = [one.places.reshape(3, -1)[1] for operator, one in entries.items() if operator.flux]
    return Plan(grid, inside, outside, entries, diagonals[0] if diagonals else None)


def _off_centre(operator: Operator, places: np.ndarray) -> np.ndarray:
    """The places that an operator writes to by itself: those of a flux without the nodes themselves."""
    return places.reshape(3, -1)[::2].ravel() if operator.flux else places


def positions(grid: Grid, operator: Operator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns (among all nodes) and weights of an operator's entries."""
    rows = np.arange(len(grid.unknowns))
    if operator.flux:
        lower, upper = neighbours(grid, operator.orders.index(2))
        return np.tile(rows, 3), np.concatenate([lower, grid.unknowns, upper]), np.ones(3 * len(rows))
    D = grid_matrix(grid, operator.orders)[0].tocoo()
    return D.row.astype(np.int64), D.col.astype(np.int64), D.data


def pattern(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    """A CSR matrix of ones; the positions come sorted."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    return sp.csr_matrix((np.ones(len(rows)), columns.astype(np.int32), starts.astype(np.int32)), shape=shape)
