"""Tensor-product collocation: a rule an axis, fixed or redrawn."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.networks.mapped import mapped_rule
from spinn.pdes import Box
from spinn.sampling.rules import RuleName, axis_rule, broken_rule


class AxisBatch(NamedTuple):
    """Points and weights of every axis, and where the box ends: all that an objective needs to know of a batch."""

    points: dict[str, Float[Array, " _"]]
    weights: dict[str, Float[Array, " _"]]
    ends: dict[str, Float[Array, "2"]]


@dataclasses.dataclass(frozen=True)
class AxisSampler:
    """Draws batches on a box. `random` draws uniformly per axis (the SPINN paper's way); other rules are fixed.

    `breaks`: axes that are cut into elements, by their ends in [-1, 1]; they get composite Gauss rules.
    `maps`: axes whose features are those of a mapped coordinate s; they get the rule for s.
    """

    counts: Mapping[str, int]
    rule: RuleName = "gauss"
    periodic: frozenset[str] = frozenset()
    breaks: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    maps: Mapping[str, tuple[tuple[float, float, float], ...]] = dataclasses.field(default_factory=dict)

    def draw(self, domain: Box, *, key: PRNGKeyArray) -> AxisBatch:
        """A batch for the box. The same key gives the same batch."""
        points, weights, ends = {}, {}, {}
        keys = jax.random.split(key, len(self.counts))
        for axis_key, (axis, count) in zip(keys, self.counts.items(), strict=True):
            low, high = domain[axis]
            is_random = self.rule == "random"
            if axis in self.breaks and not is_random:
                unit, weight = broken_rule(self.breaks[axis], count)
            else:
                unit, weight = axis_rule(self.rule, count, axis in self.periodic)
            if axis in self.maps and not is_random:
                unit, weight = mapped_rule(np.asarray(self.maps[axis], float), axis in self.periodic, unit, weight)
            drawn = jnp.sort(jax.random.uniform(axis_key, (count,))) if is_random else jnp.asarray(unit)
            points[axis] = low + (high - low) * drawn
            weights[axis] = jnp.asarray(weight, points[axis].dtype)
            ends[axis] = jnp.asarray([low, high], points[axis].dtype)
        return AxisBatch(points, weights, ends)
