"""A parametric family: one PDE, the ranges of some of its parameters, and where its domain is cut."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from spinn.errors import SpinnError
from spinn.multidomain.interfaces import CONDITIONS
from spinn.networks.decomposition import Decomposition
from spinn.objective.parametric import traceable
from spinn.pdes import PDE


@dataclasses.dataclass(frozen=True, eq=False)
class ParametricFamily:
    """`pde` with `ranges` of some real parameters, which are the context, cut by `decomposition`; `conditions`: those
    of which an arm says 0 or 1; `ivp`: initial and boundary data only, else exact values at the end of time as well.

    **Raises:** SpinnError for parameters that there are not or that a program cannot be varied in, conditions that
    there are not, and `ivp: false` where no truth is known.
    """

    pde: PDE
    ranges: Mapping[str, tuple[float, float]]
    decomposition: Decomposition
    conditions: tuple[str, ...]
    ivp: bool = True

    def __post_init__(self) -> None:
        possible = traceable(self.pde)
        for name, (low, high) in self.ranges.items():
            if name not in possible:
                raise SpinnError(
                    f"vary: expected real parameters that residuals and conditions are smooth functions of "
                    f"({', '.join(possible) or 'this PDE has none'}), got {name}"
                )
            if not low < high:
                raise SpinnError(f"vary: expected [low, high] with low < high for {name}, got [{low:g}, {high:g}]")
        strange = [name for name in self.conditions if name not in CONDITIONS]
        if strange or len(set(self.conditions)) != len(self.conditions) or not self.conditions:
            raise SpinnError(f"conditions: expected some of {', '.join(CONDITIONS)}, each once, got {self.conditions}")
        if not self.ivp and not ("t" in self.pde.coordinates and (self.pde.has_exact or self.pde.has_reference)):
            raise SpinnError(
                "ivp: false trains on the solution at the end of time: expected a PDE with a time t and an exact or "
                "reference solution; leave ivp out"
            )

    @property
    def numbers(self) -> int:
        """How many numbers a context has."""
        return len(self.ranges)

    def standardised(self, contexts: Float[np.ndarray, "contexts numbers"]) -> Float[np.ndarray, "contexts numbers"]:
        """Contexts as bandits see them: a uniform draw has mean zero and variance one."""
        low, high = np.array(list(self.ranges.values())).T
        return (np.asarray(contexts, float) - 0.5 * (low + high)) * (np.sqrt(12.0) / (high - low))

    def drawn(self, count: int, seed: Sequence[int]) -> Float[np.ndarray, "contexts numbers"]:
        """Uniform contexts; the same seed gives the same ones."""
        low, high = np.array(list(self.ranges.values())).T
        return low + (high - low) * np.random.default_rng(list(seed)).random((count, len(low)))

    def at(self, context: Float[np.ndarray, " numbers"]) -> PDE:
        """The PDE with these parameters, checked. SpinnError where the PDE refuses them."""
        values: dict[str, Any] = {name: float(value) for name, value in zip(self.ranges, context, strict=True)}
        try:
            return dataclasses.replace(self.pde, **values)
        except ValueError as error:
            raise SpinnError(f"vary: {error}; narrow the range") from None

    def context_of(self, pde: PDE) -> Float[np.ndarray, " numbers"]:
        """The parameters of a member of the family."""
        return np.array([float(pde.parameters[name]) for name in self.ranges])
