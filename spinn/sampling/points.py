"""Scattered collocation points: inside the box, on its faces, and a small tensor grid for averages over space."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.stats import qmc

from spinn.pdes import Box
from spinn.sampling.rules import RuleName
from spinn.sampling.separable import AxisBatch, AxisSampler

# Averages (gauge conditions) are taken by this many Gauss points an axis at most: spectrally accurate, and cheap.
MEAN_POINTS = 8


class PointSet(NamedTuple):
    """Scattered points, one array a coordinate, and weights that sum to one."""

    points: dict[str, Float[Array, " n"]]
    weights: Float[Array, " n"]


class PointBatch(NamedTuple):
    """All that a point-wise objective needs to know of a batch.

    `faces[axis]` has points of the other coordinates, shared by the low and the high face of the axis, so that
    periodicity can be asked for point by point. `means`: the tensor grid of averages. `ends`: where the box ends.
    """

    points: dict[str, Float[Array, " n"]]
    weights: Float[Array, " n"]
    faces: dict[str, PointSet]
    means: AxisBatch
    ends: dict[str, Float[Array, "2"]]


@dataclasses.dataclass(frozen=True)
class PointSampler:
    """Draws scattered points on a box.

    `counts`: points an axis, as for `AxisSampler`; their product is the number of points inside unless `interior` is
    given, and without one axis that on its faces unless `face` is given. `rule`: `random` (uniform), `sobol` (a Sobol
    sequence with a random shift), or `gauss` and `uniform` (the tensor product of the rule, as scattered points).
    """

    counts: Mapping[str, int]
    rule: RuleName | Literal["sobol"] = "random"
    periodic: frozenset[str] = frozenset()
    interior: int | None = None
    face: int | None = None

    def draw(self, domain: Box, *, key: PRNGKeyArray) -> PointBatch:
        """A batch for the box. The same key gives the same batch."""
        key_inside, key_faces, key_axes = jax.random.split(key, 3)
        if self.rule == "gauss" or self.rule == "uniform":
            return scattered(AxisSampler(self.counts, self.rule, self.periodic).draw(domain, key=key_axes))
        few = {axis: min(count, MEAN_POINTS) for axis, count in self.counts.items()}
        means = AxisSampler(few, "gauss", self.periodic).draw(domain, key=key_axes)
        total = math.prod(self.counts.values())
        inside = self._drawn(domain, domain.axes, self.interior or total, key=key_inside)
        faces = {}
        for one, axis in zip(jax.random.split(key_faces, len(domain.axes)), domain, strict=True):
            others = tuple(other for other in domain if other != axis)
            faces[axis] = self._drawn(domain, others, self.face or total // self.counts[axis], key=one)
        return PointBatch(inside.points, inside.weights, faces, means, means.ends)

    def _drawn(self, domain: Box, axes: tuple[str, ...], count: int, *, key: PRNGKeyArray) -> PointSet:
        """`count` points in the box of the axes named; one point without coordinates where there are none."""
        if not axes:
            return PointSet({}, jnp.ones(1))
        if self.rule == "sobol":
            # a random shift modulo one keeps the evenness of the sequence and makes every mean unbiased
            unit = (jnp.asarray(_sobol(len(axes), count)) + jax.random.uniform(key, (len(axes),))) % 1.0
        else:
            unit = jax.random.uniform(key, (count, len(axes)))
        spans = [domain[axis] for axis in axes]
        columns = zip(axes, spans, unit.T, strict=True)
        points = {axis: low + (high - low) * column for axis, (low, high), column in columns}
        return PointSet(points, jnp.full(count, 1.0 / count, unit.dtype))


@functools.lru_cache(maxsize=16)
def _sobol(dimension: int, count: int) -> Float[np.ndarray, "count dimension"]:
    """The first points of the unscrambled Sobol sequence in the unit cube."""
    doublings = max(count - 1, 1).bit_length()
    return qmc.Sobol(dimension, scramble=False).random_base2(doublings)[:count]


def scattered(batch: AxisBatch) -> PointBatch:
    """A tensor grid as scattered points: the same points, weights, faces and averages."""
    axes = tuple(batch.points)
    inside = flattened(batch, axes)
    faces = {axis: flattened(batch, tuple(other for other in axes if other != axis)) for axis in axes}
    return PointBatch(inside.points, inside.weights, faces, batch, batch.ends)


def flattened(batch: AxisBatch, axes: tuple[str, ...]) -> PointSet:
    """The tensor grid over the axes named, as arrays of shape (n,), in this order (jit sorts dicts)."""
    if not axes:
        return PointSet({}, jnp.ones(1, next(iter(batch.ends.values())).dtype))
    grids = jnp.meshgrid(*(batch.points[axis] for axis in axes), indexing="ij")
    weights = functools.reduce(jnp.multiply, jnp.meshgrid(*(batch.weights[axis] for axis in axes), indexing="ij"))
    return PointSet({axis: grid.ravel() for axis, grid in zip(axes, grids, strict=True)}, weights.ravel())
