"""How many modes an axis needs: read off the data before training, and off the solution after it.

Nothing here looks at an exact solution: the spectra are those of the source, of the initial and boundary data, and of
the trained core itself.
"""

import math
from collections.abc import Mapping

import numpy as np

from spinn.networks.bodies import Fourier
from spinn.networks.separable import SeparableNetwork

DATA_TAIL = 1e-10  # relative size of the data beyond the first modes
PROBE_POINTS = {1: 512, 2: 128, 3: 64, 4: 20}
MAX_FIRST_UNKNOWNS = 40_000


def mode_energies(block: np.ndarray, axis: int, periodic: bool) -> np.ndarray:
    """Energy of each mode of a block along one of its axes; other axes are summed over.

    `block` holds samples times the roots of the weights (of Gauss-Legendre points, or equispaced ones where periodic).
    """
    rows = np.moveaxis(block, axis, 0).reshape(block.shape[axis], -1)
    count = rows.shape[0]
    if periodic:
        power = np.sum(np.abs(np.fft.rfft(rows, axis=0)) ** 2, 1)
        return power[: (count + 1) // 2]
    points, weights = np.polynomial.legendre.leggauss(count)
    table = np.polynomial.legendre.legvander(points, count - 1) * np.sqrt(2.0 * np.arange(count) + 1.0)
    coefficients = (table * np.sqrt(weights / 2.0)[:, None]).T @ rows
    return np.sum(coefficients**2, 1)


def needed_modes(energies: np.ndarray, tail: float = DATA_TAIL) -> int:
    """The smallest number of modes beyond which the relative root energy falls below `tail`."""
    total = float(np.sum(energies))
    if total == 0.0:
        return 0
    beyond = np.sqrt(np.cumsum(energies[::-1])[::-1] / total)
    small = np.nonzero(beyond < tail)[0]
    return int(small[0]) if small.size else len(energies)


def data_modes(
    blocks: Mapping[str, np.ndarray], axes: tuple[str, ...], periodic: frozenset[str], least: Mapping[str, int]
) -> dict[str, int]:
    """Modes an axis that resolve every block of the zero field, at least `least`."""
    result = dict(least)
    for block in blocks.values():
        for index, axis in enumerate(axes):
            if block.shape[index] > 1:
                found = needed_modes(mode_energies(block, index, axis in periodic))
                result[axis] = max(result[axis], found)
    return result


def limited(modes: Mapping[str, int], periodic: frozenset[str], unknowns: int, limit: int) -> dict[str, int]:
    """The same proportions with at most `limit` coefficients in all."""

    def size(scale: float) -> int:
        widths = [2 * round(n * scale) + 1 if axis in periodic else round(n * scale) for axis, n in modes.items()]
        return unknowns * math.prod(widths)

    scale = 1.0
    while size(scale) > limit:
        scale *= 0.95
    return {axis: max(round(n * scale), 2) for axis, n in modes.items()}


def raw_core(network: SeparableNetwork) -> np.ndarray:
    """The core in terms of the features as they are, mixings multiplied out: (unknowns, features, features, ...)."""
    core = np.asarray(network.whole_core, float)
    for index, mixing in enumerate(network.mixings):
        if mixing is not None:
            core = np.moveaxis(np.tensordot(core, np.asarray(mixing, float), ((index + 1,), (1,))), -1, index + 1)
    return core


def tails(network: SeparableNetwork) -> dict[str, float]:
    """Relative root energy of the last quarter of the modes along each axis: large where an axis is not resolved."""
    core = raw_core(network)
    total = float(np.sum(core**2))
    result = {}
    for index, (axis, features) in enumerate(zip(network.axes, network.features, strict=True)):
        others = tuple(i for i in range(core.ndim) if i != index + 1)
        energy = np.sum(core**2, others)
        if isinstance(features.body, Fourier):
            modes = features.body.modes
            energy = np.concatenate([energy[:1], energy[1 : modes + 1] + energy[modes + 1 :]])
        last = max(len(energy) // 4, 1)
        result[axis] = math.sqrt(float(np.sum(energy[-last:])) / total) if total else 0.0
    return result


def transferred(old: SeparableNetwork, new: SeparableNetwork) -> np.ndarray:
    """The free core with which `new` represents the same field as `old`; `new` has at least its modes, and its lift."""
    core = raw_core(old)
    for index, (before, after, mixing) in enumerate(zip(old.features, new.features, new.mixings, strict=True)):
        widened = np.zeros((*core.shape[: index + 1], after.body.width, *core.shape[index + 2 :]))
        target = np.moveaxis(widened, index + 1, 0)
        target[_positions(before.body, after.body)] = np.moveaxis(core, index + 1, 0)
        core = widened
        if mixing is not None:
            inverse = np.linalg.pinv(np.asarray(mixing, float), rcond=1e-13)
            core = np.moveaxis(np.tensordot(core, inverse, ((index + 1,), (1,))), -1, index + 1)
    if new.lift is not None:
        core = core - np.asarray(new.lift, float)
    assert new.core is not None
    return core[tuple(slice(length) for length in new.core.shape)]


def _positions(before: object, after: object) -> np.ndarray:
    """Where the features of a smaller basis stand in a larger one."""
    if isinstance(before, Fourier) and isinstance(after, Fourier):
        k = np.arange(1, before.modes + 1)
        return np.concatenate([[0], k, after.modes + k])
    return np.arange(before.width)  # type: ignore[attr-defined]
