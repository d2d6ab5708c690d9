"""Interface conditions by name: what the two sides of an interface are asked to agree on.

Li et al. (METALIC, ICML 2023), table 1, with Jagtap et al. (cPINN, CMAME 365, 2020) and Jagtap and Karniadakis (XPINN,
CiCP 28, 2020). Every condition is made of traces: fields that one side evaluates on its face. On the face x_i = c of a
separable field the factors along the face are those of the cell's grid, so a trace is one contraction.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from spinn.errors import SpinnError
from spinn.pdes import PDE, Face, Local, orders_of

Traces = dict[str, Array]  # by name, of the shape of the face


@dataclasses.dataclass(frozen=True)
class InterfaceCondition:
    """`traces` of one side; `jump`: their difference should vanish, else each side's should, on its own.

    `factor`: of the mean square, 1/2 where both sides are compared with their average.
    """

    traces: Callable[[PDE, Local, str], dict[str, Any]]
    jump: bool = True
    factor: float = 1.0
    gradient: bool = False  # whether the gradient of the traces is meant


def _values(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return dict(local.unknowns)


def _slopes(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return {name: field.d(axis) for name, field in local.unknowns.items()}


def _tangential_slopes(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return {f"{name}_{a}": field.d(a) for name, field in local.unknowns.items() for a in _along(pde, axis)}


def _curvatures(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return {name: field.d(axis, axis) for name, field in local.unknowns.items()}


def _tangential_curvatures(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return {f"{name}_{a}": field.d(a, a) for name, field in local.unknowns.items() for a in _along(pde, axis)}


def _fluxes(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return dict(pde.fluxes(axis, local.unknowns, local.coordinates))


def _residuals(pde: PDE, local: Local, axis: str) -> dict[str, Any]:
    return dict(pde.residuals(local.unknowns, local.coordinates))


def _along(pde: PDE, axis: str) -> tuple[str, ...]:
    """The axes along a face."""
    return tuple(other for other in pde.coordinates if other != axis)


CONDITIONS: Mapping[str, InterfaceCondition] = {
    "solution": InterfaceCondition(_values),
    "average": InterfaceCondition(_values, factor=0.5),
    "residual": InterfaceCondition(_residuals, jump=False),
    "residual_continuity": InterfaceCondition(_residuals),
    "flux": InterfaceCondition(_fluxes),
    "second_normal": InterfaceCondition(_curvatures),
    "second_tangential": InterfaceCondition(_tangential_curvatures),
    "residual_gradient": InterfaceCondition(_residuals, jump=False, gradient=True),
    "normal_gradient": InterfaceCondition(_slopes),
    "tangential_gradient": InterfaceCondition(_tangential_slopes),
}
PRESETS: Mapping[str, tuple[str, ...]] = {
    "cpinn": ("average", "flux"),
    "xpinn": ("average", "residual_continuity"),
    "smooth": ("solution", "normal_gradient"),
}


def conditions_named(names: str | Sequence[str]) -> tuple[str, ...]:
    """The conditions of a preset, or those listed. SpinnError for a name that there is not."""
    if isinstance(names, str):
        if names in PRESETS:
            return PRESETS[names]
        names = (names,)
    strange = [name for name in names if name not in CONDITIONS]
    if strange:
        raise SpinnError(
            f"interface: no condition {', '.join(strange)}; choose among {', '.join(CONDITIONS)}, or a preset: "
            f"{', '.join(PRESETS)}"
        )
    return tuple(names)


def orders_needed(names: Sequence[str], orders: Mapping[str, int]) -> dict[str, int]:
    """Derivatives an axis that these conditions and the equation need."""
    least = {"flux": 1, "normal_gradient": 1, "tangential_gradient": 1, "second_normal": 2, "second_tangential": 2}
    most = max([least.get(name, 0) for name in names], default=0)
    return {axis: max(order, most) for axis, order in orders.items()}


def normal_order(pde: PDE, names: Sequence[str], axis: str) -> int:
    """How many derivatives across `axis` these conditions take of the unknowns, at most."""
    orders = [0]
    for condition in (CONDITIONS[name] for name in names):

        def read(local: Local, condition: InterfaceCondition = condition) -> list[Any]:
            return list(condition.traces(pde, local, axis).values())

        orders.append(orders_of(pde, read)[axis] + condition.gradient)
    return max(orders)


def traces_of(
    pde: PDE,
    names: Sequence[str],
    local_at: Callable[[Mapping[str, Array]], Local],
    points: Mapping[str, Array],
    face: Face,
) -> dict[str, Traces]:
    """The traces of one side on a face, condition by condition.

    `local_at(points)`: the fields of a cell on the face, for points of all axes, so that a gradient of the residual is
    a derivative in the points: at each place of the grid it depends on its own point of an axis alone.
    """
    found: dict[str, Traces] = {}
    shape = tuple(1 if axis == face.axis else points[axis].shape[0] for axis in pde.coordinates)
    for name in names:
        condition = CONDITIONS[name]

        def evaluated(at: Mapping[str, Array], condition: InterfaceCondition = condition) -> Traces:
            fields = condition.traces(pde, local_at(at), face.axis)
            return {key: jnp.broadcast_to(field.value, shape) for key, field in fields.items()}

        if not condition.gradient:
            found[name] = evaluated(points)
            continue
        found[name] = {}
        for axis in pde.coordinates:
            shift = {other: jnp.full_like(p, float(other == axis)) for other, p in points.items()}
            slopes = jax.jvp(evaluated, (dict(points),), (shift,))[1]
            found[name] |= {f"{key}_{axis}": slope for key, slope in slopes.items()}
    return found
