"""Evolving families: trajectories on a grid, and a check of stored ones step by step."""

import abc
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np

from spinn.data.families.family import Family, Fields
from spinn.data.integration import exponential, runge_kutta
from spinn.data.stencil import Evolution
from spinn.data.stencil.evolution import with_parameters
from spinn.data.stencil.grid import Order
from spinn.pdes import PDE

Integrator = Literal["explicit", "implicit", "exponential"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvolvingFamily(Family):
    """Problems that evolve in time; `frames` equidistant states from the start to the end are kept."""

    frames: int = 21
    tolerance: float = 1e-8  # relative, of the integration in time

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError(f"{self.name}: expected at least 2 frames (the start and the end), got {self.frames}")

    @property
    @abc.abstractmethod
    def span(self) -> tuple[float, float]:
        """Start and end of time."""

    @abc.abstractmethod
    def initial(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """The state at the start."""

    @abc.abstractmethod
    def advance(
        self, parameters: Mapping[str, np.ndarray], state: np.ndarray, times: np.ndarray, tolerance: float
    ) -> np.ndarray:
        """States at equidistant times from `state` at the first: shape (len(times), *state.shape)."""

    def insert(self, parameters: Mapping[str, np.ndarray], times: np.ndarray, states: np.ndarray) -> np.ndarray:
        """States on all nodes: shape (len(times), *grid). They are already, unless some nodes carry given values."""
        return states

    def extract(self, fields: np.ndarray) -> np.ndarray:
        """And back."""
        return fields

    @property
    def times(self) -> np.ndarray:
        """The times of the frames: shape (frames,)."""
        return np.linspace(*self.span, self.frames)

    def trajectory(self, parameters: Mapping[str, np.ndarray]) -> tuple[np.ndarray, Fields]:
        """(times, fields) of one sample: inputs as they are, the solution of shape (frames, *grid)."""
        states = self.advance(parameters, self.initial(parameters), self.times, self.tolerance)
        return self.times, {**parameters, self.outputs[0]: self.insert(parameters, self.times, states)}

    def residual(self, parameters: Mapping[str, np.ndarray], fields: Mapping[str, np.ndarray]) -> float:
        """How far a stored trajectory is from the sample's solution, frame by frame.

        Every frame is integrated to the next with a tenth of the tolerance and compared with what is stored: the
        largest relative L2 difference, or that of the first frame from the initial condition. Chaos cannot amplify it.
        """
        times, stored = self.times, np.asarray(fields[self.outputs[0]], dtype=float)
        states = self.extract(stored)
        found = [relative(states[0], self.initial(parameters))]
        for i in range(len(times) - 1):
            ahead = self.advance(parameters, states[i], times[i : i + 2], self.tolerance / 10)[1]
            found.append(relative(states[i + 1], ahead))
        return max(*found, relative(stored, self.insert(parameters, times, states)))


def relative(one: np.ndarray, other: np.ndarray) -> float:
    """Relative L2 difference; absolute where `other` is zero."""
    scale = float(np.linalg.norm(other))
    return float(np.linalg.norm(one - other)) / (scale if scale > 0 else 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodOfLinesFamily(EvolvingFamily):
    """Evolving problems whose right side is read from a PDE definition."""

    order: Order = "spectral"
    integrator: Integrator = "exponential"

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError(f"{self.name}: expected at least 2 frames (the start and the end), got {self.frames}")
        if self.integrator == "exponential" and not all(axis.periodic for axis in self.evolution.grid.axes):
            raise ValueError(f"{self.name}: the exponential integrator needs periodic axes; use explicit or implicit")

    @property
    @abc.abstractmethod
    def definition(self) -> PDE:
        """The PDE with its parameters that do not vary; `parameters` overrides others by name."""

    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        """The PDE of one sample."""
        numbers = {k: v if np.ndim(v) else float(v) for k, v in parameters.items()}
        return with_parameters(self.definition, numbers)

    @functools.cached_property
    def evolution(self) -> Evolution:
        """The right side on the grid; kept, because programs are compiled for it."""
        return Evolution.of(self.definition, self.grid, self.order)

    @property
    def span(self) -> tuple[float, float]:
        return self.definition.domain["t"]

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.definition.unknowns

    @property
    def axes(self) -> dict[str, np.ndarray]:
        grid = self.evolution.grid
        return dict(zip(grid.names, grid.nodes, strict=True))

    def initial(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        return self.evolution.initial(parameters)

    def advance(
        self, parameters: Mapping[str, np.ndarray], state: np.ndarray, times: np.ndarray, tolerance: float
    ) -> np.ndarray:
        slope = self.evolution.slope
        if self.integrator != "exponential":
            return runge_kutta(slope, state, times, parameters, tolerance, self.integrator)
        with jax.enable_x64(True):
            symbol = self.evolution.symbol(float(times[0]), parameters)
        return exponential(slope, symbol, state, times, parameters, tolerance)

    def insert(self, parameters: Mapping[str, np.ndarray], times: np.ndarray, states: np.ndarray) -> np.ndarray:
        if states.shape[1:] == self.evolution.grid.shape:
            return states
        pde = with_parameters(self.definition, parameters)
        with jax.enable_x64(True):
            filled = [self.evolution.filled(pde, float(t), s) for t, s in zip(times, states, strict=True)]
            return np.asarray(filled)

    def extract(self, fields: np.ndarray) -> np.ndarray:
        return fields[(slice(None), *self.evolution.grid.unknown_slices)]

    def __getstate__(self) -> dict[str, Any]:
        """Without the compiled right side: families travel to worker processes."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
