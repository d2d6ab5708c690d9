"""Progress of things that are counted: samples made, checksums recomputed."""

import sys
import time
from collections.abc import Callable

from spinn.output.formatting import duration
from spinn.output.progress import Stream

EVERY = 2.0  # seconds between lines where no terminal looks on


def make_counter(
    what: str, *, quiet: bool = False, stream: Stream | None = None, clock: Callable[[], float] = time.monotonic
) -> Callable[[int, int], None]:
    """A function of the number done and the number of all that tells people, with an estimate of the time left.

    One line that changes in place on a terminal, one at most every two seconds elsewhere; nothing for what takes less.
    """
    out = sys.stderr if stream is None else stream
    if quiet:
        return lambda done, total: None
    began = clock()
    first: list[int] = []
    told = [began]

    def tell(done: int, total: int) -> None:
        if not first:
            first.append(max(done - 1, 0))
        now = clock()
        ended = done >= total
        if now - told[0] < (0.2 if out.isatty() else EVERY) and not (ended and now - began > EVERY):
            return
        told[0] = now
        rate = (done - first[0]) / max(now - began, 1e-9)
        left = f"{duration((total - done) / rate)} left" if rate > 0 else ""
        line = f"{done}/{total} {what}  {rate:.3g}/s  {left}"
        try:
            print(
                f"\r\x1b[K{line}" if out.isatty() else line,
                end="\n" if ended or not out.isatty() else "",
                file=out,
                flush=True,
            )
        except (OSError, ValueError):  # a broken pipe: the work matters more
            told[0] = float("inf")

    return tell
