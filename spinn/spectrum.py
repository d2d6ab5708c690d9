"""How many modes an axis needs: read off the data before training, and off the solution after it.

Nothing here looks at an exact solution: the spectra are those of the source, of the initial and boundary data, and of
the trained core itself.
"""

import math
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.networks.bodies import Body, Fourier
from spinn.networks.elements import Elements, bisected, element_tails
from spinn.networks.factorisations import pinv
from spinn.networks.mapped import Mapped, unmapped
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import axis_rows
from spinn.networks.taylor import variable
from spinn.sampling.rules import broken_rule, gauss
from spinn.sampling.rules import periodic as equispaced

DATA_TAIL = 1e-10  # relative size of the data beyond the first modes
PROBE_POINTS = {1: 512, 2: 128, 3: 64, 4: 20}
MAX_FIRST_UNKNOWNS = 40_000
ELEMENT_DEGREE = 15  # of the polynomials on each element of an axis that is cut
# How many elements an axis is cut into: every count has programs of its own, which take longer than the elements.
ELEMENT_RUNGS = (4, 6, 8, 12, 16, 24, 32, 40)


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
    blocks: Mapping[str, np.ndarray],
    axes: tuple[str, ...],
    periodic: frozenset[str],
    least: Mapping[str, int],
    tail: float = DATA_TAIL,
) -> dict[str, int]:
    """Modes an axis that resolve every block of the zero field up to `tail`, at least `least`."""
    result = dict(least)
    for block in blocks.values():
        for index, axis in enumerate(axes):
            if block.shape[index] > 1:
                found = needed_modes(mode_energies(block, index, axis in periodic), tail)
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


def tails(network: SeparableNetwork) -> dict[str, float]:
    """Relative root energy of the last quarter of the modes along each axis: large where an axis is not resolved.

    Of an axis cut into elements: of the worst one's.
    """
    result = {}
    for axis, (energy, total) in _axis_energies(network).items():
        last = np.max(_last(_body(network, axis), energy))
        result[axis] = math.sqrt(float(last) / total) if total else 0.0
    return result


def mode_weights(network: SeparableNetwork) -> dict[str, np.ndarray]:
    """The energy of the core in each mode of every axis: sine and cosine of a frequency together, and the polynomials
    of one degree on all elements.
    """
    result = {}
    for axis, (energy, _) in _axis_energies(network).items():
        body = _body(network, axis)
        if isinstance(body, Elements):
            energy = np.sum((energy * _lengths(body)).reshape(-1, body.degree + 1), 0)
        result[axis] = _by_frequency(body, energy)
    return result


def _axis_energies(network: SeparableNetwork) -> dict[str, tuple[np.ndarray, float]]:
    """The energy density of every feature of an axis, and that of the whole field."""
    lengths = [_lengths(features.body) for features in network.features]
    mixings = [
        np.sqrt(length)[:, None] * (np.eye(len(length)) if mixing is None else np.asarray(mixing, float))
        for length, mixing in zip(lengths, network.mixings, strict=True)
    ]
    found = {}
    for index, (axis, length) in enumerate(zip(network.axes, lengths, strict=True)):
        energy = _feature_energy(network, mixings, index)
        found[axis] = (energy / length, float(np.sum(energy)))
    return found


def _feature_energy(network: SeparableNetwork, mixings: Sequence[np.ndarray], index: int) -> np.ndarray:
    """The energy of the core in each feature of an axis. The other axes enter by triangles of their mixings, so that a
    core over few combinations of many features is not multiplied out.
    """
    core = np.asarray(network.whole_core, float)
    for place, mixing in enumerate(mixings):
        if place != index and mixing.shape[0] >= mixing.shape[1]:
            mixing = np.linalg.qr(mixing)[1]
        core = np.moveaxis(np.tensordot(mixing, core, ((1,), (place + 1,))), 0, place + 1)
    return np.sum(core**2, tuple(i for i in range(core.ndim) if i != index + 1))


