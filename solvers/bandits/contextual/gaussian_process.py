"""A Gaussian process over (context, 0/1 arm): what reward to expect where nobody has played yet.

    k((b, a), (b', a')) = A^2 exp(-sum_i (b_i - b'_i)^2 / (2 l_i^2)) exp(-sum_k tau_k [a_k != a'_k]),

the kernel of METALIC (Li et al., ICML 2023, section 4: a squared exponential in the context times
exp(tau mean_k [a_k = a'_k])) with a rate of its own for every entry of the arm, a learned amplitude and a learned mean;
`faithful` ties them as the paper does. Hyper-parameters maximise the posterior (MAP) by L-BFGS-B with exact gradients
(Rasmussen and Williams 2006, eq. 5.9). Plays are a few hundred, so one Cholesky factorisation a step is all it costs:
less than compiling a library's process anew for every number of plays.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from spinn.solvers.bandits.contextual.plays import Plays

# Prior of the noise's precision in the paper: Gamma(shape, rate).
PRECISION_SHAPE, PRECISION_RATE = 100.0, 1.0
# Log-normal priors otherwise, of quantities measured in standard deviations of rewards and contexts: centre and width.
AMPLITUDE, LENGTH, RATE, NOISE = (0.0, 1.0), (0.5, 1.0), (-1.5, 1.0), (-1.5, 1.0)
BOUND = 6.0  # on every logarithm
JITTER = 1e-8
MAX_STEPS = 60


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Logarithms, but for the mean: of A, of the lengths l_i, of the rates tau_k, of the noise's standard deviation."""

    mean: float
    amplitude: float
    lengths: tuple[float, ...]
    rates: tuple[float, ...]
    noise: float


class Posterior(NamedTuple):
    """Of the rewards without noise, at some points."""

    mean: Float[np.ndarray, " points"]
    covariance: Float[np.ndarray, "points points"]


