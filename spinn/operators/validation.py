"""How good an operator is: errors on samples that it has not seen, on their own grid and on others."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.data.formats.samples import opened
from spinn.operators.losses import relative_h1, relative_l2
from spinn.operators.streaming import Stream
from spinn.operators.surrogate import Surrogate
from spinn.output.dataset_figure import Column, columns_on, draw_rows

AT_ONCE = 2_000_000  # numbers of a field that are predicted together, at most
DRAWN = 4  # samples in the figure


@dataclasses.dataclass(frozen=True, eq=False)
class Errors:
    """Relative errors (samples,) on one grid."""

    l2: np.ndarray
    h1: np.ndarray
    shape: tuple[int, ...]

    @property
    def summary(self) -> dict[str, Any]:
        """Means, as they are printed, and the worst."""
        return {
            "samples": len(self.l2), "grid": list(self.shape), "relative_l2": float(self.l2.mean()),
            "relative_h1": float(self.h1.mean()), "worst_relative_l2": float(self.l2.max()),
        }  # fmt: skip


def predictor(surrogate: Surrogate, stream: Stream) -> Callable[[np.ndarray], np.ndarray]:
    """From inputs (samples, fields, *grid) of a stream's grid to outputs, a few at a time by one compiled program."""
    nodes = tuple(jnp.asarray(x, stream.dtype) for x in stream.nodes)
    width = max(1, AT_ONCE // (int(np.prod(stream.shape)) * 16))
    compiled = eqx.filter_jit(lambda one, inputs: one(inputs, nodes))

    def predicted(inputs: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(inputs), width):
            part = inputs[start : start + width]
            short = min(width, len(inputs)) - len(part)
            whole = np.concatenate([part, np.repeat(part[-1:], short, 0)]) if short else part
            parts.append(np.asarray(compiled(surrogate, whole))[: len(part)])
        return np.concatenate(parts)

    return predicted


def errors_on(surrogate: Surrogate, stream: Stream, rows: Sequence[int] | np.ndarray) -> Errors | None:
    """Errors on some samples of a file; None where it holds no outputs."""
    predict, found = predictor(surrogate, stream), []
    nodes = tuple(jnp.asarray(x, stream.dtype) for x in stream.nodes)
    measured = jax.jit(lambda a, b: (relative_l2(a, b), relative_h1(a, b, nodes)))
    width = max(1, AT_ONCE // int(np.prod(stream.shape)))
    for start in range(0, len(rows), width):
        batch = stream.batch(rows[start : start + width])
        if not batch.outputs.shape[1]:
            return None
        found.append(measured(predict(batch.inputs), batch.outputs))
    l2, h1 = (np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*found, strict=True))
    return Errors(l2, h1, stream.shape)


def finer(surrogate: Surrogate, files: Sequence[Path], memory: float, dtype: str) -> dict[str, dict[str, Any]]:
    """Errors on all samples of other files, whatever their grids, by name of the file."""
    found = {}
    for file in files:
        with opened(file) as samples:
            stream = Stream(samples, surrogate.layout, memory=memory, dtype=dtype)
            errors = errors_on(surrogate, stream, range(len(samples)))
            if errors is not None:
                found[file.name] = errors.summary
    return found


def draw_predictions(surrogate: Surrogate, stream: Stream, rows: Sequence[int] | np.ndarray, path: Path) -> Path:
    """A row a sample: inputs, truth, prediction, error; as PNG."""
    batch = stream.batch(rows[:DRAWN])
    found, layout = predictor(surrogate, stream)(batch.inputs), stream.layout
    nodes = zip(layout.axes, stream.nodes, layout.spans, strict=True)
    axes = {name: low + (high - low) * x for name, x, (low, high) in nodes}
    fields: list[dict[str, np.ndarray]] = [{} for _ in found]
    columns: list[Column] = []
    for place, name in enumerate(layout.inputs):
        if np.ptp(batch.inputs[:, place].reshape(len(found), -1), axis=1).any():
            columns += columns_on(name, axes)
            for sample, values in zip(fields, batch.inputs, strict=True):
                sample[name] = values[place]
    for place, name in enumerate(layout.outputs):
        parts = {f"{name} true": batch.outputs, f"{name} predicted": found, f"{name} error": found - batch.outputs}
        for title, values in parts.items():
            columns += columns_on(title, axes)
            for number, sample in enumerate(fields):
                sample[title] = values[number, place]
    errors = np.asarray(relative_l2(jnp.asarray(found), jnp.asarray(batch.outputs)))
    labels = [f"row {row}\n{100 * error:.2f} %" for row, error in zip(rows, errors, strict=False)]
    return draw_rows(path, f"held-out samples, relative L2 error on {len(axes)} axes", columns, fields, labels)
