"""A family from any PDE definition: name the parameters that vary, and how."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from spinn.data.families.evolving import Integrator, MethodOfLinesFamily
from spinn.data.families.family import Parameters, Sampler, StencilFamily
from spinn.data.random_fields import generator
from spinn.data.stencil import Grid, grid_of
from spinn.data.stencil.grid import Order
from spinn.pdes import PDE

Variation = tuple[float, float] | Sampler


def from_pde(
    pde: PDE | type[PDE],
    vary: Mapping[str, Any],
    grid: tuple[int, ...],
    order: Order = 2,
    integrator: Integrator = "explicit",
    frames: int = 21,
    tolerance: float = 1e-8,
) -> "SteadyFromPDE | EvolvingFromPDE":
    """Random instances of a PDE with one unknown: steady and linear, or of first order in time.

        family = from_pde(MyPDE(k=2.0), vary={"k": (1, 5), "a": GaussianField()}, grid=(65, 65))

    `vary` gives for each parameter either two numbers, between which it is uniform, or a random field, which is
    sampled on the grid. `grid` counts nodes an axis, faces included (on a periodic axis, the repeated end left out).
    Other parameters stay as they are. `integrator`, `frames` and `tolerance` are for PDEs with a coordinate t.

    **Raises:** ValueError for a parameter that the PDE lacks, a variation of another kind, or as `grid_of`.
    """
    one = pde() if isinstance(pde, type) else pde
    pairs = checked(one, vary)
    if "t" not in one.coordinates:
        return SteadyFromPDE(definition=one, vary=pairs, grid=tuple(grid), order=order)
    return EvolvingFromPDE(
        given=one,
        vary=pairs,
        grid=tuple(grid),
        order=order,
        integrator=integrator,
        frames=frames,
        tolerance=tolerance,
    )


def checked(pde: PDE, vary: Mapping[str, Any]) -> tuple[tuple[str, Variation], ...]:
    """The variations as pairs of name and range or sampler."""
    name = type(pde).__name__
    strange = [key for key in vary if key not in pde.parameters]
    if strange or not vary:
        raise ValueError(
            f"vary: expected some of the parameters of {name}, which are {', '.join(pde.parameters) or 'none'}; "
            f"got {', '.join(strange) or 'nothing'}"
        )
    result: list[tuple[str, Variation]] = []
    for key, how in vary.items():
        if hasattr(how, "sample"):
            result.append((key, how))
            continue
        try:
            low, high = (float(end) for end in how)
        except (TypeError, ValueError):
            raise ValueError(f"vary {key}: expected two numbers (low, high) or a random field, got {how!r}") from None
        if not low <= high:
            raise ValueError(f"vary {key}: expected low <= high, got ({low:g}, {high:g})")
        result.append((key, (low, high)))
    return tuple(result)


def draw(vary: tuple[tuple[str, Variation], ...], grid: Grid, seed: int, index: int) -> Parameters:
    """One value of every parameter that varies, each from its own stream."""
    drawn: Parameters = {}
    for name, how in vary:
        random = generator(seed, index, name)
        drawn[name] = (
            np.asarray(random.uniform(*how))
            if isinstance(how, tuple)
            else how.sample(random, grid.intervals, grid.nodes)
        )
    return drawn


def instance_of(pde: PDE, parameters: Mapping[str, np.ndarray]) -> PDE:
    """The PDE with these parameters; those of shape () become Python numbers."""
    changes: dict[str, Any] = {k: v if np.ndim(v) else float(v) for k, v in parameters.items()}
    return dataclasses.replace(pde, **changes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SteadyFromPDE(StencilFamily):
    """Built by `from_pde`."""

    name: ClassVar[str] = "from_pde"
    definition: PDE
    vary: tuple[tuple[str, Variation], ...]

    def parameters(self, seed: int, index: int) -> Parameters:
        return draw(self.vary, self.layout, seed, index)

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        return instance_of(self.definition, parameters)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.definition.unknowns

    @property
    def layout(self) -> Grid:
        return grid_of(self.definition, self.grid, self.order)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvolvingFromPDE(MethodOfLinesFamily):
    """Built by `from_pde`."""

    name: ClassVar[str] = "from_pde"
    given: PDE
    vary: tuple[tuple[str, Variation], ...]

    @property
    def definition(self) -> PDE:
        return self.given

    def parameters(self, seed: int, index: int) -> Parameters:
        return draw(self.vary, self.evolution.grid, seed, index)
