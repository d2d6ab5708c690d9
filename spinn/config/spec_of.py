"""From a PDE in memory back to the words that name it in a configuration."""

import sys
from pathlib import Path
from typing import Any

from spinn.config.diagnosis import source_file
from spinn.config.models import PdeSpec
from spinn.pdes import PDE, Box, available


def spec_of(pde: PDE) -> PdeSpec:
    """Name and parameters of a PDE: its shipped name, or file.py:Class.

    A class typed into a notebook has no file; its bare name stands for it, and such a run can be read again only where
    the class is given anew.
    """
    return PdeSpec(name=_name(type(pde)), params=_plain(pde.parameters))


def domain_of(pde: PDE) -> dict[str, tuple[float, float]]:
    """The intervals in which a PDE's domain differs from its class's."""
    own = getattr(type(pde), "domain", None)
    known = own.intervals if isinstance(own, Box) else {}
    return {axis: ends for axis, ends in pde.domain.intervals.items() if known.get(axis) != ends}


def _name(cls: type[PDE]) -> str:
    package, _, module = cls.__module__.rpartition(".")
    if package == "spinn.pdes" and module in available():
        return module
    file = source_file(cls)
    in_file = (
        file is not None
        and file.suffix == ".py"
        and getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls
    )
    return f"{Path(str(file)).resolve()}:{cls.__name__}" if in_file else cls.__name__


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Tuples as lists, as YAML has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in parameters.items()}
