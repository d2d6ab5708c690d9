"""Fitting the map of an axis (see `spinn.networks.mapped`) to the solution of a level.

First peaks are put where the solution is steepest: the density of points is then about proportional to the slope, the
equidistribution of arc length (de Boor 1974; Huang and Russell 2011, Adaptive Moving Mesh Methods, chapter 2). Then
centres, widths and amounts are changed so that the solution, expanded in the mapped coordinate, falls off as fast as it
can down to what the level leaves unresolved: what counts is the number of modes, and slopes only tell where to begin.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from spinn.networks.bodies import Fourier
from spinn.networks.elements import Elements
from spinn.networks.mapped import Mapped, mapped_rule, unmapped
from spinn.networks.separable import SeparableNetwork
from spinn.sampling.rules import gauss, periodic
from spinn.spectrum import axis_values

Peaks = tuple[tuple[float, float, float], ...]

MOST_PEAKS = 4
MONITOR_POINTS, TRIAL_POINTS = 2000, 257  # where slopes are looked at, and the rule of an expansion that is tried
STEEP = 0.2  # share of the largest slope above which a maximum of it is a layer
SHARE = 0.7  # of the mapped coordinate that all peaks have together at first
EVALUATIONS = 120  # of a fit, for each peak
WIDTHS = (1e-5, 1.0)
ROUNDING = 1e-13


class Fitted(NamedTuple):
    """A map, and the number of modes in which the solution should be resolved with it (inf if it does not fall)."""

    peaks: Peaks
    modes: float


def fitted_map(network: SeparableNetwork, axis: str, tail: float) -> Fitted | None:
    """The map of an axis in which the solution takes the fewest modes until less than `tail` is left; None where it
    shows no layer, or is cut into elements.
    """
    body = network.features[network.axes.index(axis)].body
    if isinstance(body, Elements):
        return None
    profile = _Profile.of(network, axis)
    starts = [peaks for peaks in (profile.steepest(),) if len(peaks)]
    starts += [np.asarray(body.peaks, float)] if isinstance(body, Mapped) else []
    if not starts:
        return None
    floor = max(tail, profile.unresolved())
    start = min(starts, key=lambda peaks: profile.height(peaks, floor))
    found = _improved(profile, start, floor)
    return Fitted(tuple((float(c), float(w), float(a)) for c, w, a in found), profile.needed(found, floor, tail))


class _Profile(NamedTuple):
    """The functions of an axis that a solution is made of, orthonormal in all other axes."""

    network: SeparableNetwork
    axis: str
    rest: Float[np.ndarray, "columns features"]
    width: int  # of the body that the level had

    @classmethod
    def of(cls, network: SeparableNetwork, axis: str) -> "_Profile":
        index = network.axes.index(axis)
        core = np.moveaxis(np.asarray(network.whole_core, float), index + 1, 0)
        rest: np.ndarray = np.linalg.qr(core.reshape(core.shape[0], -1).T)[1]
        return cls(network, axis, rest, network.features[index].body.width)

    @property
    def periodic(self) -> bool:
        """Whether the axis is."""
        return isinstance(unmapped(self.network.features[self.network.axes.index(self.axis)].body), Fourier)

    def values(self, unit: np.ndarray) -> Float[np.ndarray, "points columns"]:
        """At points in [0, 1]."""
        features = self.network.features[self.network.axes.index(self.axis)]
        low, high = float(features.low), float(features.high)
        return axis_values(self.network, self.axis, jnp.asarray(low + (high - low) * unit)) @ self.rest.T

    def steepest(self) -> Float[np.ndarray, "peaks 3"]:
        """Peaks at the largest slopes, as wide as the jump there takes; amounts so that each has its share of s."""
        unit = np.linspace(0.0, 1.0, MONITOR_POINTS)
        x, values = 2.0 * unit - 1.0, self.values(unit)
        slope = np.linalg.norm(np.gradient(values, x, axis=0), axis=1)
        mean = float(np.mean(slope))
        inside = np.r_[True, slope[1:] >= slope[:-1]] & np.r_[slope[:-1] >= slope[1:], True]
        places = np.nonzero(inside & (slope > STEEP * np.max(slope)) & (slope > 2.0 * mean))[0]
        chosen: list[tuple[float, float]] = []
        for place in sorted(places, key=lambda i: -slope[i]):
            near = slope > 0.5 * slope[place]
            left, right = place, place
            while left > 0 and near[left - 1]:
                left -= 1
            while right < len(x) - 1 and near[right + 1]:
                right += 1
            width = max(float(x[right] - x[left]) * (1.0 if left == 0 or right == len(x) - 1 else 0.5), 1e-3)
            if len(chosen) < MOST_PEAKS and all(abs(x[place] - c) > w + width for c, w in chosen):
                chosen.append((float(x[place]), width))
        share = SHARE / (1.0 - SHARE) * 2.0 / max(len(chosen), 1)
        length = (lambda w: 2.0) if self.periodic else (lambda w: 2.0 * math.asinh(1.0 / w))
        return np.array([(c, w, share / length(w)) for c, w in chosen]).reshape(-1, 3)

    def beyond(self, peaks: np.ndarray) -> Float[np.ndarray, " modes"]:
        """Relative root energy of the solution beyond each number of modes in the mapped coordinate."""
        count = max(TRIAL_POINTS, 2 * self.width + 1)
        unit, weights = periodic(count) if self.periodic else gauss(count)
        values = self.values(mapped_rule(peaks, self.periodic, unit, weights)[0])
        if self.periodic:
            energy = np.sum(np.abs(np.fft.rfft(values, axis=0) / count) ** 2, 1)
        else:
            table = np.polynomial.legendre.legvander(2.0 * unit - 1.0, count - 1) * np.sqrt(2.0 * np.arange(count) + 1)
            energy = np.sum(((table * weights[:, None]).T @ values) ** 2, 1)[: 2 * count // 3]
        return np.sqrt(np.cumsum(energy[::-1])[::-1] / max(float(np.sum(energy)), np.finfo(float).tiny)) + ROUNDING

    def unresolved(self) -> float:
        """What the level leaves: in any coordinate, so much of its solution is wiggles."""
        last = max(self.width - max(self.width // 4, 1), 1)
        body = self.network.features[self.network.axes.index(self.axis)].body
        own = np.asarray(body.peaks, float) if isinstance(body, Mapped) else np.zeros((0, 3))
        here = self.beyond(own)
        return float(here[min(last // 2 if self.periodic else last, len(here) - 1)])

    def height(self, peaks: np.ndarray, floor: float) -> float:
        """The mean of the logarithm of what is left, down to the floor: small where it falls fast."""
        return float(np.mean(np.log(np.maximum(self.beyond(peaks), floor))))

    def needed(self, peaks: np.ndarray, floor: float, tail: float) -> float:
        """Modes until `tail` is left, counted as bodies count them, if what is left goes on falling as to the floor."""
        beyond = self.beyond(peaks)
        reached = np.nonzero(beyond <= 1.5 * floor)[0]
        if not len(reached) or reached[0] < 4:
            return math.inf if not len(reached) else float(self.width)
        slope = math.log(1.5 * floor) / reached[0]
        return 4.0 / 3.0 * max(math.log(tail) / slope, 8.0)  # the last quarter is what has to be small


def _improved(profile: _Profile, start: np.ndarray, floor: float) -> np.ndarray:
    """The best peaks near `start`, by Nelder and Mead's method in centre / width, log width and log amount."""
    scales = start[:, 1].copy()

    def peaks(x: np.ndarray) -> np.ndarray:
        centre, width, amount = x.reshape(-1, 3).T
        widths = np.clip(scales * np.exp(width), *WIDTHS)
        places = start[:, 0] + scales * centre
        places = (places + 1.0) % 2.0 - 1.0 if profile.periodic else np.clip(places, -1.0, 1.0)
        return np.stack([places, widths, start[:, 2] * np.exp(np.clip(amount, -8.0, 8.0))], 1)

    best = minimize(
        lambda x: profile.height(peaks(x), floor), np.zeros(start.size), method="Nelder-Mead",
        options={"maxfev": EVALUATIONS * len(start), "initial_simplex": 0.5 * np.eye(start.size + 1, start.size, -1)},
    )  # fmt: skip
    return peaks(np.asarray(best.x))
