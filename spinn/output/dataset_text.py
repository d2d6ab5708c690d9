"""What a dataset holds, in a few lines of text."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from spinn.data.formats import Dataset
from spinn.output.formatting import count, scientific

_WIDTH = 100


def summary_lines(dataset: Dataset) -> str:
    """Family, samples, fields with shapes and ranges, axes, solver, residuals, failures and versions.

    Ranges are those of all samples: the whole file is read, one sample at a time.
    """
    facts = dataset.attributes
    pairs = [
        ("family", str(facts["family"])),
        ("samples", _samples(dataset, facts)),
        ("seed", str(facts["seed"])),
        *((group[:-1], line) for group in ("inputs", "outputs") for line in _fields(dataset, group)),
        *(("axis", _axis(name, nodes)) for name, nodes in dataset.axes.items()),
        ("solver", _solver(dataset, facts)),
        ("tolerance", f"{facts['tolerance']:g}"),
        ("residual", _residual(dataset)),
        *(("failure", f"sample {index}: {why}") for index, why in facts["failures"].items()),
        *(("versions", line) for line in textwrap.wrap(_versions(facts), _WIDTH)),
    ]
    width = max(len(name) for name, _ in pairs) + 2
    shown, lines = "", []
    for name, text in pairs:
        lines.append(f"{'' if name == shown else name:{width}}{text}")
        shown = name
    return "\n".join(lines)


def _versions(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in facts.get("versions", {}).items()) or "not recorded"


def _samples(dataset: Dataset, facts: Mapping[str, Any]) -> str:
    failed = len(facts["failures"])
    return count(len(dataset)) + (f", {count(failed)} failed" if failed else ", none failed")


def _fields(dataset: Dataset, group: str) -> Iterator[str]:
    """`u(t, x)  3 x 5 x 64  float64  -0.57 to 2.4`: samples come first in the shape."""
    for name in getattr(dataset, group):
        field = dataset.fields[name]
        labels = [dim.label for dim in field.dims][1:]
        low, high = value_range(field)
        head = f"{name}({', '.join(labels)})" if labels else name
        yield f"{head}  {' x '.join(map(str, field.shape))}  {field.dtype}  {low:.4g} to {high:.4g}"


def value_range(field: h5py.Dataset) -> tuple[float, float]:
    """Smallest and largest value of all samples; what is not a number does not count."""
    low, high = np.inf, -np.inf
    for place in range(len(field)):
        values = np.asarray(field[place], dtype=float)
        low = min(low, float(np.nanmin(values, initial=np.inf)))
        high = max(high, float(np.nanmax(values, initial=-np.inf)))
    return low, high


def _axis(name: str, nodes: np.ndarray) -> str:
    return f"{name}  {len(nodes)} values, {nodes.min():.4g} to {nodes.max():.4g}"


def _solver(dataset: Dataset, facts: Mapping[str, Any]) -> str:
    """The solver, which methods solved how many samples where there were several, and what they took."""
    samples = dataset.file["samples"]
    steps, used = samples["iterations"][:], samples["method"][:]
    names = [str(name) for name in facts["methods"]]
    text = str(facts["solver"])
    if names != [text]:
        shares = [f"{name} {count(int(np.sum(used == place)))}" for place, name in enumerate(names)]
        text += f" ({', '.join(shares)})"
    taken = f", iterations median {np.median(steps):g}, at most {steps.max()}" if steps.any() else ""
    return text + taken


def _residual(dataset: Dataset) -> str:
    residuals, index = dataset.file["samples/residual"][:], dataset.file["samples/index"][:]
    worst = int(np.argmax(residuals))
    return f"median {scientific(np.median(residuals))}, at most {scientific(residuals[worst])} (sample {index[worst]})"
