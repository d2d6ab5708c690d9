"""The base class of PDE definitions: physics only, read alike by networks, checks and discretisations."""

import abc
import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, dataclass_transform

from spinn.pdes._conditions import At, Condition, Initial
from spinn.pdes._domain import Box
from spinn.pdes._reference import Reference

NOWHERE = Box()  # without axes: every definition gives its own domain


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclasses.dataclass(frozen=True, kw_only=True)
class PDE(abc.ABC):
    """A partial differential equation with its domain, conditions and, where known, exact or reference solution.

    A subclass names its `coordinates`, `unknowns` and `domain`, declares its parameters as annotated fields with
    defaults, and writes `residual(self, <unknowns>, <coordinates>)` and `conditions(self)`. Subclasses become frozen
    dataclasses by themselves; parameters and `domain` are keyword arguments.

        class Heat(PDE):
            coordinates = ("t", "x")
            unknowns = ("u",)
            domain = Box(t=(0, 1), x=(0, 1))
            kappa: float = 0.1  # diffusivity

            def residual(self, u, t, x):
                return u.d("t") - self.kappa * u.d("xx")

    `residual` returns a field, a tuple of fields or a dict of named fields. `exact(self, <coordinates>)` returns one
    expression, or a tuple with one an unknown; `reference(self)` returns a `Reference` of our own making;
    `derived(self, <unknowns>)` returns a dict of further quantities to report and plot.
    """

    coordinates: ClassVar[tuple[str, ...]] = ()
    unknowns: ClassVar[tuple[str, ...]] = ()
    domain: Box = NOWHERE

    def __init_subclass__(cls, **kwargs: Any):
        if "domain" in cls.__dict__:
            cls.__annotations__ = {"domain": Box, **inspect.get_annotations(cls)}
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    def __post_init__(self) -> None:
        if not self.domain.axes:
            example = ", ".join(f"{axis}=(0, 1)" for axis in self.coordinates)
            raise TypeError(f"{type(self).__name__}: expected `domain = Box({example})` in the class, got none")
        if self.domain.axes != self.coordinates:
            raise ValueError(
                f"{type(self).__name__}: the domain must have the axes {', '.join(self.coordinates)} in this order, "
                f"got {', '.join(self.domain.axes)}"
            )
        self.validate()

    @abc.abstractmethod
    def residual(self, *unknowns_then_coordinates: Any) -> Any:
        """The equation, left side minus right side, in the order of the docstring."""

    def residual_weights(self) -> Mapping[str, float]:
        """Loss weights of the residuals by name; 1 where none is given. (Conditions carry their own.)"""
        return {}

    def conditions(self) -> Sequence[Condition]:
        """Initial, boundary and gauge conditions; none by default."""
        return ()

    def exact(self, *coordinates: Any) -> Any:
        """The exact solution, or None where it is not known."""
        return None

    def reference(self) -> Reference | None:
        """A converged numerical solution, computed once and cached, or None where none is made."""
        return None

    def derived(self, *unknowns: Any) -> Mapping[str, Any]:
        """Further quantities of interest, by name, from the unknown fields."""
        return {}

    def flux(self, axis: str, *unknowns_then_coordinates: Any) -> Any:
        """What the equation lets pass through a surface across `axis`, one expression, or a tuple or dict with one an
        equation; interfaces between subdomains can ask that both sides agree on it. None: the normal derivatives.
        """
        return None

    @property
    def gives_flux(self) -> bool:
        """Whether the equation says what its flux is."""
        return type(self).flux is not PDE.flux

    def validate(self) -> None:
        """Raise ValueError for parameter values that make no sense; called on construction."""

    @property
    def has_exact(self) -> bool:
        """Whether the class defines an exact solution."""
        return type(self).exact is not PDE.exact

    @property
    def has_reference(self) -> bool:
        """Whether the class makes a reference solution."""
        return type(self).reference is not PDE.reference

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters and their values (everything but the domain)."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "domain"}

    def residuals(self, unknowns: Mapping[str, Any], coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """The residual as a dict: `residual` alone, `residual_0, ...` for a tuple, or the names that the PDE gives."""
        result = self.residual(*unknowns.values(), *coordinates.values())
        if isinstance(result, Mapping):
            return dict(result)
        if isinstance(result, tuple | list):
            return {f"residual_{index}": part for index, part in enumerate(result)}
        return {"residual": result}

    def fluxes(self, axis: str, unknowns: Mapping[str, Any], coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """The fluxes across an axis by name; the normal derivative of each unknown where the PDE gives none."""
        result = self.flux(axis, *unknowns.values(), *coordinates.values())
        if result is None:
            return {name: field.d(axis) for name, field in unknowns.items()}
        if isinstance(result, Mapping):
            return dict(result)
        return {f"flux_{index}": part for index, part in enumerate(result if isinstance(result, tuple) else (result,))}

    def condition_residuals(self, at: At, before: At | None = None) -> dict[str, tuple[Any, float]]:
        """Every condition's residual fields with their weights, by a name unique among the conditions.

        `before`: the fields of an earlier time window; initial conditions then ask for its values, not the PDE's.
        """
        result: dict[str, tuple[Any, float]] = {}
        for condition in self.conditions():
            if before is not None and isinstance(condition, Initial):
                found = condition.continued(at, before, self.domain)
            else:
                found = condition.residuals(at, self.domain)
            for name, field in found.items():
                unique = name if name not in result else f"{name}_{len(result)}"
                result[unique] = (field, getattr(condition, "weight", 1.0))
        return result

    def exact_solution(self, *coordinates: Any) -> dict[str, Any]:
        """The exact solution as a dict by unknown.

        **Raises:** ValueError if the PDE has none.
        """
        result = self.exact(*coordinates)
        if result is None:
            raise ValueError(f"{type(self).__name__} has no exact solution; use reference()")
        parts = result if isinstance(result, tuple) else (result,)
        return dict(zip(self.unknowns, parts, strict=True))

    @classmethod
    def describe(cls) -> str:
        """The first paragraph of the docstring."""
        return inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n\n")[0]
