"""Reference solutions on tensor grids, evaluated anywhere by spectral interpolation, cached under the user's folder."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from spinn.pdes._interpolation import Kind, interpolation_matrix

Evaluate = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Reference:
    """A converged solution: `values[unknown]` on the tensor grid of `axes`, with what is known of its accuracy.

    `kinds` says how each axis interpolates (see `interpolation_matrix`): `fourier` (uniform, periodic, endpoint left
    out), `chebyshev` (Chebyshev points of the second kind, ascending), or one of their relatives for square-root
    behaviour. `values` may hold derived quantities besides the unknowns. `digits`: -log10 of the estimated relative
    L2 error.
    """

    axes: Mapping[str, np.ndarray]
    kinds: Mapping[str, Kind]
    values: Mapping[str, np.ndarray]
    digits: float
    function: Evaluate | None = None  # a closed form to use in place of interpolation

    @classmethod
    def from_function(cls, axes: tuple[str, ...], function: Evaluate, digits: float) -> "Reference":
        """A reference that is computed where it is asked for: `function(axes)` returns arrays on the tensor grid."""
        return cls({axis: np.empty(0) for axis in axes}, {}, {}, digits, function)

    def on_grid(self, axes: Mapping[str, Float[np.ndarray, " points"]]) -> dict[str, np.ndarray]:
        """Values on the tensor grid of `axes`, float64, dimensions in the order of the PDE's coordinates.

        **Raises:** ValueError if `axes` lacks a coordinate, has a strange one, or leaves the domain.
        """
        if set(axes) != set(self.axes):
            raise ValueError(f"expected points for the axes {', '.join(self.axes)}, got {', '.join(axes) or 'none'}")
        points = {axis: np.asarray(axes[axis], dtype=np.float64) for axis in self.axes}
        if self.function is not None:
            return self.function(points)
        matrices = [self._matrix(axis, points[axis]) for axis in self.axes]
        # axes that shrink go first, which keeps the intermediate arrays small
        order = sorted(range(len(matrices)), key=lambda index: np.divide(*matrices[index].shape))
        result = {}
        for name, array in self.values.items():
            for index in order:
                array = np.moveaxis(np.tensordot(matrices[index], array, axes=(1, index)), 0, index)
            result[name] = np.ascontiguousarray(array)
        return result

    def _matrix(self, axis: str, points: np.ndarray) -> np.ndarray:
        try:
            return interpolation_matrix(self.kinds[axis], self.axes[axis], points)
        except ValueError as error:
            raise ValueError(f"reference along {axis}: {error}") from None
