"""From what a configuration says of subdomains to a decomposition, and weights of interface conditions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from spinn.config.domains import Domains, Strip
from spinn.errors import SpinnError
from spinn.multidomain.interfaces import conditions_named
from spinn.networks.decomposition import Decomposition
from spinn.pdes import PDE, Gauge, Periodic, derivative_orders

Arm = Mapping[str, float]  # the weight of every condition that counts, before it is scaled

# Derivatives across the cut by which `matching` asks for smoothness, in order.
MATCHED = ("solution", "normal_gradient", "second_normal")
MOST_CELLS = 4096


def decomposition_of(domains: Domains, pde: PDE) -> Decomposition | None:
    """The cells of a configuration; None where nothing is cut.

    **Raises:** SpinnError for cuts that do not fit together or that the PDE's conditions do not allow.
    """
    cuts: dict[str, tuple[float, ...]] = {}
    strips = [axis for axis, given in domains.cuts.items() if isinstance(given, Strip)]
    for axis, given in domains.cuts.items():
        if isinstance(given, int):
            cuts |= Decomposition.uniform(pde.domain, {axis: given}).cuts
        else:
            cuts[axis] = tuple(given.strip if isinstance(given, Strip) else given)
    if not any(cuts.values()):
        return None
    periodic = frozenset(one.axis for one in pde.conditions() if isinstance(one, Periodic) and cuts.get(one.axis))
    if strips and len(cuts) > 1:
        raise SpinnError(f"domains: a strip of {strips[0]} is one cut alone; {', '.join(cuts)} are cut")
    owners = (0, 1, 0) if strips else None
    found = Decomposition(pde.domain, cuts, owners, periodic)
    if found.count > MOST_CELLS:
        raise SpinnError(f"domains: expected at most {MOST_CELLS} subdomains, got {found.count}; cut fewer parts")
    if any(isinstance(one, Gauge) for one in pde.conditions()):
        raise SpinnError(
            "domains: a Gauge condition asks for a mean over the whole box, which no subdomain has; use one network"
        )
    return found


def arm_of(conditions: Any, pde: PDE) -> Arm:
    """The weights of a preset or a condition by name, of several names, or as a mapping gives them. `matching` differs
    by axis (see `weights_of`).
    """
    if conditions == "matching":
        return dict.fromkeys(_matching(pde), 1.0)
    if isinstance(conditions, Mapping):
        return {name: float(weight) for name, weight in conditions.items() if weight}
    return dict.fromkeys(conditions_named(conditions), 1.0)


def _matching(pde: PDE) -> tuple[str, ...]:
    """What a solution of the equation is continuous in across a cut of any axis."""
    most = max(derivative_orders(pde).values())
    names = MATCHED[: min(max(most, 1), len(MATCHED))]
    return ("solution", "flux", *names[2:]) if pde.gives_flux else names


def weights_of(
    decomposition: Decomposition, arm: Arm, pde: PDE, matching: bool
) -> dict[str, Float[np.ndarray, "interfaces conditions"]]:
    """Of every interface, the weight of every condition of an arm; where they are `matching`, those that ask for more
    derivatives across the cut than the equation has there, less one, count nothing.
    """
    orders, found = derivative_orders(pde), {}
    for axis in decomposition.cut_axes:
        row = [weight * (not matching or _asked(name, orders[axis])) for name, weight in arm.items()]
        found[axis] = np.tile(np.array(row, float), (len(decomposition.interfaces(axis)), 1))
    return found


def _asked(name: str, order: int) -> bool:
    """Whether an equation of an order in the normal direction asks both sides to agree on a condition."""
    least = {"solution": 0, "flux": 1, "normal_gradient": 1, "second_normal": 2}[name]
    return least < max(order, 1)


def described(decomposition: Decomposition, arm: Arm) -> str:
    """In words, for reports."""
    parts = " x ".join(str(count) for count in decomposition.shape)
    named = ", ".join(name if weight == 1.0 else f"{weight:g} {name}" for name, weight in arm.items())
    shared = f" of {decomposition.networks} networks" if decomposition.owners is not None else ""
    return f"{parts} subdomains{shared} that agree on {named or 'nothing'}"


def summary_of(decomposition: Decomposition, arm: Arm) -> dict[str, Any]:
    """What summary.json says of it."""
    return {
        "subdomains": decomposition.count,
        "networks": decomposition.networks,
        "cuts": {axis: list(places) for axis, places in decomposition.cuts.items()},
        "interface": dict(arm),
    }
