"""Which conditions the axis features can hold exactly, so that no loss term is needed for them."""

import dataclasses
import numbers
from collections.abc import Iterable, Mapping

from spinn.pdes import PDE, Dirichlet, Face, Periodic
from spinn.pdes._conditions import selected_faces


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Axes built periodic, ends at which all unknowns are built to vanish, and condition blocks thus covered."""

    periodic: frozenset[str] = frozenset()
    vanish: Mapping[str, tuple[bool, bool]] = dataclasses.field(default_factory=dict)
    skip: frozenset[str] = frozenset()

    def ends(self, axis: str) -> tuple[bool, bool]:
        """Whether features vanish at the low and at the high end of an axis."""
        return self.vanish.get(axis, (False, False))

    def without_periodic(self, axes: Iterable[str]) -> "Embedding":
        """The same with the periodicity of some axes left to the loss, since their features do not hold it."""
        left = self.periodic.intersection(axes)
        skip = {name for name in self.skip if not (name.startswith("periodic_") and name.rsplit("_", 1)[1] in left)}
        return Embedding(self.periodic - left, self.vanish, frozenset(skip))


def embedding_of(pde: PDE) -> Embedding:
    """Everything that can be embedded: periodicity and zero Dirichlet values that hold for every unknown."""
    periodic_by, zero_by = _declared(pde)
    periodic = frozenset(axis for axis, names in periodic_by.items() if names >= set(pde.unknowns))
    faces = {face for face, names in zero_by.items() if names >= set(pde.unknowns) and face.axis not in periodic}
    vanish = {
        axis: (Face(axis, "low") in faces, Face(axis, "high") in faces)
        for axis in pde.coordinates
        if any(face.axis == axis for face in faces)
    }
    skip = {f"periodic_{name}_{axis}" for axis in periodic for name in pde.unknowns}
    skip |= {f"dirichlet_{name}_{face.axis}_{face.side}" for face in faces for name in pde.unknowns}
    return Embedding(periodic, vanish, frozenset(skip))


def _declared(pde: PDE) -> tuple[dict[str, set[str]], dict[Face, set[str]]]:
    """Unknowns declared periodic, by axis, and declared zero, by face."""
    periodic: dict[str, set[str]] = {}
    zero: dict[Face, set[str]] = {}
    for condition in pde.conditions():
        if not isinstance(condition.unknown, str):
            continue
        if isinstance(condition, Periodic):
            periodic.setdefault(condition.axis, set()).add(condition.unknown)
        elif isinstance(condition, Dirichlet) and _is_zero(condition):
            for face in selected_faces(condition.faces, pde.domain):
                zero.setdefault(face, set()).add(condition.unknown)
    return periodic, zero


def _is_zero(condition: Dirichlet) -> bool:
    return condition.label is None and isinstance(condition.value, numbers.Number) and condition.value == 0.0
