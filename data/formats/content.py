"""What a native file holds, sorted into what other layouts know: numbers, fields on a grid of space, and time."""

import dataclasses

import numpy as np

from spinn.data.formats.native import Dataset
from spinn.errors import SpinnError


@dataclasses.dataclass(frozen=True)
class Content:
    """Names of fields by kind, and the axes. Inputs on the grid have shape (samples, *shape)."""

    samples: int
    numbers: tuple[str, ...]  # inputs of one number a sample
    inputs: tuple[str, ...]  # inputs on the grid of space
    outputs: tuple[str, ...]  # (samples, *shape), or (samples, frames, *shape) where they evolve
    times: np.ndarray | None  # (frames,), None where nothing evolves
    space: dict[str, np.ndarray]  # coordinates of the nodes by axis, in the order of the fields' dimensions

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes an axis."""
        return tuple(len(nodes) for nodes in self.space.values())

    @property
    def said(self) -> str:
        """For messages: `inputs a (17, 17), outputs u (21, 17, 17)`."""
        frames = () if self.times is None else (len(self.times),)
        inputs = [f"{name} ()" for name in self.numbers] + [f"{name} {self.shape}" for name in self.inputs]
        outputs = [f"{name} {(*frames, *self.shape)}" for name in self.outputs]
        return f"inputs {', '.join(inputs) or 'none'}; outputs {', '.join(outputs)}"


def content_of(data: Dataset, layout: str) -> Content:
    """Sort the fields of a file.

    **Raises:** SpinnError for fields on a mesh, which `layout` and its like have no place for.
    """
    labels = {name: [dim.label for dim in field.dims][1:] for name, field in data.fields.items()}
    axes = data.axes
    for name, found in labels.items():
        if any(label not in axes for label in found):
            raise SpinnError(
                f"the layout {layout} holds fields on a grid with an axis for each dimension; {name} has one value a "
                f"node of a mesh, shape {data.fields[name].shape[1:]}; keep this dataset in the native layout",
                file=data.path,
            )
    first = labels[data.outputs[0]]
    return Content(
        samples=len(data),
        numbers=tuple(name for name in data.inputs if not labels[name]),
        inputs=tuple(name for name in data.inputs if labels[name]),
        outputs=data.outputs,
        times=axes["t"] if "t" in first else None,
        space={axis: axes[axis] for axis in first if axis != "t"},
    )
