"""Compiling, timing and weighing programs for the benchmarks, and saying on what machine."""

import dataclasses
import datetime
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled program, what compiling it took, and the memory that it asks for (arguments, results, workspace)."""

    run: Callable[..., Any]
    compile_seconds: float
    peak_bytes: int


def warm_up() -> None:
    """One compilation that does not count: the first one starts the compiler."""
    jax.block_until_ready(jax.jit(lambda x: x + 1)(1.0))


def compiled(function: Callable[..., Any], *arguments: Any) -> Program:
    """Trace and compile from cold."""
    start = time.perf_counter()
    executable = jax.jit(function).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    sizes: Any = executable.memory_analysis()
    whole = sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes
    return Program(executable, seconds, whole)


def interleaved(programs: Mapping[str, Program], arguments: Sequence[Any], repeats: int) -> dict[str, list[float]]:
    """Wall-clock seconds of each run: every program in turn, `repeats` times.

    A turn is two runs, of which the second counts: steps of training follow each other, and the first one after another
    program finds that one's memory and caches.
    """
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            jax.block_until_ready(program.run(*arguments))
            start = time.perf_counter()
            jax.block_until_ready(program.run(*arguments))
            times[name].append(time.perf_counter() - start)
    return times


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def free_bytes() -> int | None:
    """Memory that the device (or, on a processor, the machine) could still give; None where it does not say."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        limit = stats.get("bytes_limit")
        return None if limit is None else limit - stats.get("bytes_in_use", 0)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), None)


def resident_peak_bytes() -> int:
    """The most memory that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    device = jax.devices()[0]
    return {
        "device": f"{device.platform} ({device.device_kind})",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "jax": jax.__version__,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of equal keys as columns, the first flush left."""
    if not rows:
        return "(no rows)"
    names = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in names]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join([cells[0].ljust(len(first)), *rest])

    return "\n".join(line(cells) for cells in (names, ["-" * w for w in widths], *(list(r.values()) for r in rows)))


def described(facts: Mapping[str, Any]) -> str:
    """One line a fact."""
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def save(folder: Path, name: str, text: str, data: Mapping[str, Any]) -> None:
    """`name.txt` to read and `name.json` to compute with."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text(text + "\n")
    (folder / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n")
