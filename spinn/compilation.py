"""What compiling costs, and how not to pay for it twice: a clock, and XLA's persistent cache switched on for a run."""

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.monitoring
from jax.experimental.compilation_cache import compilation_cache

from spinn.pdes._cache import cache_root

# Tracing, lowering and compiling; the last one covers what is read from the cache instead.
EVENTS = ("jaxpr_trace_duration", "jaxpr_to_mlir_module_duration", "backend_compile_duration")
HIT, MISS = "/jax/compilation_cache/cache_hits", "/jax/compilation_cache/cache_misses"
LARGEST = 2 << 30  # bytes of programs that are kept; the ones unused for longest go first


@dataclasses.dataclass(eq=False)
class CompileClock:
    """Seconds that this thread spent in tracing and compiling while the clock ran. Events nest: they count once."""

    spans: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    from_cache: int = 0
    compiled: int = 0
    thread: int = dataclasses.field(default_factory=threading.get_ident)

    @property
    def seconds(self) -> float:
        """The length of the union of all spans so far."""
        total, end = 0.0, float("-inf")
        for start, stop in sorted(self.spans):
            total += max(stop - max(start, end), 0.0)
            end = max(end, stop)
        return total

    @contextlib.contextmanager
    def running(self) -> Iterator["CompileClock"]:
        """Count until the end of the block."""
        jax.monitoring.register_event_duration_secs_listener(self._lasted)
        jax.monitoring.register_event_listener(self._happened)
        try:
            yield self
        finally:
            jax.monitoring.unregister_event_duration_listener(self._lasted)
            jax.monitoring.unregister_event_listener(self._happened)

    def _lasted(self, event: str, duration_secs: float, **_: Any) -> None:
        if event.endswith(EVENTS) and threading.get_ident() == self.thread:
            now = time.perf_counter()
            self.spans.append((now - duration_secs, now))

    def _happened(self, event: str, **_: Any) -> None:
        self.from_cache += event == HIT
        self.compiled += event == MISS


def programs_folder() -> Path:
    """Where compiled programs are kept."""
    return cache_root() / "programs"


@contextlib.contextmanager
def kept_programs() -> Iterator[None]:
    """Keep compiled programs on disk during the block, unless jax was told already where to, or not to.

    A folder that cannot be written to costs nothing but the time to compile again.
    """
    chosen: Any = jax.config
    if chosen.jax_compilation_cache_dir or not chosen.jax_enable_compilation_cache:
        yield
        return
    folder = programs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _prune(folder)
    except OSError:
        yield
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,  # a run has a hundred small programs
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        _configure(settings)
        yield
    finally:
        _configure(before)


def _configure(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # jax looks for its cache once, at its first compilation


def _prune(folder: Path, largest: int = LARGEST) -> None:
    """Remove the programs that were not used for longest until the rest fits."""
    entries = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            status = path.stat()
            entries.append((status.st_atime, status.st_size, path))
    excess = sum(size for _, size, _ in entries) - largest
    for _, size, path in sorted(entries, key=lambda entry: entry[0]):
        if excess <= 0:
            return
        with contextlib.suppress(OSError):
            os.remove(path)
            excess -= size
