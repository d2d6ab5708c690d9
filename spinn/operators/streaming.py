"""Samples of a file as batches of arrays, read as they are asked for; what fits into the memory given is kept."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spinn.data.formats.samples import Samples
from spinn.errors import SpinnError
from spinn.operators.layout import Layout, framed


class Batch(NamedTuple):
    """Inputs (samples, fields, *grid) and outputs alike; more axes may stand before."""

    inputs: Any
    outputs: Any


@dataclasses.dataclass(eq=False)
class Stream:
    """Batches of the samples of a file in the layout of an operator, on a grid of `points` nodes an axis (or all).

    Not frozen: it keeps up to `memory` bytes of samples once they were read.
    """

    samples: Samples
    layout: Layout
    points: int | None = None
    memory: float = 512e6
    dtype: str = "float32"
    kept: dict[int, Batch] = dataclasses.field(default_factory=dict)
    held: float = 0.0

    def __post_init__(self) -> None:
        missing = [name for name in self.layout.inputs if name not in self.samples.inputs]
        if missing or any(axis not in self.samples.axes for axis in self.layout.axes):
            raise SpinnError(
                f"expected the inputs {', '.join(self.layout.inputs)} on the axes {', '.join(self.layout.axes)}, got "
                f"{', '.join(self.samples.inputs) or 'none'} on {', '.join(self.samples.axes)}",
                file=self.samples.path,
            )

    @property
    def chosen(self) -> dict[str, np.ndarray]:
        """Numbers of the nodes that are seen, by axis; time is not thinned out."""
        found = {}
        for name in self.layout.axes:
            count = len(self.samples.axes[name])
            few = count if name == "t" or self.points is None else min(self.points, count)
            wraps = self.layout.periodic[self.layout.axes.index(name)]
            ends = count * (1 - 1 / few) if wraps else count - 1
            found[name] = np.unique(np.round(np.linspace(0, ends, few)).astype(int))
        return found

    @property
    def nodes(self) -> tuple[np.ndarray, ...]:
        """Of every axis, scaled to [0, 1]."""
        chosen = self.chosen
        return self.layout.nodes({name: self.samples.axes[name][chosen[name]] for name in self.layout.axes})

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes an axis."""
        return tuple(len(one) for one in self.chosen.values())

    def batch(self, rows: Sequence[int] | np.ndarray) -> Batch:
        """Some samples: arrays of shape (len(rows), fields, *grid)."""
        found = [self.one(int(row)) for row in rows]
        return Batch(*(np.stack(parts) for parts in zip(*found, strict=True)))

    def one(self, row: int) -> Batch:
        """One sample, of shape (fields, *grid)."""
        if row in self.kept:
            return self.kept[row]
        read = Batch(self.inputs(row), self.outputs(row))
        if self.held < self.memory:
            self.kept[row] = read
            self.held += read.inputs.nbytes + read.outputs.nbytes
        return read

    def inputs(self, row: int) -> np.ndarray:
        """Numbers, and fields without time, are the same along the axes that they lack."""
        shape, chosen = self.shape, self.chosen
        columns = [self.samples.inputs[name] for name in self.layout.inputs]
        parts = [spread(column.read(row), column.axes, self.layout.axes, chosen) for column in columns]
        return np.stack([np.broadcast_to(part, shape) for part in parts]).astype(self.dtype)

    def outputs(self, row: int) -> np.ndarray:
        """None of them where the file has none."""
        chosen, layout = self.chosen, self.layout
        there = [self.samples.outputs[name] for name in layout.outputs if name in self.samples.outputs]
        if len(there) < len(layout.outputs):
            return np.empty((0, *self.shape), self.dtype)
        return np.stack(
            [spread(framed(column, row, layout.last), layout.axes, layout.axes, chosen) for column in there]
        ).astype(self.dtype)


def spread(
    values: np.ndarray, has: Sequence[str], wanted: Sequence[str], chosen: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Values at the chosen nodes, with axes of length one where they have none."""
    if "t" in has and "t" not in wanted:
        values, has = values[0], [axis for axis in has if axis != "t"]
    for place, axis in enumerate(has):
        values = np.take(values, chosen[axis], place)
    return values.reshape([len(chosen[axis]) if axis in has else 1 for axis in wanted])


def split(count: int, held_out: float | int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows held out, drawn at random, each in ascending order.

    **Raises:** SpinnError where either would be empty.
    """
    held = held_out if isinstance(held_out, int) else max(1, round(held_out * count))
    if not 0 < held < count:
        raise SpinnError(f"held_out: expected fewer than the {count} samples of the file, and at least one; got {held}")
    order = np.random.default_rng([seed, 1]).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


@dataclasses.dataclass(frozen=True, eq=False)
class Order:
    """Which rows the batches of every step hold: each epoch in an order of its own, which follows from the seed.

    Rows that do not fill a batch are left for another epoch.
    """

    rows: np.ndarray
    size: int
    seed: int

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return len(self.rows) // self.size

    def batch(self, step: int) -> np.ndarray:
        """The rows (size,) of a step."""
        epoch, place = divmod(step, self.steps)
        order = np.random.default_rng([self.seed, 2, epoch]).permutation(len(self.rows))
        return self.rows[order[place * self.size : (place + 1) * self.size]]
