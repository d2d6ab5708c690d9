"""Which axes of a dataset close on themselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spinn.data.families import FAMILIES, Family, NavierStokes2D, StencilFamily
from spinn.data.families.evolving import MethodOfLinesFamily
from spinn.errors import SpinnError


def periodic_axes(
    described: Mapping[str, Any], axes: Mapping[str, np.ndarray], file: Path | None = None
) -> frozenset[str]:
    """The periodic axes of space: those whose last node lies before the end of the family's domain.

    On other axes nodes include both faces. `described`: the family as the recipe in the file has it.

    **Raises:** SpinnError for a family whose domain is not known here.
    """
    ends = _ends(described)
    space = {name: nodes for name, nodes in axes.items() if name != "t"}
    if set(ends) != set(space):
        raise SpinnError(
            f"the layout well says which axes are periodic, and the domain of the family {described['name']} is not "
            f"known: expected a family made from_pde, or one of {', '.join(FAMILIES)}; convert to pdebench instead",
            file=file,
        )
    return frozenset(name for name, nodes in space.items() if nodes[-1] < ends[name] - np.ptp(nodes) / (2 * len(nodes)))


def _ends(described: Mapping[str, Any]) -> dict[str, float]:
    """Where each axis of space ends: told by the recipe of a family made `from_pde`, else by the family itself."""
    for key in ("definition", "given"):
        if key in described:
            domain = described[key]["domain"]
            return {axis: float(interval[1]) for axis, interval in domain.items() if axis != "t"}
    found = FAMILIES.get(described["name"])
    return {} if found is None else _ends_of(found(grid=tuple(described["grid"])))


def _ends_of(family: Family) -> dict[str, float]:
    if isinstance(family, StencilFamily):
        return {axis.name: axis.high for axis in family.layout.axes}
    if isinstance(family, MethodOfLinesFamily):
        domain = family.definition.domain
        return {axis: float(domain[axis][1]) for axis in domain.space}
    return dict.fromkeys(family.axes, 1.0) if isinstance(family, NavierStokes2D) else {}
