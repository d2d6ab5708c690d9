"""Plans of problems whose data show more modes than a core over all of them could have.

A recipe knows axes and equations, not sizes. Those of a steady linear problem of four axes are read off its data,
before anything is trained: where a whole core would be too large, ranks grow instead (`network.rank: grow`).
"""

import dataclasses
import math

from spinn.alternating import Alternating
from spinn.config import Config
from spinn.evaluation import device_context
from spinn.growth import MAX_UNKNOWNS
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE
from spinn.recipes import Plan, resolve

AXES = 4  # below, whole cores are small; above, the recipe has no whole core


def planned(config: Config, pde: PDE, device: str = "cpu") -> Plan:
    """The plan for a problem (see `resolve`), with ranks that grow where the data ask for more than a whole core.

    **Raises:** SpinnError as `resolve` does.
    """
    plan = resolve(config, pde, device)
    if not _is_open(config, plan, pde):
        return plan
    network = config.network.model_copy(update={"rank": "grow"})
    other = resolve(config.model_copy(update={"network": network}), pde, device)
    if not other.is_alternating:
        return plan
    size = _whole_size(other, pde)
    if size <= MAX_UNKNOWNS["whole"]:
        return plan
    why = f"; a core over all modes that the data show would have {size:,} unknowns"
    return dataclasses.replace(other, reason=other.reason + why)


def _is_open(config: Config, plan: Plan, pde: PDE) -> bool:
    """Whether the configuration leaves the method to the recipe, which has chosen a whole core in one time window."""
    network = config.network
    left = network.rank == network.modes == network.embed == "auto" and network.map == "none" and not config.train
    return left and plan.is_core and plan.adaptive and len(pde.coordinates) == AXES and "t" not in pde.coordinates


def _whole_size(plan: Plan, pde: PDE) -> int:
    """Unknowns of a core over all modes that the data show."""
    with device_context(str(plan.config.precision)):
        run = Alternating(plan, pde, pde.domain, SilentReporter(), lambda record: None, lambda warning: None)
        modes = run.start_modes()
    widths = [2 * n + 1 if plan.features[axis] == "fourier" else n for axis, n in modes.items()]
    return len(pde.unknowns) * math.prod(widths)
