"""What a run ran on: enough to tell two runs apart, nothing that names the user."""

import functools
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

PACKAGES = (
    "spinn-pde", "jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "diffrax", "flax", "orbax-checkpoint",
    "jaxtyping", "h5py", "pydantic", "pyyaml", "rich", "matplotlib",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Installed versions of the packages that a result depends on; those not installed are left out."""
    return dict(_versions())


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Looked up once: a tenth of a second, and they do not change while a process runs."""
    found = []
    for name in PACKAGES:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return tuple(found)


def environment(device: str, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """Python, packages, machine and command of this process, as plain data; `device` as the engine calls it."""
    return {
        "python": platform.python_version(),
        "packages": versions(),
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": _cores(),
            "memory_bytes": _memory(),
        },
        "device": device,
        "argv": list(sys.argv if argv is None else argv),
    }


def _processor() -> str:
    """The processor's name: Linux keeps it where `platform` does not look."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Cores that this process may use, which a container can make fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> int | None:
    """Main memory in bytes, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