def _body(network: SeparableNetwork, axis: str) -> Body:
    return network.features[network.axes.index(axis)].body


def extrapolated_modes(network: SeparableNetwork, axis: str, tail: float) -> float:
    """Modes along a global axis beyond which less than `tail` of the solution lies, if its spectrum goes on falling as
    it does over the second half; infinite where it does not fall. Counted like the modes of the body.
    """
    index = network.axes.index(axis)
    body = unmapped(network.features[index].body)
    mixings = [
        np.eye(one.body.width) if mixing is None else np.asarray(mixing, float)
        for one, mixing in zip(network.features, network.mixings, strict=True)
    ]
    energy = _by_frequency(body, _feature_energy(network, mixings, index))
    count, total = len(energy), float(np.sum(energy))
    if total == 0.0 or count < 8:
        return math.inf
    beyond = 0.5 * np.log(np.maximum(np.cumsum(energy[::-1])[::-1] / total, 1e-40))
    places = np.arange(count // 2, count - count // 8)
    slope = float(np.polyfit(places, beyond[places], 1)[0])
    last = count - max(count // 4, 1)  # the last quarter is what `tails` looks at
    return math.inf if slope >= 0.0 else (last + (math.log(tail) - float(beyond[last])) / slope) * 4.0 / 3.0


def tail_share(energy: np.ndarray, body: Body) -> float:
    """Relative root energy of the last quarter of the modes, from the energy of each feature of a body."""
    total = float(np.sum(energy))
    return math.sqrt(float(np.max(_last(body, energy))) / total) if total else 0.0


def _lengths(body: Body) -> np.ndarray:
    """Share of the axis that each feature lives on."""
    if not isinstance(body, Elements):
        return np.ones(body.width)
    return np.repeat(np.diff(np.asarray(body.breaks, float)) / 2.0, body.degree + 1)


def _last(body: Body, energy: np.ndarray) -> np.ndarray:
    """Energy of the last quarter of the modes (of each element)."""
    if isinstance(body, Elements):
        return element_tails(energy, body.breaks.shape[0] - 1)
    energy = _by_frequency(body, energy)
    return np.sum(energy[-max(len(energy) // 4, 1) :], keepdims=True)


def _by_frequency(body: Body, energy: np.ndarray) -> np.ndarray:
    """Sine and cosine of a frequency together."""
    body = unmapped(body)
    if not isinstance(body, Fourier):
        return energy
    return np.concatenate([energy[:1], energy[1 : body.modes + 1] + energy[body.modes + 1 :]])


def refined_breaks(network: SeparableNetwork, axis: str, tail: float, most: int) -> tuple[float, ...]:
    """Breaks for an axis whose solution is `network`: elements are cut in halves, the worst first, until the last
    polynomials of each carry less than `tail` of the solution, or there are `most` of them; and on up to a count of
    `ELEMENT_RUNGS`.

    A global basis is projected onto elements first, as far as it is good itself: what its last modes carry is noise.
    """
    index = network.axes.index(axis)
    body, (low, high) = network.features[index].body, (network.features[index].low, network.features[index].high)
    core = np.moveaxis(np.asarray(network.whole_core, float), index + 1, 0)
    # The norm over the other axes, in few columns.
    rest: np.ndarray = np.linalg.qr(core.reshape(core.shape[0], -1).T)[1]
    if isinstance(body, Elements):
        breaks = tuple(float(b) for b in body.breaks)
    else:
        breaks, tail = tuple(np.linspace(-1.0, 1.0, 5)), max(tail, tails(network)[axis])
    while True:
        elements = Elements(breaks, ELEMENT_DEGREE)
        unit, weights = gauss_rule(elements, breaks)
        points = jnp.asarray(float(low) + (float(high) - float(low)) * unit)
        functions = np.sqrt(weights)[:, None] * (axis_values(network, axis, points) @ rest.T)
        table = np.asarray(elements(variable(2.0 * jnp.asarray(unit) - 1.0, 0)).coefficients[0], float)
        root = np.sqrt(weights)[:, None] * table
        coefficients = np.linalg.solve(root.T @ root, root.T @ functions)  # orthogonal between elements
        energy = element_tails(np.sum(coefficients**2, 1), len(breaks) - 1)
        found = np.sqrt(energy / np.sum(functions**2))
        marked = found > max(tail, 0.02 * float(np.max(found)))
        count, cut = len(breaks) - 1, isinstance(body, Elements)
        if cut and not np.any(marked):
            return breaks
        if cut or not np.any(marked):  # nothing is known inside an element: the next solution tells
            return bisected(breaks, worst(found, rung(count + int(np.sum(marked)), ELEMENT_RUNGS, most) - count))
        if count + np.sum(marked) >= most:
            return bisected(breaks, worst(found, most - count))
        breaks = bisected(breaks, marked)


def rung(count: int, rungs: Sequence[int], most: int) -> int:
    """The least of a few numbers that is no less than `count`, at most `most`: sizes that recur share programs."""
    return min(next((one for one in rungs if one >= count), count), most)


def worst(found: np.ndarray, count: int) -> np.ndarray:
    """Which elements are the worst ones, at most all of them."""
    marked = np.zeros(len(found), bool)
    marked[np.argsort(-found, kind="stable")[: max(count, 0)]] = True
    return marked


def gauss_rule(body: Body, breaks: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Points in [0, 1] and weights that integrate products of the features and more."""
    if isinstance(body, Mapped):
        return body.rule(*(equispaced(2 * body.width + 16) if body.periodic else gauss(2 * body.width + 16)))
    return gauss(2 * body.width + 16) if breaks is None else broken_rule(breaks, body.width + 9 * (len(breaks) - 1))


def transferred(old: SeparableNetwork, new: SeparableNetwork) -> np.ndarray:
    """The free core with which `new` represents the same field as `old`, by projection; `new` has its lift already."""
    core = np.asarray(old.whole_core, float)
    for index, axis in enumerate(new.axes):
        features = new.features[index]
        body = features.body
        unit, weights = gauss_rule(body, tuple(map(float, body.breaks)) if isinstance(body, Elements) else None)
        points = jnp.asarray(float(features.low) + (float(features.high) - float(features.low)) * unit)
        root = np.sqrt(weights)[:, None]
        matrix = pinv(root * axis_values(new, axis, points), 1e-13) @ (root * axis_values(old, axis, points))
        core = np.moveaxis(np.tensordot(matrix, core, ((1,), (index + 1,))), 0, index + 1)
    if new.lift is not None:
        core = core - np.asarray(new.lift, float)
    assert new.core is not None
    for place, space in enumerate(new.spaces or (), 1):
        if space is not None:
            inverse = np.linalg.pinv(np.asarray(space, float))
            core = np.moveaxis(np.einsum("ucf,uf...->uc...", inverse, np.moveaxis(core, place, 1)), 1, place)
    return core[tuple(slice(length) for length in new.core.shape)]


def axis_values(network: SeparableNetwork, axis: str, points: Array) -> np.ndarray:
    """The functions of an axis of a Tucker head at points: (points, functions)."""
    place = network.axes.index(axis)
    rows = axis_rows(network.features[place], network.mixings[place], points, 0, network.biases[place])
    return np.asarray(rows[0, :, 0], float)


def change_of_features(before: object, after: object, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The matrix that takes coefficients of combinations `old` of the features of a body to those of combinations
    `new` of a larger one: (new combinations, old combinations).
    """
    widened = np.zeros((new.shape[0], old.shape[1]))
    widened[_positions(before, after)] = old
    return pinv(new, 1e-13) @ widened


def _positions(before: object, after: object) -> np.ndarray:
    """Where the features of a smaller basis stand in a larger one."""
    if isinstance(before, Fourier) and isinstance(after, Fourier):
        k = np.arange(1, before.modes + 1)
        return np.concatenate([[0], k, after.modes + k])
    return np.arange(before.width)  # type: ignore[attr-defined]
