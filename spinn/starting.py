"""How many modes a session starts with: read off the data, where that is left to it."""

import dataclasses
from typing import TYPE_CHECKING

import jax
import numpy as np

from spinn.assembly import build_objective, build_sampler, first_modes
from spinn.growth import MAX_GLOBAL_MODES
from spinn.lifting import blocks_of
from spinn.multidomain.growth import first_cell_modes
from spinn.objective import SeparableObjective
from spinn.objective.parametric import blocks_at
from spinn.ranking import first_whole
from spinn.sampling import AxisSampler
from spinn.spectrum import MAX_FIRST_UNKNOWNS, PROBE_POINTS, data_modes, limited
from spinn.stagewise import bandwidths, zero_field

if TYPE_CHECKING:
    from spinn.session import Session


def start_modes(session: "Session") -> tuple[dict[str, int], float]:
    """Modes of the first level (where ranks grow: of a later one), and the loss of the zero field, 0 if not needed."""
    plan, pde = session.plan, session.pde
    if plan.decomposition is not None:
        return _start_cells(session)
    configured = first_modes(plan, pde)
    modes = first_whole(plan, pde, configured)
    if not (plan.adaptive or plan.is_second_order or plan.grows_ranks):
        return configured, 0.0
    probe = dict.fromkeys(pde.coordinates, PROBE_POINTS.get(len(pde.coordinates), 10))
    sampler = build_sampler(plan, pde, modes)
    assert isinstance(sampler, AxisSampler)
    sampler = dataclasses.replace(sampler, counts=probe)
    network = session.network(0, modes) if plan.is_basis else zero_field(session.network(0, modes))
    batch = sampler.draw(session.domain(0), key=jax.random.key(0))
    objective = build_objective(plan, pde, sampler)
    assert isinstance(objective, SeparableObjective)
    data = blocks_of(plan.embedding.traces)
    # Ranks start from what the data show along each axis, which the coordinates of a compressed grid do not tell.
    norm = "grid" if plan.grows_ranks else objective.norm
    objective = dataclasses.replace(objective, skip=objective.skip - data, norm=norm)
    blocks = blocks_at(objective, network, batch)
    arrays = {name: np.asarray(block) for name, block in blocks.items()}
    zero_loss = 0.5 * sum(float(np.sum(array**2)) for array in arrays.values())
    if plan.is_second_order:
        return bandwidths(plan, arrays, modes), zero_loss
    if not plan.adaptive:
        return configured, zero_loss
    periodic = plan.embedding.periodic
    found = data_modes(arrays, pde.coordinates, periodic, modes)
    if plan.grows_ranks:
        return {axis: min(n, MAX_GLOBAL_MODES[axis in periodic]) for axis, n in found.items()}, zero_loss
    return limited(found, periodic, len(pde.unknowns), MAX_FIRST_UNKNOWNS), zero_loss


def _start_cells(session: "Session") -> tuple[dict[str, int], float]:
    """The same for subdomains."""
    plan, pde = session.plan, session.pde
    if not plan.adaptive:
        return first_modes(plan, pde), 0.0
    modes = first_cell_modes(pde.coordinates)
    posed = session.problem(zero_field(session.network(0, modes)), modes)
    context = posed.problem.draw(jax.random.key(0))
    loss, _ = jax.jit(posed.problem.loss)(posed.params, context, posed.problem.scales)
    return modes, float(loss)
