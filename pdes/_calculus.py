"""Vector calculus on fields: gradient, divergence, Laplacian."""

from collections.abc import Sequence
from typing import Any

from spinn.pdes._field import Field
from spinn.pdes._vector import Vector


def space_axes(field: Field) -> tuple[str, ...]:
    """All coordinates of the field but the time `t`."""
    return tuple(name for name in field.coordinates if name != "t")


def grad(field: Field, axes: Sequence[str] | None = None) -> Vector:
    """Gradient over the space axes (all coordinates but `t`), or over the axes named."""
    names = tuple(axes) if axes is not None else space_axes(field)
    return Vector(names, tuple(field.d(name) for name in names))


def div(vector: Vector) -> Any:
    """Divergence. `div(a * grad(u))` keeps the flux whole, so that discretisations can treat it conservatively."""
    first, *rest = (component.d(axis) for axis, component in zip(vector.axes, vector.components, strict=True))
    return sum(rest, start=first)


def laplacian(field: Field, axes: Sequence[str] | None = None) -> Any:
    """Sum of the second derivatives over the space axes, or over the axes named."""
    names = tuple(axes) if axes is not None else space_axes(field)
    first, *rest = (field.d(name, name) for name in names)
    return sum(rest, start=first)
