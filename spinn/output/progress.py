"""Reporters: one live line on a terminal, a plain line now and then elsewhere, or nothing."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from spinn.output.formatting import compact, count, duration, scientific
from spinn.training.reporting import Level, Progress, Reporter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text


@runtime_checkable
class Stream(Protocol):
    """What lines are written to: a file, a terminal, a notebook's output."""

    def write(self, text: str, /) -> Any:
        """Take some text."""

    def flush(self) -> Any:
        """Show it now."""

    def isatty(self) -> bool:
        """Whether a person looks at it line by line."""


def make_reporter(*, quiet: bool = False, stream: Stream | None = None) -> Reporter:
    """The reporter that suits a stream (standard error by default, which leaves standard output to results)."""
    stream = sys.stderr if stream is None else stream
    if quiet:
        return SilentReporter()
    if stream.isatty():
        from rich.console import Console

        console = Console(file=stream)  # type: ignore[arg-type]  # asks for more of a file than it uses
        if console.is_interactive and not console.is_dumb_terminal:
            return RichReporter(console)
    return PlainReporter(stream)


def describe(progress: Progress) -> str:
    """One line: stage, step, loss, error, speed and time, without what is not known."""
    steps = count(progress.step) + (f"/{count(progress.total_steps)}" if progress.total_steps is not None else "")
    parts = [f"{progress.stage} {steps}", f"loss {scientific(progress.loss)}"]
    if progress.error is not None:
        parts.append(f"error {scientific(progress.error)}")
    if progress.points_per_second > 0:
        parts.append(f"{compact(progress.points_per_second)} pts/s")
    parts.append(duration(progress.seconds_elapsed))
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(parts)


class SilentReporter:
    """Says nothing."""

    def stage(self, name: str, total_steps: int | None) -> None:
        """Nothing."""

    def update(self, progress: Progress) -> None:
        """Nothing."""

    def message(self, text: str, level: Level = "info") -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


class PlainReporter:
    """Plain lines for logs and pipes: one at most every `every` seconds, and one at the end of each stage.

    A reader that has gone away (a closed pipe) does not stop the run.
    """

    def __init__(self, stream: Stream, *, every: float = 2.0, clock: Callable[[], float] = time.monotonic):
        self._stream: Stream | None = stream
        self._every = every
        self._clock = clock
        self._told_at = -float("inf")
        self._untold: Progress | None = None

    def stage(self, name: str, total_steps: int | None) -> None:
        """End the last stage with its last state."""
        self._tell_last()
        self._told_at = -float("inf")  # the first step of a stage shows at once

    def update(self, progress: Progress) -> None:
        """A line, unless one was told just now."""
        now = self._clock()
        if now - self._told_at < self._every:
            self._untold = progress
            return
        self._told_at, self._untold = now, None
        self._print(describe(progress))

    def message(self, text: str, level: Level = "info") -> None:
        """A line of its own."""
        self._print(f"warning: {text}" if level == "warning" else text)

    def finish(self) -> None:
        """The last state."""
        self._tell_last()

    def _tell_last(self) -> None:
        if self._untold is not None:
            self._print(describe(self._untold))
            self._untold = None

    def _print(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            print(line, file=self._stream, flush=True)
        except (OSError, ValueError):  # a broken pipe, a full disk, a closed stream: the run matters more
            self._stream = None


class RichReporter:
    """One line that changes in place with a bar; each stage leaves its last state behind."""

    def __init__(self, console: "Console"):
        self._console = console
        self._live: Live | None = None
        self._last: Progress | None = None

    def stage(self, name: str, total_steps: int | None) -> None:
        """Leave the last stage's line, and begin a new one."""
        self._leave()
        from rich.live import Live

        self._live = Live(console=self._console, refresh_per_second=8, transient=True, get_renderable=self._line)
        self._live.start()

    def update(self, progress: Progress) -> None:
        """Keep it: the display's own thread draws it, eight times a second."""
        self._last = progress

    def message(self, text: str, level: Level = "info") -> None:
        """A line of its own above the live one."""
        from rich.text import Text

        warning = level == "warning"
        self._console.print(Text(f"warning: {text}" if warning else text, style="yellow" if warning else ""))

    def finish(self) -> None:
        """Leave the last state behind, and give the terminal back."""
        self._leave()

    def _leave(self) -> None:
        """Take the live line away and leave the last state in its place."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._last is not None:
            self._console.print(self._line(), overflow="ellipsis", no_wrap=True)
            self._last = None

    def _line(self) -> "Text":
        from rich.text import Text

        if self._last is None:
            return Text("compiling", style="dim")
        text = Text(no_wrap=True, overflow="ellipsis")
        total = self._last.total_steps
        if total:
            done = min(1.0, self._last.step / total)
            filled = round(16 * done)
            text.append("━" * filled, style="green").append("━" * (16 - filled), style="bright_black").append(" ")
        return text.append(describe(self._last))
