"""Piecewise polynomials along one axis: for layers that a global basis resolves only with a great many modes.

The features are Legendre polynomials on each element by itself. They become smooth by their mixing: combinations whose
jumps vanish at the breaks, up to one order below the highest derivative in use (see `traced_combinations`).
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.networks.bodies import Body, legendre
from spinn.networks.taylor import Taylor


class Elements(Body):
    """Legendre polynomials of degrees up to `degree` on each interval between `breaks` (in [-1, 1], ends included)."""

    breaks: Float[Array, " elements+1"]
    degree: int = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def __init__(self, breaks: Sequence[float], degree: int):
        self.breaks, self.degree = jnp.asarray(breaks), degree
        self.width = (len(breaks) - 1) * (degree + 1)

    def __call__(self, z: Taylor) -> Taylor:
        point = z.coefficients[0, :, 0]
        last = self.breaks.shape[0] - 2
        owner = jnp.clip(jnp.searchsorted(self.breaks, point, side="right") - 1, 0, last)
        low, high = self.breaks[owner], self.breaks[owner + 1]
        scale = 2.0 / (high - low)
        local = z.coefficients * scale[None, :, None]
        local = local.at[0, :, 0].set((point - low) * scale - 1.0)
        values = legendre(Taylor(local), self.degree + 1) * jnp.sqrt(2.0 * jnp.arange(self.degree + 1) + 1.0)
        mine = (owner[:, None] == jnp.arange(last + 1)).astype(values.dtype)
        spread = values[:, :, None, :] * mine[None, :, :, None]
        return Taylor(spread.reshape(*values.shape[:2], self.width))


def jumps(
    breaks: Sequence[float], degree: int, orders: int, periodic: bool
) -> Float[np.ndarray, "conditions features"]:
    """Functionals of the features: jumps of the derivatives of order 0 ... orders - 1 at inner breaks (in the scaled
    coordinate), and between both ends where the axis is `periodic`.
    """
    count, width = len(breaks) - 1, degree + 1
    ends = np.stack([_one_sided(width, orders, side) for side in (-1.0, 1.0)])
    rows = []
    for left in range(count if periodic else count - 1):
        right = (left + 1) % count
        for order in range(orders):
            row = np.zeros((count, width))
            row[left] += ends[1, order] * (2.0 / (breaks[left + 1] - breaks[left])) ** order
            row[right] -= ends[0, order] * (2.0 / (breaks[right + 1] - breaks[right])) ** order
            rows.append(row.reshape(-1))
    return np.stack(rows) if rows else np.zeros((0, count * width))


def _one_sided(width: int, orders: int, side: float) -> Float[np.ndarray, "orders features"]:
    """Derivatives of the normalised Legendre polynomials at one end of [-1, 1]."""
    table = np.diag(np.sqrt(2.0 * np.arange(width) + 1.0))
    derivatives = [np.polynomial.legendre.legval(side, np.polynomial.legendre.legder(table, m)) for m in range(orders)]
    return np.stack(derivatives) if derivatives else np.zeros((0, width))


def element_tails(energy: Float[np.ndarray, " features"], elements: int) -> Float[np.ndarray, " elements"]:
    """Energy of the last quarter of the polynomials of each element (energies of all features of the axis given)."""
    table = energy.reshape(elements, -1)
    last = max(table.shape[1] // 4, 1)
    return np.sum(table[:, -last:], 1)


def bisected(breaks: Sequence[float], marked: np.ndarray) -> tuple[float, ...]:
    """The marked elements cut in halves."""
    result = [float(breaks[0])]
    for low, high, cut in zip(breaks[:-1], breaks[1:], marked, strict=True):
        result += [0.5 * (float(low) + float(high))] if cut else []
        result.append(float(high))
    return tuple(result)
