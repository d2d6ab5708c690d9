"""Which conditions the axis features can hold exactly, so that no loss term is needed for them."""

import dataclasses
import numbers
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import numpy as np

from spinn.pdes import PDE, Condition, Dirichlet, Face, Initial, Neumann, Periodic, Robin
from spinn.pdes._conditions import selected_faces


@dataclasses.dataclass(frozen=True)
class Trace:
    """What conditions prescribe at one end of an axis: sum_m weights[m] d^m u / dx^m, for some unknowns or all.

    `blocks`: the condition's residual for each unknown that it is prescribed for, by name; for the zero field they are
    minus what is prescribed.
    """

    side: Literal["low", "high"]
    weights: tuple[float, ...]
    blocks: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Axes built periodic, ends at which all unknowns are built to vanish, and condition blocks thus covered.

    `traces`: conditions that fixed features hold exactly, whatever their values, by axis (see `spinn.lifting`); trained
    networks hold those that `vanish`.
    """

    periodic: frozenset[str] = frozenset()
    vanish: Mapping[str, tuple[bool, bool]] = dataclasses.field(default_factory=dict)
    skip: frozenset[str] = frozenset()
    traces: Mapping[str, tuple[Trace, ...]] = dataclasses.field(default_factory=dict)

    def ends(self, axis: str) -> tuple[bool, bool]:
        """Whether features vanish at the low and at the high end of an axis."""
        return self.vanish.get(axis, (False, False))

    def without_periodic(self, axes: Iterable[str]) -> "Embedding":
        """The same with the periodicity of some axes left to the loss, since their features do not hold it."""
        left = self.periodic.intersection(axes)
        skip = {name for name in self.skip if not (name.startswith("periodic_") and name.rsplit("_", 1)[1] in left)}
        return dataclasses.replace(self, periodic=self.periodic - left, skip=frozenset(skip))

    def without(self, axes: Iterable[str]) -> "Embedding":
        """The same with the conditions at the ends of some axes left to the loss."""
        left = [trace for axis in axes for trace in self.traces.get(axis, ())]
        names = {name for trace in left for name in trace.blocks.values()}
        kept = {axis: traces for axis, traces in self.traces.items() if axis not in set(axes)}
        return dataclasses.replace(self, traces=kept, skip=self.skip - names)


def traced_embedding_of(pde: PDE) -> Embedding:
    """What fixed features can hold: periodicity of all unknowns, and values, slopes or a mixture at faces and at the
    start of time, of any of them.
    """
    periodic = _periodic_axes(pde)
    found: dict[tuple[str, Literal["low", "high"], tuple[float, ...]], dict[str, str]] = {}
    for condition in pde.conditions():
        for axis, side, weights, block in _prescribed(condition, pde):
            if isinstance(condition.unknown, str) and axis not in periodic:
                found.setdefault((axis, side, weights), {}).setdefault(condition.unknown, block)
    traces: dict[str, tuple[Trace, ...]] = {}
    for (axis, side, weights), blocks in sorted(found.items(), key=lambda item: -len(item[1])):
        more = (*traces.get(axis, ()), Trace(side, weights, blocks))
        if _independent([one.weights for one in more if one.side == side]):
            traces[axis] = more
    skip = {f"periodic_{name}_{axis}" for axis in periodic for name in pde.unknowns}
    skip |= {name for held in traces.values() for trace in held for name in trace.blocks.values()}
    return Embedding(periodic, {}, frozenset(skip), traces)


def _independent(weights: list[tuple[float, ...]]) -> bool:
    """Whether none of the traces at one end follows from the others (a Robin value from value and slope, say)."""
    table = np.zeros((len(weights), max(map(len, weights))))
    for row, given in zip(table, weights, strict=True):
        row[: len(given)] = given
    return int(np.linalg.matrix_rank(table)) == len(weights)


def _prescribed(condition: Condition, pde: PDE) -> Iterator[tuple[str, Literal["low", "high"], tuple[float, ...], str]]:
    """Axis, side, weights of the derivatives, and residual name of each face of a condition."""
    if isinstance(condition, Initial):
        if "t" in pde.domain.axes:
            yield "t", "low", (0.0,) * condition.order + (1.0,), condition.name
        return
    if not isinstance(condition, Dirichlet | Neumann | Robin):
        return
    for face in selected_faces(condition.faces, pde.domain):
        outward = 1.0 if face.side == "high" else -1.0
        if isinstance(condition, Dirichlet):
            weights: tuple[float, ...] = (1.0,)
        elif isinstance(condition, Neumann):
            weights = (0.0, outward)
        else:
            weights = (float(condition.a), float(condition.b) * outward)
        yield face.axis, face.side, weights, f"{condition.name}_{face.axis}_{face.side}"


def _periodic_axes(pde: PDE) -> frozenset[str]:
    """Axes along which every unknown is periodic."""
    declared = _declared(pde)[0]
    return frozenset(axis for axis, names in declared.items() if names >= set(pde.unknowns))


def embedding_of(pde: PDE) -> Embedding:
    """What trained networks can hold: periodicity and zero Dirichlet values that hold for every unknown."""
    periodic, zero_by = _periodic_axes(pde), _declared(pde)[1]
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
