"""Samples of the MATLAB files of the FNO paper (Li et al., ICLR 2021): `coeff` and `sol`, or `a`, `u` and `t`.

Darcy: coeff and sol (samples, n, n), nodes at both ends. Burgers: a and u (samples, n) on a circle, u at the end of
time. Navier-Stokes: a (samples, n, n) and u (samples, n, n, times) on a torus. MATLAB 7.3 files are HDF5 with the axes
reversed and are read sample by sample; older ones are loaded.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import scipy.io

from spinn.data.formats.samples import Column, Samples
from spinn.errors import SpinnError


class Stored(NamedTuple):
    """A variable: shape in MATLAB's order of axes, and one sample, whose number is the first of them."""

    shape: tuple[int, ...]
    read: Callable[[int], np.ndarray]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Samples]:
    """The samples.

    **Raises:** SpinnError where the file is no such one.
    """
    if not path.exists():
        raise SpinnError("there is no such file", file=path)
    with contextlib.ExitStack() as stack:
        if h5py.is_hdf5(path):
            file = stack.enter_context(h5py.File(path, "r"))
            found = {name: _reversed(file[name]) for name in file if isinstance(file[name], h5py.Dataset)}
        else:
            found = {name: _whole(values) for name, values in _loaded(path).items()}
        yield _samples(path, found)


def _loaded(path: Path) -> dict[str, np.ndarray]:
    try:
        found: dict[str, Any] = scipy.io.loadmat(path)
    except (ValueError, TypeError, OSError, NotImplementedError) as error:
        raise SpinnError(f"not a readable MATLAB file ({error})", file=path) from None
    return {name: values for name, values in found.items() if not name.startswith("__")}


def _reversed(data: h5py.Dataset) -> Stored:
    return Stored(data.shape[::-1], lambda place: np.asarray(data[..., place]).T)


def _whole(values: np.ndarray) -> Stored:
    return Stored(values.shape, lambda place: np.asarray(values[place]))


def _samples(path: Path, found: dict[str, Stored]) -> Samples:
    if {"coeff", "sol"} <= set(found):
        names = tuple("xyz"[: len(found["coeff"].shape) - 1])
        axes = {name: np.linspace(0, 1, n) for name, n in zip(names, found["coeff"].shape[1:], strict=True)}
        columns = {name: Column(found[name].read, found[name].shape[1:], names) for name in ("coeff", "sol")}
        inputs, outputs = {"coeff": columns["coeff"]}, {"sol": columns["sol"]}
        count = found["coeff"].shape[0]
        return Samples(path, "matlab", count, inputs, outputs, axes, index=np.arange(count))
    if not {"a", "u"} <= set(found):
        raise SpinnError(f"expected variables coeff and sol, or a and u; got {', '.join(found) or 'none'}", file=path)
    return _evolving(path, found)


def _evolving(path: Path, found: dict[str, Stored]) -> Samples:
    """a at the start, u at the end or at several times, on a circle or torus."""
    start, states = found["a"], found["u"]
    names = tuple("xyz"[: len(start.shape) - 1])
    axes = {name: np.arange(n) / n for name, n in zip(names, start.shape[1:], strict=True)}
    output = Column(states.read, states.shape[1:], names)
    if len(states.shape) > len(start.shape):
        frames = states.shape[-1]
        times = np.ravel(_all(found["t"])) if "t" in found else np.empty(0)
        axes = {"t": times if len(times) == frames else np.arange(1.0, frames + 1), **axes}
        output = Column(lambda i: np.moveaxis(states.read(i), -1, 0), (frames, *states.shape[1:-1]), ("t", *names))
    inputs = {"a": Column(start.read, start.shape[1:], names)}
    count = start.shape[0]
    return Samples(path, "matlab", count, inputs, {"u": output}, axes, frozenset(names), np.arange(count))


def _all(stored: Stored) -> np.ndarray:
    return np.concatenate([np.ravel(stored.read(place)) for place in range(stored.shape[0])])
