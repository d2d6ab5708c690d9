"""Reflections and exchanges of axes under which a problem stays what it is, found by trying them on samples.

A family that reads `-div(a grad u) = 1` on a square does not mind being looked at in a mirror: a sample reflected is
another sample, for free. Which symmetries hold is not assumed, but tried: the fields of a sample are transformed, and
the residual of the family's own system must stay as small as it was.
"""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from spinn.data.families import Family, SteadyFamily
from spinn.data.formats.samples import Samples
from spinn.operators.layout import Layout
from spinn.operators.streaming import Batch

TRIED = 2  # samples
WORSE = 1e3  # a residual may rise by so much through rounding, or to that of fields stored in float32
ROUNDED = 1e-4


@dataclasses.dataclass(frozen=True)
class Symmetry:
    """Axes in a new order, then some of them reversed."""

    order: tuple[int, ...]
    flipped: tuple[bool, ...]

    def of(self, values: np.ndarray) -> np.ndarray:
        """Of an array whose last axes are those of the grid."""
        ahead = values.ndim - len(self.order)
        moved = np.transpose(values, (*range(ahead), *(ahead + place for place in self.order)))
        return np.flip(moved, tuple(ahead + place for place, turned in enumerate(self.flipped) if turned))


def candidates(shape: Sequence[int], periodic: Sequence[bool]) -> list[Symmetry]:
    """All that map a grid with faces to itself, without the identity; axes of unlike lengths keep their places."""
    found = []
    for order in itertools.permutations(range(len(shape))):
        if any(shape[a] != shape[b] or periodic[a] != periodic[b] for a, b in enumerate(order)):
            continue
        for flipped in itertools.product((False, True), repeat=len(shape)):
            if not any(turned and wraps for turned, wraps in zip(flipped, periodic, strict=True)):
                found.append(Symmetry(tuple(order), flipped))
    return [one for one in found if any(one.flipped) or one.order != tuple(range(len(shape)))]


def symmetries_of(family: Family | None, samples: Samples, layout: Layout) -> tuple[Symmetry, ...]:
    """Those under which the first samples still solve the equations of their family; none where that is not known."""
    names = set(samples.inputs) | set(samples.outputs)
    if not isinstance(family, SteadyFamily) or names != set(layout.inputs) | set(layout.outputs):
        return ()
    shape = tuple(len(samples.axes[name]) for name in layout.axes)
    rows = [{name: column.read(row) for name, column in samples.fields.items()} for row in range(TRIED)]
    if any(values.ndim not in (0, len(shape)) for fields in rows for values in fields.values()):
        return ()
    return tuple(one for one in candidates(shape, layout.periodic) if all(_holds(family, one, row) for row in rows))


def _holds(family: SteadyFamily, symmetry: Symmetry, fields: Mapping[str, np.ndarray]) -> bool:
    def residual(of: Mapping[str, np.ndarray]) -> float:
        inputs = {name: values for name, values in of.items() if name not in family.outputs}
        return family.residual(inputs, of)

    turned = {name: symmetry.of(values) if values.ndim else values for name, values in fields.items()}
    exact = {name: np.asarray(values, float) for name, values in turned.items()}
    before = residual({name: np.asarray(values, float) for name, values in fields.items()})
    return residual(exact) <= max(WORSE * before, 1e-10) and residual(exact) < ROUNDED


def shown(batch: Batch, symmetries: Sequence[Symmetry], random: np.random.Generator) -> Batch:
    """Every sample in one of the ways, or as it is, with equal chances."""
    chosen = random.integers(len(symmetries) + 1, size=len(batch.inputs))
    made = [
        (symmetries[k - 1].of(a), symmetries[k - 1].of(u)) if k else (a, u)
        for k, a, u in zip(chosen, batch.inputs, batch.outputs, strict=True)
    ]
    return Batch(*(np.stack(parts) for parts in zip(*made, strict=True)))
