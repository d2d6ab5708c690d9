"""Continuation in parameters: a problem is solved with easier values first, and each solution is the next one's start.

Newton's method converges from nearby only; from the solution for a larger viscosity, say, that for a smaller one is
near (Allgower and Georg 1990, Numerical Continuation Methods). All values are solved with in the basis of the first
level, and coarsely: only what the next one starts from matters. `Place.ahead` counts them down to the PDE's own.
"""

import dataclasses
from typing import TYPE_CHECKING

from spinn.pdes import PDE
from spinn.recipes import UNHELPFUL, Plan, replanned

if TYPE_CHECKING:
    from spinn.growth import Place
    from spinn.session import Session

# A value's solution is iterated until it changes by less than this, relative: the next value changes it by more.
ENOUGH = 1e-4


def posed_plan(plan: Plan, pde: PDE, ahead: int) -> tuple[Plan, PDE]:
    """The plan and the PDE with the parameters of a value of continuation; those given, where none is ahead."""
    if not ahead:
        return plan, pde
    changed = dataclasses.replace(pde, **plan.continuation[-ahead])
    return replanned(plan, changed), changed


def value_name(plan: Plan, ahead: int) -> str:
    """The parameters of a value of continuation, as stages are named by them; empty where none is ahead."""
    return "".join(f"{name}={value:g} " for name, value in plan.continuation[-ahead].items()) if ahead else ""


def next_value(session: "Session", residual: float) -> "Place":
    """The place of the value after the one that has been solved with, whose relative residual is given."""
    place, plan = session.place, session.plan
    if residual > UNHELPFUL:
        what = value_name(plan, place.ahead).strip()
        easier = "values closer together" if place.ahead < len(plan.continuation) else "an easier first value"
        session.warn(
            f"continuation: gauss_newton left a residual of {residual:.1e} of the data's at {what}; try {easier}"
        )
    return dataclasses.replace(place, ahead=place.ahead - 1, stage=0)


def remedy(plan: Plan, pde: PDE) -> str:
    """What continuation may do for a problem on which Newton's method has failed; empty without real parameters."""
    if plan.continuation:
        return "; values of `continuation` closer together may help"
    names = [name for name, value in pde.parameters.items() if isinstance(value, float)]
    return f"; `continuation` from easier values of {' or '.join(names)} may help" if names else ""
