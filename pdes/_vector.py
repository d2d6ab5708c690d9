"""Vectors of fields, one component an axis."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Vector:
    """A vector field. It adds to vectors on the same axes; a field or number scales every component."""

    __array_ufunc__ = None  # numpy arrays on the left defer to the reflected product

    axes: tuple[str, ...]
    components: tuple[Any, ...]

    def __mul__(self, scale: Any) -> "Vector":
        return Vector(self.axes, tuple(component * scale for component in self.components))

    def __rmul__(self, scale: Any) -> "Vector":
        return self * scale

    def __truediv__(self, scale: Any) -> "Vector":
        return self * (1.0 / scale)

    def __neg__(self) -> "Vector":
        return self * -1.0

    def __add__(self, other: "Vector") -> "Vector":
        if self.axes != other.axes:
            raise ValueError(f"vectors on different axes cannot be added: {self.axes} and {other.axes}")
        return Vector(self.axes, tuple(a + b for a, b in zip(self.components, other.components, strict=True)))

    def __sub__(self, other: "Vector") -> "Vector":
        return self + -other

    def dot(self, other: "Vector | Sequence[Any] | Mapping[str, Any]") -> Any:
        """Inner product with another vector (components in the same order, or by axis name)."""
        if isinstance(other, Vector):
            values: Sequence[Any] = other.components
        elif isinstance(other, Mapping):
            values = [other[axis] for axis in self.axes]
        else:
            values = other
        first, *rest = (a * b for a, b in zip(self.components, values, strict=True))
        return sum(rest, start=first)
