"""The base classes of dataset families.

A family says what varies (`parameters`), which PDE that makes (`pde`), and on which grid it is solved. Steady families
give a sparse `system` a sample, evolving ones a `trajectory`. Everything about a sample follows from the seed and the
sample's index, so that samples can be made in any order by any number of workers.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from spinn.data.stencil import Grid, System, discretise
from spinn.data.stencil.grid import Order
from spinn.pdes import PDE

Parameters = dict[str, np.ndarray]
Fields = dict[str, np.ndarray]
FEATURES = 1024  # at most this many numbers of an input enter the distance between samples


@runtime_checkable
class Sampler(Protocol):
    """A random function on a box: `GaussianField`, `RandomField`, `ChebyshevSum`, or one of the user's."""

    def sample(
        self, random: np.random.Generator, intervals: Sequence[tuple[float, float]], axes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """One draw on the tensor grid of `axes`: an array of shape (len(axes[0]), ...)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family(abc.ABC):
    """Random instances of a problem. Settings are fields; `grid` counts nodes an axis, faces included.

    On a periodic axis the node that repeats the first is left out.
    """

    name: ClassVar[str]
    grid: tuple[int, ...]

    @abc.abstractmethod
    def parameters(self, seed: int, index: int) -> Parameters:
        """The random inputs of sample `index`: arrays on the grid, or of shape () for numbers."""

    @property
    @abc.abstractmethod
    def axes(self) -> dict[str, np.ndarray]:
        """Coordinates of the nodes by axis name."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the solution's fields."""
        return ("u",)

    def features(self, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
        """A vector whose Euclidean distances say how near two samples are: the inputs, thinned, one after another."""
        return np.concatenate([thinned(np.asarray(value)).ravel() for value in parameters.values()])


@dataclasses.dataclass(frozen=True, kw_only=True)
class SteadyFamily(Family):
    """Steady problems that are linear in the unknown: one sparse system a sample."""

    @abc.abstractmethod
    def system(self, parameters: Mapping[str, np.ndarray]) -> System:
        """The linear system of one sample."""

    def fields(self, parameters: Mapping[str, np.ndarray], x: np.ndarray) -> Fields:
        """Inputs and outputs by name, on all nodes, from the solution `x` (n,) of the system."""
        return {**parameters, self.outputs[0]: self.system(parameters).insert(np.asarray(x))}

    def residual(self, parameters: Mapping[str, np.ndarray], fields: Mapping[str, np.ndarray]) -> float:
        """How far stored fields are from solving the sample's system: the true relative residual, recomputed.

        Also the mismatch of the given boundary values, relative to the largest value, if that is more.
        """
        system, u = self.system(parameters), np.asarray(fields[self.outputs[0]], dtype=float)
        x = system.extract(u)
        mismatch = float(np.abs(system.insert(x) - u).max())
        return max(system.residual(x), mismatch / max(float(np.abs(u).max()), 1e-300))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StencilFamily(SteadyFamily):
    """Steady problems on a uniform grid, whose system is the stencil reading of a PDE definition."""

    order: Order = 2

    @abc.abstractmethod
    def pde(self, parameters: Mapping[str, np.ndarray]) -> PDE:
        """The PDE of one sample."""

    @property
    @abc.abstractmethod
    def layout(self) -> Grid:
        """The grid of the unknown."""

    def system(self, parameters: Mapping[str, np.ndarray]) -> System:
        """The linear system of one sample. Its pattern is found once; a further sample changes values only."""
        return discretise(self.pde(parameters), self.grid, self.order)

    @property
    def axes(self) -> dict[str, np.ndarray]:
        grid = self.layout
        return dict(zip(grid.names, grid.nodes, strict=True))


def thinned(values: np.ndarray) -> np.ndarray:
    """Every s-th value along each axis, with the smallest s that leaves at most FEATURES."""
    step = 1
    while np.prod([-(-length // step) for length in values.shape]) > FEATURES:
        step += 1
    chosen = (slice(None, None, step),) * values.ndim
    return np.asarray(values[chosen])
