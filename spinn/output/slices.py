"""Which planes of a solution on many axes to draw, and which times."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from spinn.output.grid import Arrays


@dataclasses.dataclass(frozen=True)
class Slice:
    """A plane through a grid: two axes vary, all others are held at an index. `index` fits an array of the grid."""

    horizontal: str
    vertical: str
    index: tuple[int | slice, ...]
    title: str

    def of(self, values: np.ndarray) -> np.ndarray:
        """The plane of an array, (horizontal, vertical)."""
        return values[self.index]


def plane(axes: Arrays, pair: tuple[str, str], fixed: dict[str, int], named: Sequence[str]) -> Slice:
    """The plane that `pair` spans (in the order of `axes`), others held at `fixed`; the title tells those `named`."""
    index = tuple(slice(None) if name in pair else fixed[name] for name in axes)
    title = ", ".join(f"${name}$ = {axes[name][fixed[name]]:.3g}" for name in named if name in fixed)
    return Slice(*pair, index, title)


def times(axis: np.ndarray, count: int = 4) -> list[int]:
    """Indices of up to `count` times, evenly spread in time, first and last among them, none twice."""
    wanted = np.linspace(axis[0], axis[-1], min(count, len(axis)))
    return sorted({int(np.argmin(np.abs(axis - value))) for value in wanted})


def telling_index(values: np.ndarray, dimension: int) -> int:
    """The index along a dimension, nearest its middle, at which the field shows at least 0.7 of its greatest strength.

    The middle plane itself is often one where a symmetric flow vanishes, and would show nothing.
    """
    others = tuple(i for i in range(values.ndim) if i != dimension)
    with np.errstate(over="ignore", invalid="ignore"):
        strength = np.sqrt(np.mean(np.square(values, dtype=np.float64), axis=others))
    middle = (len(strength) - 1) / 2
    if not np.all(np.isfinite(strength)):
        return int(middle)
    strong = np.flatnonzero(strength >= 0.7 * strength.max())
    return int(min(strong, key=lambda i: (abs(i - middle), i)))
