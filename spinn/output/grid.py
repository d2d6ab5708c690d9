"""A solution sampled on a tensor grid, as plain arrays: what figures, files and exports are made from."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class SolutionGrid:
    """Values on the tensor grid of `axes`. Every array has one dimension an axis, in the order of `axes`.

    `reference` holds the truth for some or all of the unknowns and derived quantities.

    **Raises:** ValueError for axes that do not increase, wrong shapes, unknown or repeated names.
    """

    axes: Arrays  # name: (n,), strictly increasing
    unknowns: Arrays
    reference: Arrays = dataclasses.field(default_factory=dict)
    derived: Arrays = dataclasses.field(default_factory=dict)
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in self.axes.items():
            if values.ndim != 1 or values.size == 0 or not np.all(np.diff(values) > 0):
                raise ValueError(f"axis {name}: expected increasing numbers in one dimension, got {values!r:.60}")
        for group in (self.unknowns, self.derived, self.reference):
            for name, values in group.items():
                if values.shape != self.shape:
                    raise ValueError(
                        f"{name}: expected shape {self.shape} (axes {', '.join(self.axes)}), got {values.shape}"
                    )
        strange = [name for name in self.reference if name not in self.quantities]
        if strange:
            raise ValueError(f"reference for {', '.join(strange)}, but the solution has {', '.join(self.quantities)}")
        twice = [name for name in self.derived if name in self.unknowns]
        if twice:
            raise ValueError(f"{', '.join(twice)}: both an unknown and a derived quantity; rename the latter")

    @property
    def shape(self) -> tuple[int, ...]:
        """Points an axis."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def space(self) -> tuple[str, ...]:
        """Axis names without time; all of them when there is time alone."""
        return tuple(name for name in self.axes if name != "t") or tuple(self.axes)

    @property
    def time(self) -> str | None:
        """The time axis, where there is one besides space."""
        return "t" if "t" in self.axes and "t" not in self.space else None

    @property
    def quantities(self) -> dict[str, np.ndarray]:
        """Unknowns, then derived quantities."""
        return {**self.unknowns, **self.derived}

    @property
    def error(self) -> dict[str, np.ndarray]:
        """Solution minus truth, for every quantity with a known truth."""
        return {name: self.quantities[name] - truth for name, truth in self.reference.items()}


def is_uniform(values: np.ndarray) -> bool:
    """Whether points are equidistant, to what single precision and drawing need (1e-4 of a spacing)."""
    if len(values) < 3:
        return True
    even = np.linspace(float(values[0]), float(values[-1]), len(values))
    return bool(np.max(np.abs(values - even)) <= 1e-4 * (even[1] - even[0]))
