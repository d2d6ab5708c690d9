"""How a session grows the ranks of a Tucker core: by what the residual asks for, level after level.

The first level has a whole core over few modes. From then on the core lives on subspaces of the features of each axis
(see `spinn.subspaces`). After each level they lose the directions that the solution does not need beside its residual
(HOSVD), get the modes that the spectra ask for, and get new directions: those in which a step against the residual is
largest. The step is a few iterations of least squares from where the level ended, on the whole core: one program for
all levels of the same modes. Where the whole core is too large even for that, each axis has a step of its own, on a
core that is whole along it and along the others has the subspaces and a few random directions beside them, since what
a solution lacks may lie outside of several subspaces at once.

Growth ends at the residual that ends other runs, where neither ranks nor modes have lowered it any more (several levels
in a row have left more than `WORTHWHILE` of it), where subspaces are whole and modes resolved, or at the budget.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.assembly import build_objective, build_sampler
from spinn.growth import ENOUGH_LOSS, MAX_UNKNOWNS, Growth, Outcome, Place, changes
from spinn.networks.bodies import Fourier
from spinn.networks.separable import SeparableNetwork
from spinn.objective import SeparableObjective
from spinn.objective.equilibration import equation_scales
from spinn.objective.separable import coupling_of
from spinn.optim.gauss_newton import descent
from spinn.pdes import PDE, derivative_orders
from spinn.recipes import Plan
from spinn.rounding import field_norms
from spinn.sampling import AxisSampler
from spinn.spectrum import limited, tails
from spinn.subspaces import (
    Held,
    acting,
    applied,
    free_counts,
    held,
    leading,
    probes,
    restricted,
    shape_of_restricted,
    truncated,
    widened,
)

if TYPE_CHECKING:
    from spinn.session import Session

FIRST_UNKNOWNS = 4_000  # of the whole core that a run begins with
# What rounding may lose, beside the relative residual, as far as the equation sees it: between levels, and at the end.
ROUNDING, LAST_ROUNDING = 0.2, 1.0
LEAST_ROUNDING = 1e-12
MOST_WHOLE = 1_500_000  # entries of a core that a step is made on at once
PROBES = {1: 1, 2: 4, 3: 4, 4: 3}  # random directions beside a subspace, by the number of axes
ITERATIONS = 8  # of the step against the residual
# Directions that come in at once: as many as this share of those that are there, those that are at least this share of
# the largest one of all axes.
MORE, LEAST_MORE, STRONG = 0.5, 3, 1e-3
ALIKE = 4  # ranks are made multiples of this where directions are there: levels of one shape have one program
# What the last modes of a resolved axis may carry, and beside the relative residual: ranks are missing first.
RESOLVED_TAIL, BESIDE = 1e-11, 1e-4
MOST_GROWTH = {4: 1.5, 5: 1.4}  # of the modes of an axis in one level, by the number of axes: grids are large
WORTHWHILE, PATIENCE = 0.5, 2
MAX_LEVELS = 24
SMALL = 1e-9  # a relative residual that nobody needs to be warned of
# Relative change of the solution at which a level ends: of a linear one, and otherwise beside the residual.
LINEAR_CHANGE, NEWTON_CHANGE = 1e-3, 1e-2


def first_whole(plan: Plan, pde: PDE, modes: Mapping[str, int]) -> Mapping[str, int]:
    """Fewer modes, under which a whole core is small, where ranks are to grow; else the same."""
    if not plan.grows_ranks:
        return modes
    return limited(modes, plan.embedding.periodic, len(pde.unknowns), FIRST_UNKNOWNS)


class Next(NamedTuple):
    """Where a run goes on, and its network there; no place where it ends."""

    place: Place | None
    network: Any


def ranked(session: "Session", network: SeparableNetwork, outcome: Outcome) -> Next:
    """The level after one that has ended: rounded, with more modes and directions."""
    place = session.place
    modes = more_modes(session, network, outcome.residual)
    more = modes != dict(place.modes[-1])
    # Few modes may not even show what is prescribed: a residual that is small there means nothing.
    shown = all(place.modes[-1][axis] >= count for axis, count in place.wanted.items())
    if outcome.loss < ENOUGH_LOSS * outcome.zero_loss and shown:
        return _ended(session, network, outcome, "")
    stalls = place.stalls + 1 if outcome.loss > WORTHWHILE**2 * place.level_loss else 0
    if stalls > PATIENCE or (stalls and outcome.refused) or place.level + 1 >= MAX_LEVELS:
        return _ended(session, network, outcome, "neither ranks nor modes lower it any more")
    after = dataclasses.replace(
        place, modes=(*place.modes[:-1], modes), level=place.level + 1, stage=0, stalls=0 if more else stalls,
        level_loss=outcome.loss if shown else math.inf,
    )  # fmt: skip
    session.place = after
    whole = session.lifted(session.network(place.window, modes))
    # Where a level gained little, it may have been given again what rounding took away.
    tolerance = max(ROUNDING * 0.1**stalls * outcome.residual, LEAST_ROUNDING)
    found = enriched(session, whole, network, tolerance)
    if isinstance(found, str):
        session.place = place
        return _ended(session, network, outcome, found)
    wider = restricted(whole, found)
    session.reporter.message(f"residual {outcome.residual:.1e}: {_changes(place, after, network, wider)}")
    return Next(dataclasses.replace(after, shapes=(*place.shapes[:-1], shape_of_restricted(wider))), wider)


def level_change(session: "Session", linear: bool) -> float:
    """How exactly a level is solved: it starts near its solution, and the next one goes on from there."""
    before = min(session.place.level_loss, session.zero_loss)
    residual = math.sqrt(before / session.zero_loss) if session.zero_loss > 0.0 else 1.0
    return LINEAR_CHANGE if linear and session.place.level else NEWTON_CHANGE * LINEAR_CHANGE * residual


def _ended(session: "Session", network: SeparableNetwork, outcome: Outcome, why: str) -> Next:
    """The end of a run: rounded, with a warning where its residual is not small."""
    if outcome.residual > SMALL and why:
        session.warn(f"the relative residual stays at {outcome.residual:.1e}: {why}")
    if not network.restricted:
        return Next(None, network)
    place = session.place
    whole = session.lifted(session.network(place.window, place.modes[-1]))
    strengths = acting(whole, derivative_orders(session.pde))
    tolerance = max(LAST_ROUNDING * outcome.residual, LEAST_ROUNDING)
    field = truncated(held(network, whole), strengths, tolerance, field_norms(network))
    final = restricted(whole, field)
    session.place = dataclasses.replace(place, shapes=(*place.shapes[:-1], shape_of_restricted(final)))
    session.parameters = field.core.size
    return Next(None, final)


def _changes(before: Place, after: Place, old: SeparableNetwork, new: SeparableNetwork) -> str:
    """What is new, in words."""
    assert old.core is not None and new.core is not None
    ranks = [f"{a} {m} -> {n}" for a, m, n in zip(new.axes, old.core.shape[1:], new.core.shape[1:], strict=True)]
    return "; ".join(filter(None, [f"ranks {', '.join(ranks)}", changes(before, after)]))


def more_modes(session: "Session", network: SeparableNetwork, residual: float) -> dict[str, int]:
    """Modes of every axis: those configured, else more where the last ones still carry something."""
    plan, place = session.plan, session.place
    modes = dict(place.modes[-1])
    modes = {axis: max(count, place.wanted[axis]) for axis, count in modes.items()}
    if not plan.adaptive:
        return modes
    growth, found = Growth(plan, session.pde), tails(network)
    most = MOST_GROWTH.get(len(modes), 2.0)
    for axis, tail in found.items():
        if tail > max(RESOLVED_TAIL, 1e-2 * max(found.values()), BESIDE * residual):
            features = network.features[network.axes.index(axis)].body
            count = features.modes if isinstance(features, Fourier) else features.width
            wanted = growth.more_modes(network, axis, RESOLVED_TAIL)
            modes[axis] = max(modes[axis], int(min(wanted, most * count, growth.most_global(axis))))
    return modes


def enriched(session: "Session", whole: SeparableNetwork, network: SeparableNetwork, tolerance: float) -> Held | str:
    """The field of a network in rounded subspaces of the features of `whole`, with new directions; else why not."""
    strengths = acting(whole, derivative_orders(session.pde))
    field = truncated(held(network, whole), strengths, tolerance, field_norms(network))
    found = missing(session, whole, field)
    largest = max((float(values[0]) for _, values in found if len(values)), default=0.0)
    if largest == 0.0:
        return "the features have no further directions"
    ranks = field.core.shape[1:]
    wanted = []
    for (_, values), rank in zip(found, ranks, strict=True):
        strong = min(int(np.sum(values > STRONG * largest)), max(LEAST_MORE, math.ceil(MORE * rank)))
        wanted.append(min(strong + -(rank + strong) % ALIKE, len(values)))
    room = MAX_UNKNOWNS["whole"] // len(whole.unknowns)
    while math.prod(a + b for a, b in zip(ranks, wanted, strict=True)) > room:
        if not any(wanted):
            return f"the core would have more than {MAX_UNKNOWNS['whole']} unknowns"
        wanted[int(np.argmax(wanted))] -= 1
    if not any(wanted):
        return f"the core would have more than {MAX_UNKNOWNS['whole']} unknowns"
    more = [directions[:, :count] for (directions, _), count in zip(found, wanted, strict=True)]
    return widened(field, more, strengths)


def missing(session: "Session", whole: SeparableNetwork, field: Held) -> list[tuple[np.ndarray, np.ndarray]]:
    """Directions of each axis outside its subspace, and how much a step against the residual has of each."""
    assert whole.core is not None
    if whole.core.size > MOST_WHOLE:
        return [_missing_along(session, whole, field, axis) for axis in range(len(whole.axes))]
    core = field.core
    for index, basis in enumerate(field.bases):
        core = applied(basis, core, index + 1)
    spread = eqx.tree_at(lambda n: n.core, whole, jnp.asarray(core, whole.core.dtype))
    step = np.asarray(descending(session, spread), float)
    return [leading(basis, step, axis) for axis, basis in enumerate(field.bases)]


def _missing_along(
    session: "Session", whole: SeparableNetwork, field: Held, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same along one axis, from a sketch of the others."""
    free = free_counts(whole)
    if field.bases[axis].shape[1] >= free[axis]:
        return np.zeros((free[axis], 0)), np.zeros(0)
    rng = np.random.default_rng((session.plan.config.seed, session.place.window, session.place.level, axis))
    few = PROBES.get(len(free), 2)
    counts = [few + -(basis.shape[1] + few) % ALIKE for basis in field.bases]
    sketch = restricted(whole, probes(field, axis, counts, rng))
    return leading(field.bases[axis], np.asarray(descending(session, sketch), float), axis)


