"""Initial, boundary and gauge conditions. Each turns fields on faces of the domain into residuals that must vanish."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtyping import Array

from spinn.pdes._domain import Box, Face
from spinn.pdes._field import Field

Quantity = str | Callable[..., Any]
Value = float | Array | Callable[..., Any]


class Local(NamedTuple):
    """The unknowns and the coordinates on one face (or, for `None`, on the whole domain)."""

    unknowns: Mapping[str, Field]
    coordinates: Mapping[str, Field]

    def quantity(self, what: Quantity) -> Any:
        """An unknown by name, or a function of all unknowns in order."""
        return self.unknowns[what] if isinstance(what, str) else what(*self.unknowns.values())

    def value(self, what: Value, unknown: Quantity) -> Any:
        """A number, or a function of the coordinates; one that returns a tuple is read by the unknown's position."""
        if not callable(what):
            return what
        result = what(*self.coordinates.values())
        if isinstance(result, tuple):
            if not isinstance(unknown, str):
                raise ValueError("a value for a derived quantity must be a single expression, got a tuple")
            return result[list(self.unknowns).index(unknown)]
        return result


At = Callable[[Face | None], Local]


@dataclasses.dataclass(frozen=True)
class Condition(abc.ABC):
    """One condition. `residuals(at, domain)` asks `at(face)` for the fields on the faces that it needs."""

    unknown: Quantity

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the condition is called in losses and reports."""

    @abc.abstractmethod
    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        """Fields that vanish when the condition holds, by name."""


def _called(unknown: Quantity, label: str | None) -> str:
    if label:
        return label
    return unknown if isinstance(unknown, str) else str(getattr(unknown, "__name__", "quantity"))


def selected_faces(faces: Sequence[Face | str], domain: Box) -> tuple[Face, ...]:
    """Faces as given; an axis name stands for both of its faces; none given means every space face."""
    if not faces:
        return domain.faces()
    chosen: list[Face] = []
    for face in faces:
        chosen.extend(domain.faces(face) if isinstance(face, str) else (face,))
    return tuple(chosen)


@dataclasses.dataclass(frozen=True)
class Initial(Condition):
    """At the start of time: d^order/dt^order of the unknown equals `value(t, x, ...)`."""

    value: Value = 0.0
    order: int = 0
    label: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        return ("initial_" if self.order == 0 else f"initial_d{'t' * self.order}_") + _called(self.unknown, self.label)

    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        if "t" not in domain.axes:
            raise ValueError(
                f"initial condition on '{_called(self.unknown, self.label)}': the problem has no time axis 't' "
                f"(its axes are {', '.join(domain.axes)}); use Dirichlet or Neumann, or add 't' to the coordinates"
            )
        local = at(Face("t", "low"))
        field = local.quantity(self.unknown)
        for _ in range(self.order):
            field = field.d("t")
        return {self.name: field - local.value(self.value, self.unknown)}

    def continued(self, at: At, before: At, domain: Box) -> dict[str, Any]:
        """The same quantity equals that of an earlier time window where this one begins."""
        again = dataclasses.replace(self, value=0.0)
        now, then = again.residuals(at, domain), again.residuals(before, domain)
        return {name: now[name] - then[name] for name in now}


@dataclasses.dataclass(frozen=True)
class Robin(Condition):
    """On faces: a u + b du/dn = value, with n the outward normal."""

    value: Value = 0.0
    a: float = 1.0
    b: float = 1.0
    faces: tuple[Face | str, ...] = ()
    label: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"robin_{_called(self.unknown, self.label)}"

    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        result = {}
        for face in selected_faces(self.faces, domain):
            local = at(face)
            field = local.quantity(self.unknown)
            outward = 1.0 if face.side == "high" else -1.0
            left = field * self.a + field.d(face.axis) * (self.b * outward)
            result[f"{self.name}_{face.axis}_{face.side}"] = left - local.value(self.value, self.unknown)
        return result


@dataclasses.dataclass(frozen=True)
class Neumann(Condition):
    """On faces: the outward normal derivative equals `value`."""

    value: Value = 0.0
    faces: tuple[Face | str, ...] = ()
    label: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"neumann_{_called(self.unknown, self.label)}"

    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        result = {}
        for face in selected_faces(self.faces, domain):
            local = at(face)
            slope = local.quantity(self.unknown).d(face.axis) * (1.0 if face.side == "high" else -1.0)
            result[f"{self.name}_{face.axis}_{face.side}"] = slope - local.value(self.value, self.unknown)
        return result


@dataclasses.dataclass(frozen=True)
class Dirichlet(Condition):
    """On faces: the unknown equals `value`. `value=0.0` (a number) can be built into the network exactly."""

    value: Value = 0.0
    faces: tuple[Face | str, ...] = ()
    label: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"dirichlet_{_called(self.unknown, self.label)}"

    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        result = {}
        for face in selected_faces(self.faces, domain):
            local = at(face)
            field = local.quantity(self.unknown)
            result[f"{self.name}_{face.axis}_{face.side}"] = field - local.value(self.value, self.unknown)
        return result


@dataclasses.dataclass(frozen=True)
class Periodic(Condition):
    """The unknown and its derivatives up to `order` agree on both faces of `axis`. Fourier features hold it exactly."""

    axis: str = "x"
    order: int = 1
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"periodic_{_called(self.unknown, None)}_{self.axis}"

    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        low = at(Face(self.axis, "low")).quantity(self.unknown)
        high = at(Face(self.axis, "high")).quantity(self.unknown)
        result = {}
        for order in range(self.order + 1):
            result[f"{self.name}_{order}"] = high - low
            low, high = low.d(self.axis), high.d(self.axis)
        return result


@dataclasses.dataclass(frozen=True)
class Gauge(Condition):
    """The mean of the unknown over `axes` (all space axes when none is given) equals `value`, at every time."""

    value: Value = 0.0
    axes: tuple[str, ...] = ()
    label: str | None = None
    weight: float = 1.0

    @property
    def name(self) -> str:
        return f"gauge_{_called(self.unknown, self.label)}"

    def residuals(self, at: At, domain: Box) -> dict[str, Any]:
        local = at(None)
        axes = self.axes or domain.space
        target = local.value(self.value, self.unknown)
        difference = local.quantity(self.unknown) - target
        return {self.name: difference.mean(*axes)}
