"""Comparing a solution with the exact or the reference solution, always in float64."""

from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from spinn.fields import Grid, GridField, coordinate_fields
from spinn.pdes import PDE, Box, point_coordinates

SCATTERED_POINTS = 20_000  # where errors are measured when a grid of all axes cannot be formed

Arrays = dict[str, np.ndarray]


def truth_kind(pde: PDE) -> Literal["exact", "reference"] | None:
    """What the PDE can be compared with."""
    return "exact" if pde.has_exact else "reference" if pde.has_reference else None


def truth_on_grid(pde: PDE, axes: Mapping[str, np.ndarray], derived: bool = True) -> Arrays | None:
    """The exact or reference solution on a tensor grid, by unknown; derived quantities too where it is exact."""
    kind = truth_kind(pde)
    if kind == "reference":
        reference = pde.reference()
        return None if reference is None else {k: np.asarray(v) for k, v in reference.on_grid(axes).items()}
    if kind is None:
        return None
    with jax.enable_x64(True):
        points = {axis: jnp.asarray(axes[axis], float) for axis in pde.coordinates}
        weights = {axis: jnp.full(p.shape, 1.0 / p.shape[0]) for axis, p in points.items()}
        grid = Grid(pde.coordinates, points, weights)
        unknowns = pde.exact_solution(*coordinate_fields(grid).values())
        quantities = {**unknowns, **(pde.derived(*unknowns.values()) if derived else {})}
        return {
            name: np.array(np.broadcast_to(np.asarray(_value(field)), grid.shape)) for name, field in quantities.items()
        }


def truth_at_points(pde: PDE, points: Mapping[str, np.ndarray], derived: bool = False) -> Arrays:
    """The exact solution at scattered points, arrays of shape (n,) by coordinate; `derived` quantities too."""
    with jax.enable_x64(True):
        fields = point_coordinates(**{axis: jnp.asarray(points[axis], float) for axis in pde.coordinates})
        unknowns = pde.exact_solution(*fields.values())
        quantities = {**unknowns, **(pde.derived(*unknowns.values()) if derived else {})}
        count = len(points[pde.coordinates[0]])
        return {
            name: np.array(np.broadcast_to(np.asarray(getattr(field, "value", field)), (count,)), float)
            for name, field in quantities.items()
        }


def scattered(pde: PDE, domain: Box, count: int, seed: int) -> Arrays:
    """Uniformly random points of a box, fixed by the seed."""
    draws = np.random.default_rng(seed).uniform(size=(len(pde.coordinates), count))
    return {axis: low + (high - low) * draw for axis, draw in zip(pde.coordinates, draws, strict=True)
            for low, high in [domain[axis]]}  # fmt: skip


def _value(field: object) -> object:
    return field.value if isinstance(field, GridField) else field


def relative_l2(values: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray], unknowns: tuple[str, ...]) -> dict:
    """||values - truth|| / ||truth|| of each quantity, and `all`: of all unknowns together."""
    squares = {name: (_square(values[name] - truth[name]), _square(truth[name])) for name in truth if name in values}
    result = {name: _ratio(*pair) for name, pair in squares.items()}
    sums = [sum(squares[name][part] for name in unknowns) for part in (0, 1)]
    return {**result, "all": _ratio(*sums)}


def _square(array: np.ndarray) -> float:
    return float(np.sum(np.asarray(array, float) ** 2))


def _ratio(error: float, size: float) -> float:
    return float(np.sqrt(error / size)) if size > 0 else float(np.sqrt(error))


def uniform_axes(pde: PDE, counts: Mapping[str, int]) -> Arrays:
    """Equispaced points of every axis, both ends included."""
    return {axis: np.linspace(*pde.domain[axis], counts[axis]) for axis in pde.coordinates}
