"""What every objective shares: names, weights and sums of residual blocks."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.errors import SpinnError
from spinn.pdes import PDE, Field, Local
from spinn.pdes._conditions import At

Scales = Mapping[str, Any]
NO_SCALES: Scales = {}
Found = dict[str, tuple[Any, float]]  # residual fields with the weights that the PDE gives them


@dataclasses.dataclass(frozen=True)
class Weighting:
    """Loss weights by block name; a name without its face suffix covers all faces (`dirichlet_u` for its six).

    `causal` is epsilon of Wang, Sankaran, Perdikaris (2022): the residual at time t is weighted by
    exp(-epsilon * the loss at earlier times); 0 switches it off.
    """

    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
    causal: float = 0.0

    def of(self, name: str, default: float) -> float:
        """The weight of a block: its own name first, then the longest prefix that was given one."""
        for known in sorted(self.weights, key=len, reverse=True):
            if name == known or name.startswith(known + "_"):
                return self.weights[known]
        return default

    def root(self, name: str, default: float, scales: Scales) -> Any:
        """What the entries of a block are multiplied with: the root of its weight times its scale."""
        return jnp.sqrt(self.of(name, default) * scales.get(name, 1.0))

    def check(self, pde: PDE) -> None:
        """Refuse what cannot work for this PDE.

        **Raises:** SpinnError for causal weighting without a time axis.
        """
        if self.causal and "t" not in pde.coordinates:
            raise SpinnError(
                f"causal weighting orders residuals in time, but {type(pde).__name__} has no axis 't' "
                f"(its coordinates are {', '.join(pde.coordinates)}); set loss.causal to 0"
            )


def causal_weights(
    losses: Float[Array, " times"], epsilon: float, earlier: Float[Array, ""] | float = 0.0
) -> Float[Array, " times"]:
    """exp(-epsilon * sum of the earlier losses), one a time; `earlier` is their sum before the first of these times."""
    return jnp.exp(-epsilon * (jnp.cumsum(losses) - losses + earlier))


def interior_residuals(pde: PDE, local: Local) -> Found:
    """The PDE's residual fields."""
    own = pde.residual_weights()
    fields = pde.residuals(local.unknowns, local.coordinates)
    return {name: (_checked(name, field), own.get(name, 1.0)) for name, field in fields.items()}


def condition_residuals(pde: PDE, at: At, before: At | None, skip: frozenset[str]) -> Found:
    """The residual fields of the conditions, but for those that the network holds exactly (`skip`: names or prefixes).

    `before`: the fields of the time window before, where this one begins.
    """
    return {
        name: (_checked(name, field), weight)
        for name, (field, weight) in pde.condition_residuals(at, before).items()
        if not any(name == skipped or name.startswith(skipped + "_") for skipped in skip)
    }


def _checked(name: str, field: Any) -> Field:
    if not isinstance(field, Field):
        raise SpinnError(
            f"residual '{name}' must be a field built from the unknowns and the coordinates, got "
            f"{type(field).__name__}; write it with spinn.pdes functions (sin, exp, where, ...)"
        )
    return field


def half_square(blocks: Mapping[str, Array]) -> Float[Array, ""]:
    """Half the squared norm of all blocks together."""
    # reduced rather than summed from a zero, whose own precision would win under jax_enable_x64
    return 0.5 * functools.reduce(jnp.add, (jnp.sum(block * block) for block in blocks.values()))
