"""Values that the conditions of a PDE give on the nodes of a grid."""

from typing import Any

import numpy as np

from spinn.data.stencil.grid import Grid, faces_of
from spinn.pdes import PDE, Dirichlet, Initial, Neumann


def face_slices(grid: Grid, face: tuple[str, str]) -> tuple[slice, ...]:
    """Where the nodes of a face lie in an array on the grid."""
    side = slice(0, 1) if face[1] == "low" else slice(-1, None)
    return tuple(side if axis.name == face[0] else slice(None) for axis in grid.axes)


def evaluated(pde: PDE, grid: Grid, value: Any, time: Any = None) -> Any:
    """A condition's value at all nodes: a number, or a function of the coordinates called with broadcasting arrays."""
    if callable(value):
        mesh = dict(zip(grid.names, np.meshgrid(*grid.nodes, indexing="ij", sparse=True), strict=True))
        value = value(*(mesh.get(name, time) for name in pde.coordinates))
    return value[0] if isinstance(value, tuple) else value


def given(pde: PDE, grid: Grid, kind: type[Dirichlet] | type[Neumann]) -> dict[tuple[str, str], Any]:
    """The value of every Dirichlet (or Neumann) face, as the conditions state it: a number or a function."""
    return {
        face: condition.value
        for condition in pde.conditions()
        if isinstance(condition, kind)
        for face in faces_of(condition, pde)
    }


def dirichlet_values(pde: PDE, grid: Grid) -> np.ndarray:
    """The given values on the Dirichlet faces of a steady PDE, zero elsewhere: an array of the grid's shape."""
    values = np.zeros(grid.shape)
    for face, value in given(pde, grid, Dirichlet).items():
        where = face_slices(grid, face)
        values[where] = np.broadcast_to(np.asarray(evaluated(pde, grid, value), dtype=float), grid.shape)[where]
    return values


def neumann_slopes(pde: PDE, grid: Grid) -> list[np.ndarray | None]:
    """For each axis the outward slopes given on its Neumann faces, zero elsewhere; None without such faces."""
    slopes: list[np.ndarray | None] = [None] * len(grid.axes)
    for face, value in given(pde, grid, Neumann).items():
        axis = grid.names.index(face[0])
        before = slopes[axis]
        array = np.zeros(grid.shape) if before is None else before
        where = face_slices(grid, face)
        array[where] = np.broadcast_to(np.asarray(evaluated(pde, grid, value), dtype=float), grid.shape)[where]
        slopes[axis] = array
    return slopes


def initial_value(pde: PDE, grid: Grid) -> Any:
    """The value of the unknown at the start, as its `Initial` condition gives it.

    **Raises:** ValueError if there is none.
    """
    for condition in pde.conditions():
        if isinstance(condition, Initial) and condition.order == 0 and isinstance(condition.unknown, str):
            return evaluated(pde, grid, condition.value, pde.domain["t"][0])
    raise ValueError(f"{type(pde).__name__}: expected an Initial condition for '{pde.unknowns[0]}'; add one")
