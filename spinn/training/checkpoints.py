"""Saving and restoring the state of training with orbax: arrays as a tree, position and history as JSON."""

import dataclasses
import functools
import shutil
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
        """Write a checkpoint under a number larger than all before.

        **Raises:** SpinnError if the system refuses (the disk is full, say).
        """
        import orbax.checkpoint as ocp

        items = ocp.args.Composite(arrays=ocp.args.StandardSave(arrays), position=ocp.args.JsonSave(position))
        try:
            self.manager.save(number, args=items)
            self.manager.wait_until_finished()
        except (OSError, ValueError) as error:  # tensorstore tells of a full disk by a ValueError
            raise SpinnError(
                f"could not write a checkpoint: {_short(error)}; free some space, then continue with --resume",
                file=self.folder,
            ) from None
        self.last = time.monotonic()

    def position(self) -> dict[str, Any] | None:
        """Where the newest whole checkpoint stands, or None if there is none."""
        import orbax.checkpoint as ocp

        newest = self.newest()
        if newest is None:
            return None
        restored = self.manager.restore(newest, args=ocp.args.Composite(position=ocp.args.JsonRestore()))
        return restored["position"]

    def newest(self) -> int | None:
        """The number of the newest whole checkpoint. Torn ones above it are removed: they would block new ones."""
        if not self.folder.is_dir():
            return None
        for number in sorted(self.manager.all_steps(), reverse=True):
            if all((self.folder / str(number) / item).is_dir() for item in ("arrays", "position")):
                return number
            shutil.rmtree(self.folder / str(number), ignore_errors=True)
            self.manager.reload()
        return None

    def arrays(self, like: Any) -> Any:
        """The arrays of the newest checkpoint, in the structure, shapes and types of `like`.

        **Raises:** SpinnError if they cannot be read.
        """
        import orbax.checkpoint as ocp

        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        newest = self.newest()
        try:
            restored = self.manager.restore(newest, args=ocp.args.Composite(arrays=ocp.args.StandardRestore(shapes)))
        except (OSError, ValueError, KeyError) as error:
            folder = self.folder / str(newest)
            raise SpinnError(
                f"expected a whole checkpoint, got {_short(error)}; remove this folder to resume from the one before",
                file=folder,
            ) from None
        return restored["arrays"]

    def close(self) -> None:
        """Release orbax's resources."""
        if "manager" in self.__dict__:
            self.manager.close()


def _short(error: Exception) -> str:
    """The first line of an error, without the lists of paths that tensorstore adds."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
