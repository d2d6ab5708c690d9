"""A learned change of the coordinate of one axis: global polynomials or waves in s(x), which is steep where layers are.

s' is a positive sum of peaks, so that s is monotone and analytic. On an interval a peak is 1 / sqrt(w^2 + (x - c)^2);
its integral asinh((x - c) / w) undoes the map x = c + w sinh(s), which moves singularities at c +- i w away from the
axis (Tee and Trefethen 2006, SIAM J. Sci. Comput. 28; Bayliss and Turkel 1992, J. Comput. Phys. 101, for maps of this
kind with a single layer), and a layer of width w takes a number of modes that grows like log(1 / w). On a periodic axis
a peak is the Poisson kernel, whose integral is the argument of a Moebius map of the circle.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.networks.bodies import Body, Fourier, Legendre
from spinn.networks.taylor import Taylor, integral, power, sine_cosine

Either = Array | np.ndarray

BISECTIONS, NEWTON = 40, 3  # of the inverse


class Mapped(Body):
    """A classical body of s(x), which takes [-1, 1] onto itself.

    `peaks`: (peaks, 3) of centres, widths and amounts, beside an even part of amount 1; they are not trained by steps
    but fitted between levels (see `spinn.mapping`).
    """

    body: Fourier | Legendre
    peaks: Float[Array, "peaks 3"]
    width: int = eqx.field(static=True)

    def __init__(self, body: Fourier | Legendre, peaks: Float[np.ndarray, "peaks 3"]):
        if isinstance(body, Legendre):
            body = Legendre(body.width, body.vanish_low, body.vanish_high, curved=True)
        self.body, self.peaks, self.width = body, jnp.asarray(peaks), body.width

    @property
    def periodic(self) -> bool:
        """Whether s(x) - x is periodic."""
        return isinstance(self.body, Fourier)

    def __call__(self, z: Taylor) -> Taylor:
        return self.body(mapped(z, jax.lax.stop_gradient(self.peaks), self.periodic))

    def rule(self, unit: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A rule on [0, 1] for s as one for x: points where s has those given, weights times dx/ds."""
        return mapped_rule(np.asarray(self.peaks, float), self.periodic, unit, weights)


def unmapped(body: Body) -> Body:
    """The body that features are of, in whatever coordinate."""
    return body.body if isinstance(body, Mapped) else body


def mapped(z: Taylor, peaks: Float[Array, "peaks 3"], periodic: bool) -> Taylor:
    """s as a series, from the coordinate as one."""
    ends = jnp.asarray([-1.0, 1.0], z.coefficients.dtype)
    low, high = _primitive(ends[:, None], peaks, periodic)
    value = _primitive(z.coefficients[0], peaks, periodic)
    slope = _density(z, peaks, periodic)
    step = (
        jnp.zeros_like(z.coefficients).at[: z.order].set(z.coefficients[1:] * np.arange(1, z.order + 1)[:, None, None])
    )
    scale = 2.0 / (high - low)
    along = integral(slope * Taylor(step), value[:, None])
    return Taylor((along.coefficients * scale).at[0].add(-1.0 - scale * low))


def _density(z: Taylor, peaks: Array, periodic: bool) -> Taylor:
    """s' up to a factor, as a series: 1 and the peaks."""
    centre, width, amount = peaks.T
    if periodic:
        ratio = jnp.exp(-math.pi * width)
        _, cosines = sine_cosine(z.affine(jnp.full((1, len(centre)), math.pi), -math.pi * centre))
        below = Taylor(-2.0 * ratio * cosines.coefficients) + (1.0 + ratio**2)
        heights = power(below, -1.0) * (1.0 - ratio**2)
    else:
        offset = z.affine(jnp.ones((1, len(centre))), -centre)
        heights = power(offset * offset + width**2, -0.5)
    return Taylor(jnp.sum(heights.coefficients * amount, -1, keepdims=True)) + 1.0


def _primitive(x: Either, peaks: Either, periodic: bool) -> Any:
    """s up to an affine change: x and the integrals of the peaks; `x`: (points, 1)."""
    centre, width, amount = peaks.T
    xp: Any = np if isinstance(x, np.ndarray) else jnp
    if periodic:
        angle, ratio = math.pi * (x - centre), xp.exp(-math.pi * width)
        turn = 2.0 * xp.arctan2(ratio * xp.sin(angle), 1.0 - ratio * xp.cos(angle))
        return x[:, 0] + xp.sum(amount * (angle + turn), 1) / math.pi
    return x[:, 0] + xp.sum(amount * xp.arcsinh((x - centre) / width), 1)


def _slope(x: np.ndarray, peaks: np.ndarray, periodic: bool) -> np.ndarray:
    """The derivative of that, as `_density` has it in a series; `x`: (points, 1)."""
    centre, width, amount = peaks.T
    if periodic:
        ratio = np.exp(-math.pi * width)
        heights = (1.0 - ratio**2) / (1.0 + ratio**2 - 2.0 * ratio * np.cos(math.pi * (x - centre)))
    else:
        heights = 1.0 / np.sqrt(width**2 + (x - centre) ** 2)
    return 1.0 + np.sum(amount * heights, 1)


def inverse(
    s: Float[np.ndarray, " points"], peaks: Float[np.ndarray, "peaks 3"], periodic: bool
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """x with s(x) = s, and dx/ds there: by bisection, and then Newton's method."""
    low, high = _primitive(np.array([[-1.0], [1.0]]), peaks, periodic)
    wanted = low + 0.5 * (high - low) * (s + 1.0)
    left, right = np.full(s.shape, -1.0), np.full(s.shape, 1.0)
    for _ in range(BISECTIONS):
        middle = 0.5 * (left + right)
        above = _primitive(middle[:, None], peaks, periodic) > wanted
        left, right = np.where(above, left, middle), np.where(above, middle, right)
    x = 0.5 * (left + right)
    for _ in range(NEWTON):
        miss = _primitive(x[:, None], peaks, periodic) - wanted
        x = np.clip(x - miss / _slope(x[:, None], peaks, periodic), -1.0, 1.0)
    return x, 0.5 * (high - low) / _slope(x[:, None], peaks, periodic)


def mapped_rule(
    peaks: Float[np.ndarray, "peaks 3"], periodic: bool, unit: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """See `Mapped.rule`."""
    x, slope = inverse(2.0 * np.asarray(unit, float) - 1.0, peaks, periodic)
    return 0.5 * (x + 1.0), np.asarray(weights, float) * slope
