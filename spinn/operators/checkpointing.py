"""Checkpoints of learning: the loop's snapshot as flat arrays, where it stands as JSON."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from spinn.operators import sharding
from spinn.training.checkpoints import Checkpoints
from spinn.training.loop import Snapshot


@dataclasses.dataclass(frozen=True, eq=False)
class Standing:
    """Where a run stood when it was saved."""

    stage: int
    snapshot: Snapshot
    stages: list[dict[str, Any]]
    total_steps: int
    seconds: float


@dataclasses.dataclass(eq=False)
class Saver:
    """Saves when a checkpoint is due. Not frozen: it remembers the newest state for `flush`."""

    checkpoints: Checkpoints
    newest: Standing | None = None

    def offer(self, stage: int, snapshot: Snapshot, stages: Sequence[dict[str, Any]], seconds: float) -> None:
        """A chunk has ended here."""
        total = sum(one["steps"] for one in stages) + snapshot.step
        self.newest = Standing(stage, snapshot, list(stages), total, seconds)
        if self.checkpoints.due():
            self.flush()

    def flush(self) -> None:
        """Save the newest state now."""
        if self.newest is None or self.checkpoints.newest() == self.newest.total_steps:
            return
        at = self.newest
        position = {"stage": at.stage, "stages": at.stages, "total_steps": at.total_steps, "seconds": at.seconds}
        self.checkpoints.save(at.total_steps, _flat(at.snapshot.arrays()),
                              {**position, "snapshot": at.snapshot.position()})  # fmt: skip


def restored(checkpoints: Checkpoints, template: Callable[[int], Snapshot]) -> Standing | None:
    """The newest checkpoint, in the structure of `template(stage)`; None if nothing was saved."""
    position = checkpoints.position()
    if position is None:
        return None
    like = template(int(position["stage"]))
    arrays = checkpoints.arrays(_flat(like.arrays()))
    kept, static = eqx.partition(like.arrays(), eqx.is_array)
    leaves = [jnp.asarray(arrays[str(number)]) for number in range(len(jax.tree.leaves(kept)))]
    filled = eqx.combine(jax.tree.unflatten(jax.tree.structure(kept), leaves), static)
    snapshot = dataclasses.replace(like, **sharding.everywhere(filled), **position["snapshot"])
    seconds = float(position["seconds"])
    return Standing(int(position["stage"]), snapshot, list(position["stages"]), int(position["total_steps"]), seconds)


def _flat(tree: Any) -> dict[str, Any]:
    return {str(number): leaf for number, leaf in enumerate(jax.tree.leaves(eqx.filter(tree, eqx.is_array)))}
