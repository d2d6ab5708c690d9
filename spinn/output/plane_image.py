"""One plane of a grid as an image: every value where its point lies, linear in between."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from spinn.output.colours import Scale
from spinn.output.grid import Arrays, is_uniform
from spinn.output.slices import Slice


def draw_image(axis: Axes, axes: Arrays, part: Slice, values: np.ndarray, scale: Scale) -> AxesImage:
    """Draw the plane `part` of `values` into `axis`; space to scale unless it is far longer than wide."""
    across, up = axes[part.horizontal], axes[part.vertical]
    plane, across, up = _even(part.of(values), across, up)
    (left, right), (bottom, top) = _ends(across), _ends(up)
    image = axis.imshow(
        np.ma.masked_invalid(plane.T),
        origin="lower",
        extent=(left, right, bottom, top),
        norm=scale.norm,
        cmap=scale.colours,
        interpolation="bilinear" if np.all(np.isfinite(plane)) else "nearest",
        interpolation_stage="data",
        aspect="equal" if is_to_scale(axes, part) else "auto",
    )
    if len(across) > 1 and len(up) > 1:
        axis.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    axis.set_facecolor("#d9d9d9")  # what is not a number
    if not np.any(np.isfinite(plane)):
        axis.text(0.5, 0.5, "not finite", transform=axis.transAxes, ha="center", va="center", fontsize=9)
    return image


def is_to_scale(axes: Arrays, part: Slice) -> bool:
    """Whether a unit is as long in both directions: for space, unless one side is over four times the other."""
    across, up = _lengths(axes, part)
    return "t" not in (part.horizontal, part.vertical) and 0.25 <= up / across <= 4


def proportion(axes: Arrays, part: Slice) -> float:
    """Height over width of the image."""
    across, up = _lengths(axes, part)
    return up / across if is_to_scale(axes, part) else 0.85


def _lengths(axes: Arrays, part: Slice) -> tuple[float, float]:
    return float(np.ptp(axes[part.horizontal])) or 1.0, float(np.ptp(axes[part.vertical])) or 1.0


def _even(plane: np.ndarray, across: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane on even points: images know no others. Uneven axes are interpolated onto twice as many."""
    if not is_uniform(across):
        fine = np.linspace(across[0], across[-1], 2 * len(across))
        plane = np.stack([np.interp(fine, across, line) for line in plane.T], axis=1)
        across = fine
    if not is_uniform(up):
        fine = np.linspace(up[0], up[-1], 2 * len(up))
        plane = np.stack([np.interp(fine, up, line) for line in plane], axis=0)
        up = fine
    return plane, across, up


def _ends(axis: np.ndarray) -> tuple[float, float]:
    """Where the outer pixels end: half a cell beyond the outer points."""
    half = 0.5 * (axis[-1] - axis[0]) / (len(axis) - 1) if len(axis) > 1 else 0.5
    return float(axis[0] - half), float(axis[-1] + half)
