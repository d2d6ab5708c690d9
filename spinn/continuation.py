"""Continuation in parameters: a problem is solved with easier values first, and each solution is the next one's start.

Newton's method converges from nearby only; from the solution for a larger viscosity, say, that for a smaller one is
near (Allgower and Georg 1990, Numerical Continuation Methods). All values are solved with coarsely: only what the next
one starts from matters. `Place.ahead` counts them down to the PDE's own. Values are the configuration's, or else, where
Newton's method fails on a steady problem, those of a path that the run chooses itself (`Place.path`): a viscosity, from
larger values on. Modes and elements grow on the way, for a layer that is not resolved is lost.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spinn.growth import FAILED, Outcome, Place
from spinn.objective.kronecker import is_linear_in_unknowns
from spinn.pdes import PDE
from spinn.recipes import UNHELPFUL, Plan, replanned
from spinn.viscosity import viscosity_of

if TYPE_CHECKING:
    from spinn.session import Session

# A value's solution is iterated until it changes by less than this, relative: the next value changes it by more.
ENOUGH = 1e-4
# A path that a run chooses itself: the first value of the viscosity, relative, and the ratio of one to the next. Layers
# are as wide as the viscosity is large: the last solution then shows where the next one has its layers.
FIRST, RATIO = 64.0, 2.0
# The relative residual below which a value has been solved with well enough for the next one; more modes until then.
PASSABLE = 1e-4
QUICK = 3  # steps of a value in which it is solved with, on the path that a run chooses, for the next one to be skipped


def routed(plan: Plan, place: Place) -> Plan:
    """The plan with the values of continuation that the run has chosen itself, if it has."""
    return dataclasses.replace(plan, continuation=place.path) if place.path else plan


def posed_plan(plan: Plan, pde: PDE, ahead: int) -> tuple[Plan, PDE]:
    """The plan and the PDE with the parameters of a value of continuation; those given, where none is ahead."""
    if not ahead:
        return plan, pde
    changed = dataclasses.replace(pde, **plan.continuation[-ahead])
    return replanned(plan, changed), changed


def chosen_path(plan: Plan, pde: PDE) -> tuple[dict[str, float], ...]:
    """Values that a steady problem is solved with first, where Newton's method fails on it: of the parameter that
    multiplies the highest derivative. None for problems that are linear, that have no such parameter or depend on time
    (there time windows are what is cut), or where the configuration has values.
    """
    if plan.continuation or not plan.adaptive or "t" in pde.coordinates or is_linear_in_unknowns(pde):
        return ()
    found = viscosity_of(pde)
    if found is None:
        return ()
    name, factor = found
    values, relative = [], FIRST
    while relative > 1.0:
        values.append({name: pde.parameters[name] * relative ** math.copysign(1.0, factor - 1.0)})
        relative /= RATIO
    return tuple(values) if all(_is_accepted(pde, value) for value in values) else ()


def _is_accepted(pde: PDE, values: Mapping[str, Any]) -> bool:
    try:
        dataclasses.replace(pde, **values)
    except Exception:  # whatever error a PDE likes to refuse values with
        return False
    return True


def easier(session: "Session", grown: Place | None, outcome: Outcome) -> Place | None:
    """The start of the run anew with easier values of the PDE's viscosity, where Newton's method has failed on a steady
    problem and more modes no longer help; None elsewhere, or where that has been done.
    """
    place = session.place
    helps = grown is not None and outcome.loss <= 0.5 * place.level_loss and not outcome.refused
    if place.path or outcome.residual < FAILED or helps or not (path := chosen_path(session.plan, session.pde)):
        return None
    values = ", ".join(f"{value:g}" for one in path for value in one.values())
    session.reporter.message(f"{outcome.trouble}: continuation from easier values, {next(iter(path[0]))} = {values}")
    # What the first modes are looked for without.
    session.place = dataclasses.replace(place, breaks=({},), maps=({},), stage=0)
    return dataclasses.replace(
        session.place, level=0, level_loss=math.inf, path=path, ahead=len(path), modes=(session.start_modes(),)
    )


def value_name(plan: Plan, ahead: int) -> str:
    """The parameters of a value of continuation, as stages are named by them; empty where none is ahead."""
    return "".join(f"{name}={value:g} " for name, value in plan.continuation[-ahead].items()) if ahead else ""


def next_value(session: "Session", residual: float) -> Place:
    """The place of the value after the one that has been solved with, whose relative residual is given."""
    place, plan = session.place, routed(session.plan, session.place)
    if residual > UNHELPFUL:
        what = value_name(plan, place.ahead).strip()
        hint = "values closer together" if place.ahead < len(plan.continuation) else "an easier first value"
        # A value that the run has chosen itself is no concern of the user's: how the last one ends is.
        tell = session.reporter.message if place.path else session.warn
        tell(f"continuation: gauss_newton left a residual of {residual:.1e} of the data's at {what}; try {hint}")
    quick = place.path and place.level == 0 and session.stages[-1]["steps"] <= QUICK and residual < PASSABLE
    ahead = place.ahead - (2 if quick and place.ahead > 2 else 1)
    return dataclasses.replace(place, ahead=ahead, stage=0, level=0, level_loss=math.inf)


def remedy(plan: Plan, pde: PDE) -> str:
    """What continuation may do for a problem on which Newton's method has failed; empty without real parameters."""
    if plan.continuation:
        return "; values of `continuation` closer together may help"
    names = [name for name, value in pde.parameters.items() if isinstance(value, float)]
    return f"; `continuation` from easier values of {' or '.join(names)} may help" if names else ""
