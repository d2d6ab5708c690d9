"""What the training loop sees of an operator: a loss of parameters and a batch, and batches by the number of a step."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.config.learning import OperatorLoss
from spinn.operators.losses import relative_h1, relative_l2
from spinn.operators.sharding import placed
from spinn.operators.streaming import Batch, Order, Stream
from spinn.operators.surrogate import Surrogate
from spinn.operators.symmetries import Symmetry, shown
from spinn.training.problem import Problem

WATCHED = 16  # held-out samples whose error is shown while training
LONGEST = 10  # steps between two looks at the loss
AHEAD = 64e6  # bytes of batches that are handed to the device at once, at most


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """An operator on the samples of a stage. `residual(surrogate, inputs)`: relative, by sample, if physics counts."""

    frozen: Any  # the part of the surrogate that is not trained
    stream: Stream
    order: Order
    weights: OperatorLoss
    symmetries: tuple[Symmetry, ...]
    held_out: Sequence[int]
    residual: Callable[[Surrogate, Any], Float[Array, " batch"]] | None = None

    def problem(self) -> Problem:
        """For the training loop."""
        weights = self.weights
        names = tuple(name for name in ("l2", "h1", "physics") if getattr(weights, name) > 0)
        points = self.order.size * int(np.prod(self.stream.shape))
        return Problem(
            loss=self.loss, blocks=lambda *_: {}, draw=lambda key: None, error=self.watcher(), points=points,
            names=names, batches=self.batches, longest=self.longest,
        )  # fmt: skip

    @property
    def nodes(self) -> tuple[Array, ...]:
        """Of the grid that samples are seen on."""
        return tuple(jnp.asarray(x, self.stream.dtype) for x in self.stream.nodes)

    @property
    def longest(self) -> int:
        """Steps a chunk."""
        fields = len(self.stream.layout.inputs) + len(self.stream.layout.outputs)
        size = fields * self.order.size * int(np.prod(self.stream.shape)) * np.dtype(self.stream.dtype).itemsize
        return int(max(1, min(LONGEST, AHEAD // size)))

    def loss(self, params: Any, batch: Batch, scales: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The weighted sum of the parts, and the parts, each the mean over the batch."""
        surrogate, weights = eqx.combine(params, self.frozen), self.weights
        parts = {}
        if weights.l2 or weights.h1:
            found = surrogate(batch.inputs, self.nodes)
            parts = {"l2": weights.l2 * jnp.mean(relative_l2(found, batch.outputs))} if weights.l2 else {}
            parts |= {"h1": weights.h1 * jnp.mean(relative_h1(found, batch.outputs, self.nodes))} if weights.h1 else {}
        if self.residual is not None:
            parts["physics"] = weights.physics * jnp.mean(self.residual(surrogate, batch.inputs))
        return sum(scales.get(name, 1.0) * part for name, part in parts.items()), parts

    def batches(self, step: int, count: int) -> Batch:
        """Batches of `count` steps, stacked; every sample in a random one of the ways that its family allows."""
        made = [self.batch(step + number) for number in range(count)]
        return placed(Batch(*(np.stack(parts) for parts in zip(*made, strict=True))))

    def batch(self, step: int) -> Batch:
        """Of one step; all of it follows from the seed and the step."""
        read = self.stream.batch(self.order.batch(step))
        random = np.random.default_rng([self.order.seed, 3, step])
        return shown(read, self.symmetries, random) if self.symmetries else read

    def watcher(self) -> Callable[[Any], float | None]:
        """The mean relative L2 error of a few samples held out, or None where they have no outputs."""
        few = self.stream.batch(self.held_out[:WATCHED])
        if not few.outputs.shape[1]:
            return lambda params: None
        measured = jax.jit(
            lambda params, batch: jnp.mean(
                relative_l2(eqx.combine(params, self.frozen)(batch.inputs, self.nodes), batch.outputs)
            )
        )
        return lambda params: float(measured(params, few))
