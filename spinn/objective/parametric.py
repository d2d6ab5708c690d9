"""Real parameters of a PDE as arguments of compiled programs, so that other values of them need no other programs.

A parameter that residuals or conditions branch on, or give to functions of plain numbers (`math.sin`), stays a constant
of the program: whether one can be traced is found by tracing residuals and conditions on a few points.
"""

import copy
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields import Grid, Head, JetTable, coordinate_fields, network_field
from spinn.networks.separable import SeparableNetwork
from spinn.objective.separable import SeparableObjective
from spinn.pdes import PDE, Face, Local, derivative_orders
from spinn.sampling.separable import AxisBatch

POINTS = 2  # of each axis, on which a parameter is tried


class Parametric(eqx.Module):
    """A PDE as an argument of a compiled function: the values of its parameters apart from the rest."""

    rest: PDE = eqx.field(static=True)
    values: dict[str, Float[Array, ""]]

    @property
    def pde(self) -> PDE:
        """The PDE with these values."""
        return with_values(self.rest, self.values)


def parametric(pde: PDE) -> Parametric:
    """The PDE with those of its real parameters apart that can be traced."""
    return Parametric(pde, {name: jnp.asarray(pde.parameters[name]) for name in traceable(pde)})


def with_values(pde: PDE, values: Mapping[str, Any]) -> PDE:
    """A copy with other values, which it does not check: numbers that are being traced cannot be compared."""
    changed = copy.copy(pde)
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    return changed


def blocks_at(objective: SeparableObjective, network: SeparableNetwork, batch: Any) -> dict[str, Array]:
    """The blocks of an objective, compiled with the parameters as arguments."""

    def blocks(varied: Parametric, network: SeparableNetwork, batch: AxisBatch) -> dict[str, Array]:
        return dataclasses.replace(objective, pde=varied.pde).blocks(network, batch)

    found: dict[str, Array] = eqx.filter_jit(blocks)(parametric(objective.pde), network, batch)
    return found


@functools.lru_cache(maxsize=64)
def traceable(pde: PDE) -> tuple[str, ...]:
    """The names of the real parameters that residuals and conditions can be traced in."""
    return tuple(name for name, value in pde.parameters.items() if isinstance(value, float) and _traces(pde, name))


def _traces(pde: PDE, name: str) -> bool:
    try:
        jax.eval_shape(lambda value: _evaluated(with_values(pde, {name: value})), pde.parameters[name])
    except Exception:  # a PDE may do with numbers whatever it likes
        return False
    return True


def _evaluated(pde: PDE) -> list[Array]:
    """All residuals and conditions of fields of zeros."""
    orders = derivative_orders(pde)
    points = {axis: jnp.linspace(*pde.domain[axis], POINTS) for axis in pde.coordinates}
    tables = {axis: JetTable(jnp.zeros((orders[axis] + 1, POINTS, 1))) for axis in points}
    grid = Grid(pde.coordinates, points, {axis: jnp.full(POINTS, 1.0 / POINTS) for axis in points})
    ones = jnp.ones((1,) * len(points))
    unknowns = {name: network_field(grid, tables, Head(ones, place)) for place, name in enumerate(pde.unknowns)}
    local = Local(unknowns, coordinate_fields(grid))

    def at(_: Face | None) -> Local:
        return local

    conditions = [field for field, _ in pde.condition_residuals(at).values()]
    found = [*pde.residuals(*local).values(), *conditions]
    return [jnp.asarray(getattr(field, "value", field)) for field in found]
