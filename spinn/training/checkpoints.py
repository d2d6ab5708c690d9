"""Saving and restoring the state of training with orbax: arrays as a tree, position and history as JSON."""

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

import jax

from spinn.errors import SpinnError


@dataclasses.dataclass(eq=False)
class Checkpoints:
    """Checkpoints in a folder, saved at most every `every_seconds`; a half-written one is never seen (orbax renames).

    Not frozen: it remembers when it last saved.
    """

    folder: Path
    every_seconds: float
    keep: int
    last: float = dataclasses.field(default_factory=time.monotonic)

    @functools.cached_property
    def manager(self) -> Any:
        """orbax's manager; imported here because orbax takes seconds to import and short runs never save."""
        import orbax.checkpoint as ocp

        options = ocp.CheckpointManagerOptions(max_to_keep=self.keep, create=True, enable_async_checkpointing=False)
        return ocp.CheckpointManager(self.folder.absolute(), options=options)

    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self.last >= self.every_seconds

    def save(self, number: int, arrays: Any, position: dict[str, Any]) -> None:
        """Write a checkpoint under a number larger than all before."""
        import orbax.checkpoint as ocp

        items = ocp.args.Composite(arrays=ocp.args.StandardSave(arrays), position=ocp.args.JsonSave(position))
        try:
            self.manager.save(number, args=items)
            self.manager.wait_until_finished()
        except OSError as error:
            raise SpinnError(
                f"could not write a checkpoint to {self.folder}: {error}; free some space, then continue with --resume"
            ) from None
        self.last = time.monotonic()

    def position(self) -> dict[str, Any] | None:
        """Where the newest checkpoint stands, or None if there is none."""
        import orbax.checkpoint as ocp

        if not self.folder.is_dir() or self.manager.latest_step() is None:
            return None
        restored = self.manager.restore(
            self.manager.latest_step(), args=ocp.args.Composite(position=ocp.args.JsonRestore())
        )
        return restored["position"]

    def arrays(self, like: Any) -> Any:
        """The arrays of the newest checkpoint, in the structure, shapes and types of `like`."""
        import orbax.checkpoint as ocp

        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        restored = self.manager.restore(
            self.manager.latest_step(), args=ocp.args.Composite(arrays=ocp.args.StandardRestore(shapes))
        )
        return restored["arrays"]

    def close(self) -> None:
        """Release orbax's resources."""
        if "manager" in self.__dict__:
            self.manager.close()