class _Distances(NamedTuple):
    """Half the squared distance along each number of the context (n, plays, plays), and mismatches of each entry."""

    squares: np.ndarray
    mismatches: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A process conditioned on plays; rewards are standardised inside unless `faithful`.

    `faithful`: as in the paper: one length, one rate tau / conditions an entry, A^2 = exp(tau), no mean, and the
    paper's prior of the noise.
    """

    plays: Plays
    hyper: Hyperparameters
    faithful: bool = False

    @classmethod
    def fitted(cls, plays: Plays, faithful: bool = False, start: Hyperparameters | None = None) -> "GaussianProcess":
        """With the hyper-parameters that the plays make most probable; `start`: where to look from."""
        first = start or _default(plays, faithful)
        if len(plays) == 0:
            return cls(plays, first, faithful)
        layout = _Layout(plays.contexts.shape[1], plays.arms.shape[1], faithful)
        rewards, distances = _standardised(plays, faithful)[0], _distances(plays)
        objective = functools.partial(_negative_log_posterior, layout, distances, rewards)
        found = minimize(
            objective, layout.packed(first), jac=True, method="L-BFGS-B",
            bounds=[(-BOUND, BOUND)] * layout.size, options={"maxiter": MAX_STEPS},
        )  # fmt: skip
        return cls(plays, layout.unpacked(found.x), faithful)

    def posterior(self, contexts: Float[np.ndarray, "points _"], arms: Float[np.ndarray, "points _"]) -> Posterior:
        """Mean and covariance of the reward at (context, arm) pairs, in units of rewards."""
        prior = self._kernel(contexts, arms, contexts, arms)
        rewards, centre, scale = _standardised(self.plays, self.faithful)
        if len(self.plays) == 0:
            return Posterior(np.full(len(arms), centre + scale * self.hyper.mean), scale**2 * prior)
        factor, _ = self._factor
        cross = self._kernel(self.plays.contexts, self.plays.arms, contexts, arms)
        mean = self.hyper.mean + cross.T @ cho_solve((factor, True), rewards - self.hyper.mean)
        half = solve_triangular(factor, cross, lower=True)
        return Posterior(centre + scale * mean, scale**2 * (prior - half.T @ half))

    @functools.cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        kernel = self._kernel(self.plays.contexts, self.plays.arms, self.plays.contexts, self.plays.arms)
        kernel[np.diag_indices_from(kernel)] += math.exp(2.0 * self.hyper.noise) + JITTER
        factor: tuple[np.ndarray, bool] = cho_factor(kernel, lower=True)
        return np.tril(factor[0]), True

    def _kernel(self, contexts: np.ndarray, arms: np.ndarray, others: np.ndarray, their_arms: np.ndarray) -> np.ndarray:
        lengths, rates = np.exp(self.hyper.lengths), np.exp(self.hyper.rates)
        left, right = contexts / lengths, others / lengths
        squares = np.sum(left**2, 1)[:, None] + np.sum(right**2, 1)[None] - 2.0 * left @ right.T
        # [a != a'] = a + a' - 2 a a' for 0 and 1.
        mismatches = (arms @ rates)[:, None] + (their_arms @ rates)[None] - 2.0 * (arms * rates) @ their_arms.T
        kernel: np.ndarray = np.exp(2.0 * self.hyper.amplitude - 0.5 * np.maximum(squares, 0.0) - mismatches)
        return kernel


class _Layout(NamedTuple):
    """How hyper-parameters lie in one vector: mean, amplitude, lengths, rates, noise; fewer where they are tied."""

    numbers: int
    conditions: int
    faithful: bool

    @property
    def size(self) -> int:
        return 3 if self.faithful else 3 + self.numbers + self.conditions

    def packed(self, hyper: Hyperparameters) -> np.ndarray:
        if self.faithful:
            length = hyper.lengths[0] if hyper.lengths else 0.0
            return np.array([length, hyper.rates[0] + math.log(self.conditions), hyper.noise])
        return np.array([hyper.mean, hyper.amplitude, *hyper.lengths, *hyper.rates, hyper.noise])

    def unpacked(self, vector: np.ndarray) -> Hyperparameters:
        values = [float(value) for value in vector]
        if self.faithful:
            length, log_tau, noise = values
            rate = log_tau - math.log(self.conditions)
            amplitude = 0.5 * math.exp(log_tau)
            return Hyperparameters(0.0, amplitude, (length,) * self.numbers, (rate,) * self.conditions, noise)
        mean, amplitude, *middle, noise = values
        return Hyperparameters(mean, amplitude, tuple(middle[: self.numbers]), tuple(middle[self.numbers :]), noise)

    def gathered(self, hyper: Hyperparameters, full: np.ndarray) -> np.ndarray:
        """The gradient in the vector, from that in (mean, amplitude, lengths, rates, noise)."""
        if not self.faithful:
            return full
        lengths, rates = full[2 : 2 + self.numbers], full[2 + self.numbers : -1]
        tau = math.exp(hyper.rates[0]) * self.conditions
        return np.array([np.sum(lengths), np.sum(rates) + 0.5 * tau * full[1], full[-1]])


def _negative_log_posterior(
    layout: _Layout, distances: _Distances, rewards: np.ndarray, vector: np.ndarray
) -> tuple[float, np.ndarray]:
    """And its gradient."""
    hyper = layout.unpacked(vector)
    lengths, rates = np.exp(hyper.lengths), np.exp(hyper.rates)
    scaled = distances.squares / (lengths**2)[:, None, None]
    weighted = distances.mismatches * rates[:, None, None]
    smooth = np.exp(2.0 * hyper.amplitude - scaled.sum(0) - weighted.sum(0))
    variance = math.exp(2.0 * hyper.noise)
    kernel = smooth + (variance + JITTER) * np.eye(len(rewards))
    try:
        factor = cho_factor(kernel, lower=True)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros(layout.size)
    alpha = cho_solve(factor, rewards - hyper.mean)
    value = 0.5 * float((rewards - hyper.mean) @ alpha) + float(np.sum(np.log(np.diagonal(factor[0]))))
    outer = cho_solve(factor, np.eye(len(rewards))) - np.outer(alpha, alpha)
    through = 0.5 * outer * smooth
    full = np.concatenate([
        [-float(np.sum(alpha)), 2.0 * float(np.sum(through))],
        2.0 * np.tensordot(scaled, through, 2),
        -np.tensordot(weighted, through, 2),
        [variance * float(np.trace(outer))],
    ])  # fmt: skip
    penalty, slope = _prior(layout, hyper)
    return value + penalty, layout.gathered(hyper, full) + slope


def _prior(layout: _Layout, hyper: Hyperparameters) -> tuple[float, np.ndarray]:
    """Minus the log prior, and its gradient in the vector."""
    if layout.faithful:
        precision = math.exp(-2.0 * hyper.noise)
        value = PRECISION_RATE * precision - (PRECISION_SHAPE - 1.0) * math.log(precision)
        slope = -2.0 * (PRECISION_RATE * precision - (PRECISION_SHAPE - 1.0))
        return value, np.array([0.0, 0.0, slope])
    packed = layout.packed(hyper)
    centres = [(0.0, 1.0), AMPLITUDE, *[LENGTH] * layout.numbers, *[RATE] * layout.conditions, NOISE]
    centre, width = np.array(centres).T
    offset = (packed - centre) / width
    return 0.5 * float(np.sum(offset**2)), offset / width


def _default(plays: Plays, faithful: bool) -> Hyperparameters:
    numbers, conditions = plays.contexts.shape[1], plays.arms.shape[1]
    if faithful:
        noise = -0.5 * math.log(PRECISION_SHAPE / PRECISION_RATE)
        return Hyperparameters(0.0, 0.5, (0.0,) * numbers, (-math.log(conditions),) * conditions, noise)
    return Hyperparameters(0.0, AMPLITUDE[0], (LENGTH[0],) * numbers, (RATE[0],) * conditions, NOISE[0])


def _standardised(plays: Plays, faithful: bool) -> tuple[np.ndarray, float, float]:
    """Rewards with their mean taken off and divided by their standard deviation, these two."""
    if faithful or len(plays) < 2:
        return plays.rewards, 0.0, 1.0
    centre, scale = float(np.mean(plays.rewards)), float(np.std(plays.rewards))
    scale = scale if scale > 0.0 else 1.0
    return (plays.rewards - centre) / scale, centre, scale


def _distances(plays: Plays) -> _Distances:
    contexts, arms = plays.contexts.T, plays.arms.T
    return _Distances(
        0.5 * (contexts[:, :, None] - contexts[:, None, :]) ** 2, np.abs(arms[:, :, None] - arms[:, None, :])
    )
