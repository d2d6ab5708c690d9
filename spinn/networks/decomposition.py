"""A box cut into boxes along its axes: cells, which of them touch, and which network answers for each.

Cuts go through the whole box, so cells form a grid and the two sides of an interface have the same tangential extent:
a condition on it compares two arrays of one shape. Cells are numbered in C order of the axes. Several cells may share a
network (a strip against the rest: the rest is two cells with one network over the whole box). Along periodic axes the
last cell touches the first one.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

from spinn.errors import SpinnError
from spinn.pdes import Box, Face

# A cut closer to a face or to another cut than this share of the axis is a mistake.
LEAST_SHARE = 1e-6


@dataclasses.dataclass(frozen=True)
class Decomposition:
    """`cuts`: inner coordinates of the cuts by axis, ascending; `owners`: of each cell, the network that answers for it
    (left out: a network a cell); `periodic`: axes whose ends are one place.

    **Raises:** SpinnError for cuts outside of the box, out of order, or along an axis that there is not.
    """

    box: Box
    cuts: Mapping[str, tuple[float, ...]]
    owners: tuple[int, ...] | None = None
    periodic: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        return hash((self.box, tuple(self.cuts.items()), self.owners, self.periodic))

    def __post_init__(self) -> None:
        for axis, places in self.cuts.items():
            if axis not in self.box:
                raise SpinnError(f"domains: no axis {axis!r} to cut; the axes are {', '.join(self.box.axes)}")
            low, high = self.box[axis]
            ends = np.array([low, *places, high])
            if np.any(np.diff(ends) <= LEAST_SHARE * (high - low)):
                raise SpinnError(
                    f"domains: cuts of {axis} must ascend strictly between {low:g} and {high:g}, got "
                    f"{', '.join(f'{place:g}' for place in places)}"
                )
        if self.owners is not None and sorted(set(self.owners)) != list(range(max(self.owners) + 1)):
            raise SpinnError(f"domains: owners must be numbered 0, 1, ... without gaps, got {self.owners}")
        if self.owners is not None and len(self.owners) != self.count:
            raise SpinnError(f"domains: expected an owner for each of {self.count} cells, got {len(self.owners)}")

    @classmethod
    def uniform(cls, box: Box, parts: Mapping[str, int]) -> "Decomposition":
        """Equal parts along each axis named. SpinnError unless each number is at least one."""
        wrong = {axis: count for axis, count in parts.items() if count < 1}
        if wrong:
            raise SpinnError(f"domains: expected at least one part an axis, got {wrong}")
        cuts = {
            axis: tuple(float(x) for x in np.linspace(*box[axis], count + 1)[1:-1])
            for axis, count in parts.items()
            if axis in box and count > 1
        }
        strange = [axis for axis in parts if axis not in box]
        if strange:
            raise SpinnError(f"domains: no axis {', '.join(strange)} to cut; the axes are {', '.join(box.axes)}")
        return cls(box, cuts)

    @classmethod
    def strip(cls, box: Box, axis: str, low: float, high: float) -> "Decomposition":
        """low < axis < high is one subdomain, the rest on both sides of it another with a network of its own."""
        return cls(box, {axis: (low, high)}, (0, 1, 0))

    def within(self, box: Box) -> "Decomposition":
        """The same cuts of a shorter box, such as a time window's. SpinnError where a cut lies outside."""
        return self if box == self.box else dataclasses.replace(self, box=box)

    @functools.cached_property
    def ends(self) -> dict[str, np.ndarray]:
        """All ends of cells along each axis, those of the box among them."""
        return {axis: np.array([self.box[axis][0], *self.cuts.get(axis, ()), self.box[axis][1]]) for axis in self.box}

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(len(self.cuts.get(axis, ())) + 1 for axis in self.box)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return math.prod(self.shape)

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return self.count if self.owners is None else max(self.owners) + 1

    @functools.cached_property
    def owner(self) -> Int[np.ndarray, " cells"]:
        """The network of each cell."""
        return np.arange(self.count) if self.owners is None else np.array(self.owners)

    @functools.cached_property
    def cells(self) -> tuple[Box, ...]:
        """The cells."""
        intervals = [list(itertools.pairwise(self.ends[axis].tolist())) for axis in self.box]
        return tuple(Box(**dict(zip(self.box.axes, chosen, strict=True))) for chosen in itertools.product(*intervals))

    @functools.cached_property
    def boxes(self) -> tuple[Box, ...]:
        """Of each network, the smallest box around its cells: what its inputs are scaled by."""
        found = []
        for network in range(self.networks):
            mine = [cell for cell, owner in zip(self.cells, self.owner, strict=True) if owner == network]
            found.append(Box(**{a: (min(c[a][0] for c in mine), max(c[a][1] for c in mine)) for a in self.box}))
        return tuple(found)

    @property
    def cut_axes(self) -> tuple[str, ...]:
        """Axes with interfaces."""
        return tuple(axis for axis in self.box if self.cuts.get(axis))

    def interfaces(self, axis: str) -> Int[np.ndarray, "faces 2"]:
        """The cells on the low and on the high side of every interface across an axis."""
        place = self.box.axes.index(axis)
        numbers = np.moveaxis(np.arange(self.count).reshape(self.shape), place, 0)
        pairs = [(numbers[:-1], numbers[1:])]
        if axis in self.periodic and self.cuts.get(axis):
            pairs.append((numbers[-1:], numbers[:1]))
        return np.concatenate([np.stack([low.ravel(), high.ravel()], 1) for low, high in pairs])

    def outer(self, face: Face) -> Int[np.ndarray, " cells"]:
        """1 for the cells that a face of the box belongs to, else 0."""
        place = self.box.axes.index(face.axis)
        last = self.shape[place] - 1
        index = np.indices(self.shape)[place].ravel()
        return (index == (0 if face.side == "low" else last)).astype(int)

    def located(self, points: Mapping[str, np.ndarray]) -> Int[np.ndarray, " points"]:
        """The cell of each point (arrays of one shape); a point on a cut belongs to the cell below it."""
        places = [
            np.clip(np.searchsorted(self.ends[axis], points[axis], side="left") - 1, 0, count - 1)
            for axis, count in zip(self.box, self.shape, strict=True)
        ]
        return np.ravel_multi_index(tuple(places), self.shape)
