"""What the training loop tells the outside: one record of progress, and whoever listens to it."""

import dataclasses
from typing import Literal, Protocol, runtime_checkable

Level = Literal["info", "warning"]


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a run stands. Numbers that are not known are None."""

    stage: str
    step: int
    total_steps: int | None
    loss: float
    error: float | None
    points_per_second: float
    seconds_elapsed: float
    seconds_left: float | None


@runtime_checkable
class Reporter(Protocol):
    """Listens to a run, from one thread: for each stage `stage`, then `update` many times; `finish` at the end."""

    def stage(self, name: str, total_steps: int | None) -> None:
        """A stage begins; `total_steps` is None when seconds or a tolerance end it."""

    def update(self, progress: Progress) -> None:
        """A step was made. May be called after every step: listeners limit their own rate."""

    def message(self, text: str, level: Level = "info") -> None:
        """Something that the user should read, such as the recipe that was chosen or a rollback."""

    def finish(self) -> None:
        """The run ended, well or not. Calling it twice does no harm."""
