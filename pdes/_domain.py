"""Boxes with named axes, and their faces."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Side = Literal["low", "high"]


class Face(NamedTuple):
    """One face of a box: `axis` is held at the low or high end of its interval."""

    axis: str
    side: Side


@dataclasses.dataclass(frozen=True, init=False)
class Box:
    """A product of intervals, one a coordinate: `Box(t=(0, 10), x=(-1, 1))`. An axis called `t` is time.

    **Raises:** ValueError if an interval is empty, reversed or not finite.
    """

    intervals: Mapping[str, tuple[float, float]]

    def __init__(self, **intervals: Any):  # pairs of numbers: what else users write is reported below
        checked = {}
        for name, ends in intervals.items():
            try:
                low, high = (float(end) for end in ends)
            except (TypeError, ValueError):
                raise ValueError(f"domain of {name}: expected two numbers [low, high], got {ends!r}") from None
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"domain of {name}: expected low < high, both finite, got [{low:g}, {high:g}]")
            checked[name] = (low, high)
        object.__setattr__(self, "intervals", checked)

    def __hash__(self) -> int:
        return hash(tuple(self.intervals.items()))

    def __getitem__(self, axis: str) -> tuple[float, float]:
        return self.intervals[axis]

    def __iter__(self) -> Iterator[str]:
        return iter(self.intervals)

    @property
    def axes(self) -> tuple[str, ...]:
        """Axis names in order."""
        return tuple(self.intervals)

    @property
    def space(self) -> tuple[str, ...]:
        """Axis names without time."""
        return tuple(axis for axis in self.intervals if axis != "t")

    def end(self, face: Face) -> float:
        """The coordinate at which a face lies."""
        low, high = self[face.axis]
        return low if face.side == "low" else high

    def faces(self, *axes: str) -> tuple[Face, ...]:
        """Both faces of each axis named (all space axes when none is)."""
        return tuple(Face(axis, side) for axis in axes or self.space for side in ("low", "high"))

    def replace(self, **intervals: tuple[float, float]) -> "Box":
        """The same box with some intervals changed.

        **Raises:** ValueError for an axis that the box lacks.
        """
        strange = [name for name in intervals if name not in self.intervals]
        if strange:
            raise ValueError(f"domain has no axis {', '.join(strange)}; its axes are {', '.join(self.axes)}")
        return Box(**{**self.intervals, **intervals})
