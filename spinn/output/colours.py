"""Colour scales: what a value looks like. Even steps of a value are even steps of perceived lightness.

Fields with both signs get a diverging map with symmetric limits, so that zero is white; others viridis; errors a
logarithmic scale. The diverging map is built in OKLab (Ottosson 2020, bottosson.github.io/posts/oklab): lightness is
linear in |value| and equal on both sides, which the usual red-blue maps are not.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize

# Okabe and Ito's palette for all kinds of colour vision, and two more.
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#a6761d")  # fmt: skip
TRUTH = "#222222"
FAINT = "#b8bcc4"

_OKLAB_TO_LMS = np.array(
    [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@dataclasses.dataclass(frozen=True)
class Scale:
    """From values to colours."""

    norm: Normalize
    colours: Colormap


def field_scale(values: Sequence[np.ndarray]) -> Scale:
    """One scale for several arrays of a field, such as a solution and its truth. What is not finite does not count."""
    finite = [array[np.isfinite(array)] for array in values]
    low = min((float(array.min()) for array in finite if array.size), default=0.0)
    high = max((float(array.max()) for array in finite if array.size), default=0.0)
    if low < 0 < high and min(-low, high) > 0.05 * max(-low, high):
        limit = max(-low, high)
        return Scale(Normalize(-limit, limit), diverging())
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # a constant: give it room, so that it is no noise
        room = abs(high) or 1.0
        low, high = low - room, high + room
    return Scale(Normalize(low, high), _viridis())


def error_scale(errors: np.ndarray, decades: float = 4.0) -> Scale:
    """A logarithmic scale for |error|, over the largest `decades` at most and two at least."""
    size = np.abs(errors[np.isfinite(errors) & (errors != 0)])
    if not size.size:
        return Scale(LogNorm(1e-16, 1e-14), _magma())
    high = max(float(size.max()), 1e-300)
    low = min(max(float(np.quantile(size, 0.01)), high * 10**-decades), high * 1e-2)
    return Scale(LogNorm(low, high), _magma())


def _viridis() -> Colormap:
    import matplotlib

    return matplotlib.colormaps["viridis"]


def _magma() -> Colormap:
    import matplotlib

    return matplotlib.colormaps["magma"]


@functools.cache
def diverging(steps: int = 257) -> Colormap:
    """Blue for negative, white for zero, red for positive; lightness falls evenly from the middle to both ends."""
    position = np.linspace(-1, 1, steps)
    strength = np.abs(position)
    lightness = 0.98 - 0.60 * strength
    chroma = 0.150 * np.sin(0.5 * math.pi * np.minimum(1.0, 1.35 * strength)) * (1 - 0.25 * strength**3)
    hue = np.where(position < 0, math.radians(255.0), math.radians(30.0))
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    return ListedColormap(srgb(lab), name="spinn_diverging")


def srgb(lab: np.ndarray) -> np.ndarray:
    """OKLab colours (..., 3) as sRGB in [0, 1]."""
    linear = np.clip((lab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def oklab_lightness(rgb: np.ndarray) -> np.ndarray:
    """OKLab lightness of sRGB colours (..., 3): what the maps promise to be even in."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(linear @ np.linalg.inv(_LMS_TO_RGB).T)
    return (lms @ np.linalg.inv(_OKLAB_TO_LMS).T)[..., 0]
