"""Data parallelism: batches are cut along their samples over all devices, parameters lie on every one of them."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from spinn.errors import SpinnError

AXIS = "samples"


def mesh() -> Mesh | None:
    """All devices of the kind in use, if there are several."""
    chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    platform = chosen.platform if hasattr(chosen, "platform") else None
    devices = jax.devices(platform)
    return Mesh(np.array(devices), (AXIS,)) if len(devices) > 1 else None


def placed(batches: Any) -> Any:
    """Arrays (steps, samples, ...), their samples spread over the devices; as they are on one device."""
    over = mesh()
    if over is None:
        return batches
    return jax.device_put(batches, NamedSharding(over, PartitionSpec(None, AXIS)))


def everywhere(tree: Any) -> Any:
    """Arrays copied to all devices; as they are on one."""
    over = mesh()
    return tree if over is None else jax.device_put(tree, NamedSharding(over, PartitionSpec()))


def check(size: int) -> None:
    """That batches can be cut in equal parts.

    **Raises:** SpinnError where they cannot.
    """
    over = mesh()
    if over is not None and size % over.size:
        raise SpinnError(f"batch: expected a multiple of the {over.size} devices, got {size}")
