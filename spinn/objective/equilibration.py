"""Scales of the equations of a system, by which each is as strong as the others in one of its unknowns at least.

Least squares are well conditioned where the norm of the residuals is equivalent to one of the unknowns. An equation of
lower order beside others (a divergence, beside momentum balances of second order) is too weak for that: theory measures
it in a stronger norm (Aziz, Kellogg, Stephens 1985). On a given basis a number does nearly as well: the one at which
rows and columns of the table of norms, equations by unknowns, have maxima of one (equilibration, Ruiz 2001).
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import Tabulated
from spinn.objective.blocks import Weighting
from spinn.objective.parametric import Parametric, parametric
from spinn.objective.separable import SeparableObjective
from spinn.pdes import PDE
from spinn.sampling.separable import AxisBatch

WEAK = 0.1  # share of the strongest equation's squared norm, in each of the unknowns, below which one is scaled


def equation_scales(
    pde: PDE, weighting: Weighting, network: SeparableNetwork | Tabulated, batch: AxisBatch
) -> dict[str, float]:
    """What the squared residual of each equation of a system is to be multiplied with. Equations whose weights are
    given, by the PDE or by the configuration, are left as they are.
    """
    if len(pde.unknowns) < 2:
        return {}
    names = eqx.filter_eval_shape(SeparableObjective(pde).interior, network, batch)
    given = {name for name in names if name in pde.residual_weights() or weighting.of(name, np.inf) < np.inf}
    if len(names) < 2 or given == set(names):
        return {}
    assert network.core is not None
    still = eqx.tree_at(lambda n: n.core, network, jnp.zeros_like(network.core))  # what is prescribed, and no more
    scales = equilibrated(_strengths(parametric(pde), still, batch))
    return {name: scale for name, scale in scales.items() if name not in given}


def equilibrated(squares: Mapping[str, Any]) -> dict[str, float]:
    """Scales from the squared norms of each equation in every unknown; one for equations that are not `WEAK`."""
    table = {name: np.asarray(square, float) for name, square in squares.items()}
    largest = np.max(list(table.values()), 0)
    shares = {name: np.max(square / np.where(largest > 0, largest, np.inf)) for name, square in table.items()}
    return {name: float(1.0 / share) if 0 < share < WEAK else 1.0 for name, share in shares.items()}


@eqx.filter_jit
def _strengths(
    varied: Parametric, network: SeparableNetwork | Tabulated, batch: AxisBatch
) -> dict[str, Float[Array, " unknowns"]]:
    return SeparableObjective(varied.pde).strengths(network, batch)
