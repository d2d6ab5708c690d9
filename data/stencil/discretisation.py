"""A steady linear PDE as a sparse system: the residual read as a stencil, its boundary values eliminated."""

from typing import Any

import numpy as np

from spinn.data.stencil.boundary import dirichlet_values, neumann_slopes
from spinn.data.stencil.field import (
    StencilField,
    Term,
    array_of,
    coordinate_fields,
    in_double_precision,
    unknown_field,
)
from spinn.data.stencil.grid import Grid, Order, grid_of
from spinn.data.stencil.operators import grid_matrix
from spinn.data.stencil.plan import Operator, plan_for, row_weights
from spinn.data.stencil.system import System
from spinn.pdes import PDE


@in_double_precision
def discretise(pde: PDE, points: tuple[int, ...], order: Order = 2) -> System:
    """The system of a steady PDE that is linear in its one unknown, on `points` nodes an axis, faces included.

    Central differences of second or fourth order (one-sided next to faces for the fourth); `div(a * grad(u))` of
    second order as the difference of fluxes through the faces of cells around the nodes, with harmonic means of `a`
    (Patankar 1980, section 4.2-3; coefficients may jump). The sign is such that second derivatives enter as minus the
    Laplacian, whichever way the residual is written. Parameters of the PDE may be arrays on the grid.

    **Raises:** ValueError if the residual is not linear, depends on time, or has no unknown; and as `grid_of`.
    """
    name = type(pde).__name__
    if "t" in pde.coordinates:
        raise ValueError(f"{name} depends on time: a system needs a steady PDE; use Evolution for its right side")
    if order == "spectral":
        raise ValueError(f"{name}: spectral derivatives are full matrices; for a sparse system use order 2 or 4")
    grid = grid_of(pde, tuple(points), order)
    residual = read(pde, grid)
    return assemble(pde, grid, residual)


def read(pde: PDE, grid: Grid) -> StencilField:
    """The residual as a stencil field."""
    found = list(pde.residuals({pde.unknowns[0]: unknown_field(grid)}, coordinates_for(grid)).values())
    if len(found) != 1 or not isinstance(found[0], StencilField) or not found[0].terms:
        raise ValueError(f"{type(pde).__name__}: expected one residual that contains '{pde.unknowns[0]}', got {found}")
    return found[0]


_COORDINATES: dict[Grid, dict[str, StencilField]] = {}


def coordinates_for(grid: Grid) -> dict[str, StencilField]:
    """The coordinates of a grid; those of the last grid are kept, since a family asks for the same again and again."""
    if grid not in _COORDINATES:
        _COORDINATES.clear()
        _COORDINATES[grid] = coordinate_fields(grid)
    return _COORDINATES[grid]


def assemble(pde: PDE, grid: Grid, residual: StencilField) -> System:
    """The matrix and right-hand side of a residual A u + known = 0."""
    plan = plan_for(grid, frozenset(Operator(t.orders, t.inner is not None) for t in residual.terms))
    sign = orientation(residual.terms)
    terms = [term.scaled(sign) for term in residual.terms]
    inside, outside = plan.refresh(terms)
    known = array_of(residual.known)
    rhs = -sign * np.broadcast_to(known, int(np.prod(grid.shape)))[grid.unknowns]
    rhs -= ghosts(pde, grid, terms)
    weights = row_weights(grid)
    rhs = rhs if weights is None else rhs * weights
    given = dirichlet_values(pde, grid)
    if given.any():
        rhs -= outside @ given.ravel()
    symmetric = all(is_symmetric(grid, term) for term in terms)
    return System(
        matrix=inside,
        rhs=rhs,
        symmetric=symmetric,
        definite=is_definite(grid, terms),
        shape=grid.unknown_shape,
        insert=inserter(grid, given),
        extract=lambda field: field[grid.unknown_slices].ravel(),
    )


def inserter(grid: Grid, given: np.ndarray) -> Any:
    """The function that puts unknowns among the given values."""

    def insert(x: np.ndarray) -> np.ndarray:
        full = given.copy()
        full[grid.unknown_slices] = x.reshape(grid.unknown_shape)
        return full

    return insert


def ghosts(pde: PDE, grid: Grid, terms: list[Term]) -> np.ndarray | float:
    """What given slopes on Neumann faces add to the residual."""
    total: Any = 0.0
    for axis, slope in enumerate(neumann_slopes(pde, grid)):
        if slope is None or not slope.any():
            continue
        for term in terms:
            outer = np.broadcast_to(array_of(term.outer), int(np.prod(grid.shape)))[grid.unknowns]
            if term.inner is None:
                total = total + outer * (grid_matrix(grid, term.orders)[1][axis] @ slope.ravel())
            elif term.orders[axis] == 2:  # the flux through a face of the domain is a du/dn, over half a cell
                flux = np.broadcast_to(array_of(term.inner), slope.size) * slope.ravel()
                total = total + outer * flux[grid.unknowns] * (2 / grid.axes[axis].spacing)
    return total


def orientation(terms: tuple[Term, ...]) -> float:
    """-1 if the second derivatives enter with a plus, else 1."""
    for term in terms:
        if max(term.orders) == 2 and sum(term.orders) == 2:
            coefficient = np.mean(array_of(term.outer)) * np.mean(array_of(1.0 if term.inner is None else term.inner))
            return -1.0 if coefficient > 0 else 1.0
    return 1.0


def is_symmetric(grid: Grid, term: Term) -> bool:
    """Whether the matrix of a term is known to be symmetric: zero order, fluxes, constant even derivatives."""
    if not any(term.orders):
        return True
    return grid.order == 2 and isinstance(term.outer, float) and max(term.orders) == 2 and sum(term.orders) == 2


def is_definite(grid: Grid, terms: list[Term]) -> bool:
    """Whether the matrix is known to be positive definite: a diffusion with no negative zero-order term, held fast."""
    second = [term for term in terms if any(term.orders)]
    if not second or not all(is_symmetric(grid, term) for term in terms):
        return False
    diffuses = all(np.max(term.outer * array_of(1.0 if term.inner is None else term.inner)) < 0 for term in second)
    zero_order = sum(array_of(term.outer) for term in terms if not any(term.orders))
    held = any("dirichlet" in axis.ends for axis in grid.axes) or np.min(zero_order) > 0
    return bool(diffuses and np.min(zero_order) >= 0 and held)
