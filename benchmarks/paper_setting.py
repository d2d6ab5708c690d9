"""The networks and batches of the SPINN paper that the benchmarks share: plain tanh MLPs, sums of products."""

import dataclasses

import jax
import jax.numpy as jnp

from spinn.networks.bodies import MLP
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network
from spinn.pdes import PDE, get
from spinn.sampling.separable import AxisBatch, AxisSampler


@dataclasses.dataclass(frozen=True)
class Setting:
    """A problem with the sizes of the paper's network for it."""

    problem: str
    depth: int = 4
    width: int = 64
    rank: int = 32

    @property
    def pde(self) -> PDE:
        return get(self.problem)()

    def network(self, seed: int = 0) -> SeparableNetwork:
        """A freshly drawn network (Glorot normal)."""
        pde = self.pde
        *keys, last = jax.random.split(jax.random.key(seed), len(pde.coordinates) + 1)
        features = {
            axis: AxisFeatures(MLP(self.width, self.depth, key=key), jnp.asarray(low), jnp.asarray(high))
            for key, (axis, (low, high)) in zip(keys, pde.domain.intervals.items(), strict=True)
        }
        return cp_network(features, pde.unknowns, self.rank, key=last)

    def batch(self, count: int, seed: int = 1) -> AxisBatch:
        """Points drawn uniformly along each axis, all of one weight: means are the paper's."""
        pde = self.pde
        sampler = AxisSampler(dict.fromkeys(pde.coordinates, count), "random")
        return sampler.draw(pde.domain, key=jax.random.key(seed))


HELMHOLTZ = Setting("helmholtz_3d")
KLEIN_GORDON = Setting("klein_gordon_2d")
NAVIER_STOKES = Setting("navier_stokes_3d", depth=5, rank=128)
