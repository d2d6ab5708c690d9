"""What an operator maps to what: names, axes, and what holds of all outputs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spinn.data.formats.samples import Column, Samples
from spinn.errors import SpinnError

SEEN = 8  # samples whose faces are looked at


@dataclasses.dataclass(frozen=True)
class Layout:
    """Fields by name on the axes of the outputs, time first; `last`: the outputs are the last frame of those stored.

    `spans`: where an axis begins and ends (on a periodic axis, where it closes). `vanishing`: at which ends of each
    axis all outputs are zero.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    axes: tuple[str, ...]
    periodic: tuple[bool, ...]
    spans: tuple[tuple[float, float], ...]
    vanishing: tuple[tuple[bool, bool], ...]
    last: bool = False

    def nodes(self, axes: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Coordinates of every axis, scaled to [0, 1]."""
        pairs = zip(self.axes, self.spans, strict=True)
        return tuple((np.asarray(axes[name], float) - low) / (high - low) for name, (low, high) in pairs)

    def envelope(self, nodes: Sequence[Any], like: Any = np) -> Any:
        """A positive function that is zero exactly where all outputs are: products of 4 x (1 - x), x and 1 - x."""
        product: Any = like.ones((1,) * len(nodes))
        for place, (x, (low, high)) in enumerate(zip(nodes, self.vanishing, strict=True)):
            factor = (x if low else 1.0) * (1.0 - x if high else 1.0) * (4.0 if low and high else 1.0)
            shape = [-1 if place == axis else 1 for axis in range(len(nodes))]
            product = product * like.reshape(like.broadcast_to(like.asarray(factor), x.shape), shape)
        return product

    @property
    def zero_somewhere(self) -> bool:
        """Whether outputs have faces where they are zero; then they are scaled, and not shifted."""
        return any(end for ends in self.vanishing for end in ends)


def layout_of(
    samples: Samples,
    rows: Sequence[int] | np.ndarray,
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    last: bool = False,
    periodic: Sequence[str] = (),
) -> Layout:
    """The layout of a file. Ends count as zero where the outputs of the first of `rows` are.

    **Raises:** SpinnError for names that the file lacks, or fields that no operator here takes.
    """
    ins, outs = _named(samples, "inputs", inputs), _named(samples, "outputs", outputs)
    first = samples.outputs[outs[0]]
    axes = tuple(axis for axis in first.axes if not (last and axis == "t"))
    strange = [axis for axis in periodic if axis not in axes]
    if strange:
        raise SpinnError(f"periodic: expected some of the axes {', '.join(axes)}, got {', '.join(strange)}")
    for name, column in {**{n: samples.inputs[n] for n in ins}, **{n: samples.outputs[n] for n in outs}}.items():
        _check(samples, name, column, axes)
    wraps = tuple(axis in samples.periodic or axis in periodic for axis in axes)
    spans = tuple(_span(samples.axes[axis], wrap) for axis, wrap in zip(axes, wraps, strict=True))
    bare = Layout(ins, outs, axes, wraps, spans, ((False, False),) * len(axes), last)
    seen = np.stack([_output(samples, bare, row) for row in rows[:SEEN]])
    return dataclasses.replace(bare, vanishing=_vanishing(seen, wraps))


def _named(samples: Samples, group: str, wanted: Sequence[str]) -> tuple[str, ...]:
    there = tuple(getattr(samples, group))
    missing = [name for name in wanted if name not in there]
    if missing or not there:
        raise SpinnError(
            f"{group}: expected some of {', '.join(there) or 'none'}, got {', '.join(missing) or 'a file without any'}",
            file=samples.path,
        )
    return tuple(wanted) or there


def _check(samples: Samples, name: str, column: Column, axes: tuple[str, ...]) -> None:
    if not 1 <= len(axes) <= 4 or any(axis not in samples.axes or axis not in ("t", *axes) for axis in column.axes):
        raise SpinnError(
            f"{name}: expected a field on a grid of one to three axes and time, got one on "
            f"{', '.join(column.axes) or 'nothing'}; operators here know no meshes",
            file=samples.path,
        )


def _span(nodes: np.ndarray, wraps: bool) -> tuple[float, float]:
    low, high = float(nodes[0]), float(nodes[-1])
    return low, high + ((high - low) / (len(nodes) - 1) if wraps else 0.0)


def _output(samples: Samples, layout: Layout, row: int) -> np.ndarray:
    return np.stack([framed(samples.outputs[name], row, layout.last) for name in layout.outputs])


def framed(column: Column, row: int, last: bool) -> np.ndarray:
    """An output of one sample; its last frame if that is wanted."""
    values = column.read(row)
    return values[-1] if last and column.axes[:1] == ("t",) else values


def _vanishing(seen: np.ndarray, periodic: Sequence[bool]) -> tuple[tuple[bool, bool], ...]:
    """Ends where outputs (samples, fields, *grid) are exactly zero."""
    found = []
    for place, wraps in enumerate(periodic, 2):
        ends = [not np.any(np.take(seen, end, place)) and not wraps for end in (0, -1)]
        found.append((bool(ends[0]), bool(ends[1])))
    return tuple(found)
