"""The parameter of a PDE that multiplies its highest derivative, found by evaluating the residual with others of it.

A viscosity is told by how the residual changes with it: the change is linear in the unknowns and grows with the wave
number k of a trial field as k^m, where m is the highest order in space. Nothing of the PDE's text is looked at. Larger
values make layers wider, which is where continuation starts from (see `spinn.continuation`).
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from spinn.fields import Grid, Head, JetTable, coordinate_fields, network_field
from spinn.pdes import PDE, derivative_orders

WAVE, POINTS = 200.0, 5  # the wave number of trial fields, times half the length of an axis, and where they are tried
CLOSE = 0.1  # relative deviation from the powers that are expected
STEP = 1.25  # what a parameter is multiplied by on trial


def viscosity_of(pde: PDE) -> tuple[str, float] | None:
    """The name of a real parameter that multiplies the highest derivative in space, and the factor that makes its term
    twice as large: 2 for a viscosity, 1/2 for a Reynolds number. None if there is none.
    """
    orders = derivative_orders(pde)
    order = max((orders[axis] for axis in pde.domain.space), default=0)
    if order < 2:
        return None
    for name, value in pde.parameters.items():
        if isinstance(value, float) and value != 0.0 and (found := _factor(pde, name, value, order)) is not None:
            return name, found
    return None


def _factor(pde: PDE, name: str, value: float, order: int) -> float | None:
    """The factor of one parameter, if it is a viscosity."""
    larger: dict[str, Any] = {name: STEP * value}
    try:
        changed = dataclasses.replace(pde, **larger)
    except Exception:  # a PDE may refuse values, with whatever error it likes
        return None
    with jax.enable_x64(True):
        whole = [_residual(pde, WAVE, size) for size in (1.0, 2.0)]
        change = [_residual(changed, WAVE, size) - here for size, here in zip((1.0, 2.0), whole, strict=True)]
        shorter = _residual(changed, 2.0 * WAVE, 1.0) - _residual(pde, 2.0 * WAVE, 1.0)
    sizes = [float(np.linalg.norm(one)) for one in (*change, shorter)]
    if not all(math.isfinite(size) and size > 0.0 for size in sizes):
        return None
    linear = abs(sizes[1] / (2.0 * sizes[0]) - 1.0) < CLOSE
    highest = abs(sizes[2] / (2.0**order * sizes[0]) - 1.0) < CLOSE
    if not (linear and highest):
        return None
    # The change is along what the residual has of the term already: with a viscosity, against it with its inverse.
    grows = float(np.vdot(change[0], whole[0])) > 0.0
    return 2.0 if grows else 0.5


def _residual(pde: PDE, wave: float, size: float) -> Float[np.ndarray, " values"]:
    """All residuals, inside, of waves along every axis with the same random phases whatever their number."""
    draws, orders = np.random.default_rng(0), derivative_orders(pde)
    points, tables = {}, {}
    for axis in pde.coordinates:
        low, high = pde.domain[axis]
        number = wave * 2.0 / (high - low)
        points[axis] = jnp.asarray(low + (high - low) * draws.uniform(size=POINTS))
        phases = draws.uniform(0.0, 2.0 * math.pi, POINTS)
        rows = [number**m * np.sin(phases + 0.5 * math.pi * m) for m in range(orders[axis] + 1)]
        tables[axis] = JetTable(jnp.asarray(np.stack(rows)[:, :, None]))
    weights = {axis: jnp.full(POINTS, 1.0 / POINTS) for axis in points}
    grid = Grid(pde.coordinates, points, weights)
    amplitude = size * (1.0 + np.arange(len(pde.unknowns)))
    ones = (1,) * len(points)
    unknowns = {
        name: network_field(grid, tables, Head(jnp.full(ones, a), number))
        for number, (name, a) in enumerate(zip(pde.unknowns, amplitude, strict=True))
    }
    found = pde.residuals(unknowns, coordinate_fields(grid))
    values = [getattr(field, "value", field) for field in found.values()]
    return np.concatenate([np.broadcast_to(np.asarray(one, float), grid.shape).reshape(-1) for one in values])
