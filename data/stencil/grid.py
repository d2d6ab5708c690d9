"""Uniform grids on a box, with what the conditions of the PDE say of each axis."""

import dataclasses
import functools
from typing import Any, Literal

import numpy as np

from spinn.pdes import PDE, Condition, Dirichlet, Gauge, Initial, Neumann, Periodic

End = Literal["dirichlet", "neumann", "periodic"]
Order = Literal[2, 4, "spectral"]


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis of a grid: `points` nodes from `low` to `high`, both included, or without `high` if periodic."""

    name: str
    low: float
    high: float
    points: int
    ends: tuple[End, End]  # at the low and the high face

    @property
    def periodic(self) -> bool:
        """Whether the axis closes on itself."""
        return self.ends[0] == "periodic"

    @property
    def spacing(self) -> float:
        """Distance of neighbouring nodes."""
        return (self.high - self.low) / (self.points if self.periodic else self.points - 1)

    @functools.cached_property
    def nodes(self) -> np.ndarray:
        """Coordinates of the nodes: shape (points,)."""
        return self.low + self.spacing * np.arange(self.points)

    @property
    def unknown(self) -> slice:
        """The nodes at which the solution is not given."""
        return slice(int(self.ends[0] == "dirichlet"), self.points - int(self.ends[1] == "dirichlet"))


@dataclasses.dataclass(frozen=True)
class Grid:
    """A tensor grid. Fields on it are arrays of shape `shape`, flattened in C order; unknowns have `unknown_shape`."""

    axes: tuple[Axis, ...]
    order: Order = 2

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(axis.name for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes an axis, faces included."""
        return tuple(axis.points for axis in self.axes)

    @property
    def unknown_slices(self) -> tuple[slice, ...]:
        """Where the unknowns lie in an array of shape `shape`."""
        return tuple(axis.unknown for axis in self.axes)

    @functools.cached_property
    def unknowns(self) -> np.ndarray:
        """Flat indices of the nodes that carry an unknown."""
        return np.arange(int(np.prod(self.shape))).reshape(self.shape)[self.unknown_slices].ravel()

    @property
    def unknown_shape(self) -> tuple[int, ...]:
        """Unknowns an axis."""
        return tuple(axis.unknown.stop - axis.unknown.start for axis in self.axes)

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """Ends of the axes."""
        return tuple((axis.low, axis.high) for axis in self.axes)

    @property
    def nodes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of the nodes of each axis."""
        return tuple(axis.nodes for axis in self.axes)

    def flat(self, value: Any, what: str = "array") -> np.ndarray:
        """An array that broadcasts to `shape`, flattened.

        **Raises:** ValueError for another shape.
        """
        array = np.asarray(value, dtype=float)
        if array.ndim == 1 and array.size == int(np.prod(self.shape)):
            return array
        if array.ndim > len(self.shape) or any(
            have not in (1, want) for have, want in zip(array.shape[::-1], self.shape[::-1], strict=False)
        ):
            raise ValueError(
                f"{what}: expected values on the grid, of shape {self.shape} (faces included; a periodic end left "
                f"out), got {array.shape}; sample it at the nodes of the grid"
            )
        return np.broadcast_to(array, self.shape).ravel()


def grid_of(pde: PDE, points: tuple[int, ...], order: Order = 2) -> Grid:
    """The grid of a PDE's space axes, `points` nodes an axis (faces included; a periodic end is left out).

    **Raises:** ValueError if the PDE has several unknowns, a condition that grids do not know, a face without a
    condition, too few nodes, or an order that the conditions do not allow.
    """
    name, space = type(pde).__name__, pde.domain.space
    if len(points) != len(space):
        raise ValueError(f"{name}: expected a number of nodes for each of {', '.join(space)}, got {points}")
    if len(pde.unknowns) != 1:
        raise ValueError(f"{name}: stencils read PDEs with one unknown, got {', '.join(pde.unknowns)}")
    ends = _ends(pde)
    axes = []
    for axis, count in zip(space, points, strict=True):
        missing = [side for side in ("low", "high") if (axis, side) not in ends]
        if missing:
            raise ValueError(
                f"{name}: no condition on the {' and '.join(missing)} face of {axis}; add Dirichlet, Neumann, Periodic"
            )
        axes.append(Axis(axis, *pde.domain[axis], count, (ends[axis, "low"], ends[axis, "high"])))
        _check(name, axes[-1], order)
    return Grid(tuple(axes), order)


def _ends(pde: PDE) -> dict[tuple[str, str], End]:
    """What the conditions say of each face."""
    ends: dict[tuple[str, str], End] = {}
    for condition in pde.conditions():
        if isinstance(condition, Initial):
            continue
        if not isinstance(condition, Dirichlet | Neumann | Periodic) or not isinstance(condition.unknown, str):
            raise ValueError(
                f"{type(pde).__name__}: stencils know Dirichlet, Neumann and Periodic conditions on an unknown, got "
                f"{type(condition).__name__} {condition.name}" + gauge_hint(condition)
            )
        if isinstance(condition, Periodic):
            ends |= {(condition.axis, side): "periodic" for side in ("low", "high")}
            continue
        for face in faces_of(condition, pde):
            ends[face] = "dirichlet" if isinstance(condition, Dirichlet) else "neumann"
    return ends


def gauge_hint(condition: Condition) -> str:
    """What to do about a gauge."""
    return "; a zero-order term or a Dirichlet face makes the solution unique" if isinstance(condition, Gauge) else ""


def faces_of(condition: Dirichlet | Neumann, pde: PDE) -> list[tuple[str, str]]:
    """The faces of a condition as pairs of axis and side; none given means every space face."""
    given = condition.faces or pde.domain.space
    return [pair for face in given for pair in ([(face, "low"), (face, "high")] if isinstance(face, str) else [face])]


def _check(name: str, axis: Axis, order: Order) -> None:
    if order not in (2, 4, "spectral"):
        raise ValueError(f"order: expected 2, 4 or 'spectral', got {order!r}")
    least = 7 if order == 4 else 3
    if axis.points < least:
        raise ValueError(
            f"{name}: expected at least {least} nodes along {axis.name} for order {order}, got {axis.points}"
        )
    if order == "spectral" and not axis.periodic:
        raise ValueError(f"{name}: spectral derivatives need periodic axes, and {axis.name} is not; use order 2 or 4")
    if order == 4 and "neumann" in axis.ends:
        raise ValueError(f"{name}: Neumann faces (here of {axis.name}) are of second order; use order=2")
