"""Separable physics-informed neural networks.

    solution = spinn.solve("navier_stokes_3d")      # a PDE's name, a PDE, a YAML file or a Config
    solution(t, x, y, z)                            # arrays that broadcast
    solution = spinn.load("runs/...")               # the same object back

Names are imported at first use: `import spinn` costs nothing, jax starts when something is computed.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinn.api import load as load
    from spinn.api import solve as solve
    from spinn.solution import Solution as Solution

_HOMES = {"solve": "spinn.api", "load": "spinn.api", "Solution": "spinn.solution", "SpinnError": "spinn.errors"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        try:
            return importlib.metadata.version("spinn-pde")
        except importlib.metadata.PackageNotFoundError:  # run from a source tree that was never installed
            return "0+unknown"
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'spinn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "__version__"])
