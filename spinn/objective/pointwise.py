"""The objective of a point-wise network: residual blocks at scattered points inside the box and on its faces."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.networks.pointwise import Evaluable
from spinn.objective.blocks import (
    NO_SCALES,
    Found,
    Scales,
    Weighting,
    causal_weights,
    condition_residuals,
    half_square,
    interior_residuals,
)
from spinn.pdes import PDE, Face, Local, PointField, point_fields
from spinn.pdes._conditions import At
from spinn.sampling.points import PointBatch, PointSet, flattened


@dataclasses.dataclass(frozen=True, eq=False)
class PointObjective:
    """Maps (network, batch) to residual blocks, each entry times the root of its quadrature and loss weights.

    The counterpart of `SeparableObjective` for any network with `at_points`, a separable one included. `skip`:
    condition blocks that the network holds exactly. `time_bins`: intervals of time by which causal weighting sorts
    the points.
    """

    pde: PDE
    weighting: Weighting = dataclasses.field(default_factory=Weighting)
    skip: frozenset[str] = frozenset()
    time_bins: int = 32

    def __post_init__(self) -> None:
        self.weighting.check(self.pde)

    def blocks(
        self,
        network: Evaluable,
        batch: PointBatch,
        scales: Scales = NO_SCALES,
        previous: Evaluable | None = None,
    ) -> dict[str, Array]:
        """All residual blocks, one entry a point.

        `previous`: the network of the time window before; initial conditions then ask for its values and slopes.
        """
        found = interior_residuals(self.pde, self._inside(network, batch))
        interior = self._causal(self._weighted(found, scales, batch.weights), batch)
        before = None if previous is None else self._fields(previous, batch)
        conditions = condition_residuals(self.pde, self._fields(network, batch), before, self.skip)
        return {**interior, **self._weighted(conditions, scales)}

    def loss(
        self,
        network: Evaluable,
        batch: PointBatch,
        scales: Scales = NO_SCALES,
        previous: Evaluable | None = None,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """Half the squared norm of the blocks, and each block's share of it."""
        blocks = self.blocks(network, batch, scales, previous)
        parts = {name: half_square({name: block}) for name, block in blocks.items()}
        return functools.reduce(jnp.add, parts.values()), parts

    def interior(self, network: Evaluable, batch: PointBatch) -> dict[str, Array]:
        """The residuals themselves at the points, unweighted."""
        found = interior_residuals(self.pde, self._inside(network, batch))
        return {name: jnp.broadcast_to(field.value, batch.weights.shape) for name, (field, _) in found.items()}

    def _inside(self, network: Evaluable, batch: PointBatch) -> Local:
        return self._local(network, PointSet(batch.points, batch.weights))

    def _fields(self, network: Evaluable, batch: PointBatch) -> At:
        """The fields that conditions ask for: on a face, or (for averages) on the tensor grid of means."""

        @functools.cache  # several conditions share a face: its derivatives are computed once
        def at(face: Face | None) -> Local:
            if face is None:
                axes = self.pde.coordinates
                shape = tuple(batch.means.points[axis].shape[0] for axis in axes)
                return self._local(network, flattened(batch.means, axes), shape)
            points, weights = batch.faces[face.axis]
            end = batch.ends[face.axis][int(face.side == "high")]
            return self._local(network, PointSet({**points, face.axis: jnp.full_like(weights, end)}, weights))

        return at

    def _local(self, network: Evaluable, chosen: PointSet, shape: tuple[int, ...] | None = None) -> Local:
        names = self.pde.coordinates
        points = {name: chosen.points[name] for name in names}

        def values(*coordinates: Array) -> dict[str, Array]:
            return network.at_points(dict(zip(names, coordinates, strict=True)))

        def coordinates(*arrays: Array) -> dict[str, Array]:
            return dict(zip(names, arrays, strict=True))

        unknowns = point_fields(values, self.pde.unknowns, points, chosen.weights, shape)
        return Local(unknowns, point_fields(coordinates, names, points, chosen.weights, shape))

    def _weighted(self, found: Found, scales: Scales, weights: Array | None = None) -> dict[str, Array]:
        """Entries times the roots of their weights: those given, or else those of each field's own points."""
        result = {}
        for name, (field, own) in found.items():
            assert isinstance(field, PointField)
            here = field.layout.weights if weights is None else weights
            assert here is not None  # every layout of this objective has weights
            values = jnp.broadcast_to(field.value, here.shape) * self.weighting.root(name, own, scales)
            result[name] = values * jnp.sqrt(here)
        return result

    def _causal(self, blocks: dict[str, Array], batch: PointBatch) -> dict[str, Array]:
        """Blocks times the root of their bins' causal weights, which are constants for differentiation."""
        if not self.weighting.causal:
            return blocks
        times, (start, end) = batch.points["t"], batch.ends["t"]
        place = jnp.floor((times - start) / (end - start) * self.time_bins).astype(jnp.int32)
        bins = jnp.clip(place, 0, self.time_bins - 1)
        squares = functools.reduce(jnp.add, (block * block for block in blocks.values()))
        losses = jax.ops.segment_sum(jax.lax.stop_gradient(squares), bins, self.time_bins) * self.time_bins
        roots = jnp.sqrt(causal_weights(losses, self.weighting.causal))[bins]
        return {name: block * roots for name, block in blocks.items()}
