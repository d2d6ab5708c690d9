"""How many modes the subdomains of a decomposed problem take: all of them as many, until the last ones are small."""

import math
from collections.abc import Collection

import numpy as np
from jaxtyping import Float

from spinn.networks.multidomain import MultiDomainNetwork, one_of
from spinn.spectrum import transferred

# Modes an axis of the first level, by number of axes; bounds of how many times more the next level has.
FIRST_CELL_MODES = {1: 16, 2: 8, 3: 5, 4: 4}
LEAST_MORE, MOST_MORE = 1.25, 2.5
# A residual of this share of the data's is small enough: what more modes would gain is less than what they cost.
ENOUGH_RESIDUAL = 1e-9
BELOW = 0.1  # growth aims at last modes that carry this share of what they may
LAST = 0.25  # the share of the modes of an axis that counts as its last ones


def first_cell_modes(axes: tuple[str, ...]) -> dict[str, int]:
    """Modes of the first level."""
    return dict.fromkeys(axes, FIRST_CELL_MODES.get(len(axes), 4))


def raw_cores(network: MultiDomainNetwork) -> Float[np.ndarray, "networks unknowns ..."]:
    """The cores in terms of polynomials or waves as they are, mixings multiplied out."""
    core = np.asarray(network.stacked.core, float)
    for place, mixing in enumerate(network.stacked.mixings, 2):
        if mixing is not None:
            rows = np.moveaxis(core, place, 1)
            flat = np.asarray(mixing, float) @ rows.reshape(*rows.shape[:2], -1)
            core = np.moveaxis(flat.reshape(rows.shape[0], -1, *rows.shape[2:]), 1, place)
    return core


def moved_cells(network: MultiDomainNetwork, wider: MultiDomainNetwork) -> Float[np.ndarray, "networks unknowns ..."]:
    """The cores with which the networks of `wider` represent the same fields."""
    taken = [[one_of(whole.stacked, k) for whole in (network, wider)] for k in range(network.decomposition.networks)]
    return np.stack([transferred(old, new) for old, new in taken])


def cell_tails(network: MultiDomainNetwork) -> dict[str, float]:
    """Relative root energy of the last quarter of the modes along each axis, over all subdomains."""
    core = raw_cores(network)
    whole = float(np.sum(core**2))
    found = {}
    for place, axis in enumerate(network.axes, 2):
        count = core.shape[place]
        last = np.take(core, range(count - max(int(LAST * count), 1), count), place)
        found[axis] = float(np.sqrt(np.sum(last**2) / whole)) if whole else 0.0
    return found


def more_modes(network: MultiDomainNetwork, short: Collection[str], tail: float) -> dict[str, int]:
    """Modes of every axis on the next level; on those that are short of them, as many as it takes until the last ones
    carry less than `tail` if the spectrum falls on as it does.
    """
    core = np.asarray(network.stacked.core, float)
    found = {}
    for place, axis in enumerate(network.axes, 2):
        count = core.shape[place]
        found[axis] = math.ceil(
            count * _growth(np.moveaxis(core, place, 0).reshape(count, -1), tail, len(network.axes))
        )
    return {axis: more if axis in short else core.shape[place] for place, (axis, more) in enumerate(found.items(), 2)}


def _growth(rows: Float[np.ndarray, "modes others"], tail: float, axes: int) -> float:
    """How many times more modes: the slope of the logarithm of what is beyond each mode, over the upper half, goes on.
    Most for one axis, where modes are cheap.
    """
    energy = np.sum(rows**2, 1)
    beyond = np.sqrt(np.cumsum(energy[::-1])[::-1] / max(float(np.sum(energy)), np.finfo(float).tiny))
    logs = np.log(np.maximum(beyond, np.finfo(float).eps))
    count, half = len(logs), len(logs) // 2
    slope = (logs[-1] - logs[half]) / max(count - 1 - half, 1)
    most = MOST_MORE if axes < 3 else LEAST_MORE * LEAST_MORE
    if slope >= 0.0:
        return most
    wanted = 1.0 + (math.log(BELOW * tail) - logs[-1]) / slope / count
    return min(max(wanted, LEAST_MORE), most)
