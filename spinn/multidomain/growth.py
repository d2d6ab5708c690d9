"""The spectra of a decomposed problem, read as those of one network: all subdomains have as many modes."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from spinn.networks.multidomain import MultiDomainNetwork, one_of
from spinn.networks.separable import SeparableNetwork
from spinn.spectrum import transferred

# Modes an axis of the first level, by number of axes.
FIRST_CELL_MODES = {1: 16, 2: 8, 3: 5, 4: 4}
# A residual of this share of the data's is small enough: what more modes would gain is less than what they cost.
ENOUGH_RESIDUAL = 1e-9


def first_cell_modes(axes: tuple[str, ...]) -> dict[str, int]:
    """Modes of the first level."""
    return dict.fromkeys(axes, FIRST_CELL_MODES.get(len(axes), 4))


def as_unknowns(network: MultiDomainNetwork) -> SeparableNetwork:
    """The fields of all subdomains as unknowns of one network, in polynomials or waves as they are: cells stretched to
    one box, for their spectra.
    """
    core = np.asarray(network.stacked.core, float)
    for place, mixing in enumerate(network.stacked.mixings, 2):
        if mixing is not None:
            rows = np.moveaxis(core, place, 1)
            flat = np.asarray(mixing, float) @ rows.reshape(*rows.shape[:2], -1)
            core = np.moveaxis(flat.reshape(rows.shape[0], -1, *rows.shape[2:]), 1, place)
    first = network.of_cell(0)
    return eqx.tree_at(
        lambda n: (n.core, n.mixings), first,
        (jnp.asarray(core.reshape(-1, *core.shape[2:])), (None,) * len(first.axes)), is_leaf=lambda leaf: leaf is None,
    )  # fmt: skip


def moved_cells(network: MultiDomainNetwork, wider: MultiDomainNetwork) -> Float[np.ndarray, "networks unknowns ..."]:
    """The cores with which the networks of `wider` represent the same fields."""
    taken = [[one_of(whole.stacked, k) for whole in (network, wider)] for k in range(network.decomposition.networks)]
    return np.stack([transferred(old, new) for old, new in taken])