def descending(session: "Session", network: SeparableNetwork) -> Any:
    """A step of a core against the residual, as one program."""
    plan, pde, place = session.active(), session.posed_pde, session.place
    sampler = build_sampler(plan, pde, place.modes[-1])
    objective = build_objective(plan, pde, sampler)
    assert isinstance(sampler, AxisSampler) and isinstance(objective, SeparableObjective)
    batch = sampler.draw(session.domain(place.window), key=jax.random.key(plan.config.seed))
    previous = session.pieces[-1].network if session.pieces else None
    scales = equation_scales(pde, objective.weighting, network, batch)

    def step(network: SeparableNetwork, batch: Any, scales: Any, previous: Any) -> Any:
        def blocks(core: Any) -> Any:
            return objective.blocks(eqx.tree_at(lambda n: n.core, network, core), batch, scales, previous)

        normal = objective.normal(network, batch, scales)
        return descent(blocks, network.core, normal, coupling_of(network), ITERATIONS)

    arguments = (network, batch, scales, previous)
    key = ("descent", place.ahead, jax.tree.structure(arguments), _shapes(arguments))
    if key not in session.compiled:
        session.compiled[key] = eqx.filter_jit(step)
    return session.compiled[key](*arguments)


def _shapes(arguments: Any) -> tuple[Any, ...]:
    return tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(arguments))
