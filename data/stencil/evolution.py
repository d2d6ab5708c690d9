"""A time-dependent PDE as du/dt = F(t, u) on a grid: the method of lines, as a JAX function."""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spinn.data.stencil.boundary import evaluated, face_slices, given, initial_value
from spinn.data.stencil.grid import Grid, Order, grid_of
from spinn.data.stencil.lines import LinesField, has_rate
from spinn.pdes import PDE, Dirichlet


@dataclasses.dataclass(frozen=True, eq=False)
class Evolution:
    """The right side of a PDE of first order in time with one unknown, on Dirichlet or periodic faces.

    `order` is 2, 4 or, if every axis is periodic, "spectral": then waves above two thirds of the highest are dropped
    from the state and the right side, so that quadratic terms are free of aliasing (Orszag, J. Atmos. Sci. 28, 1971).
    States are float64 arrays of shape `grid.unknown_shape`. Use inside `jax.enable_x64(True)`.
    """

    pde: PDE
    grid: Grid

    @staticmethod
    def of(pde: PDE, points: tuple[int, ...], order: Order = 2) -> "Evolution":
        """The evolution of a PDE on `points` nodes an axis, faces included.

        **Raises:** ValueError if the PDE is steady or has Neumann faces; and as `grid_of`.
        """
        if "t" not in pde.coordinates:
            raise ValueError(f"{type(pde).__name__} is steady: expected a coordinate t; use discretise for its system")
        grid = grid_of(pde, tuple(points), order)
        if any("neumann" in axis.ends for axis in grid.axes):
            raise ValueError(
                f"{type(pde).__name__}: the method of lines knows Dirichlet and periodic faces, got Neumann"
            )
        return Evolution(pde, grid)

    def initial(self, parameters: Mapping[str, Any]) -> np.ndarray:
        """The state at the start, from the PDE's `Initial` condition: shape grid.unknown_shape."""
        value = initial_value(with_parameters(self.pde, parameters), self.grid)
        full = np.broadcast_to(np.asarray(value, dtype=float), self.grid.shape)
        state = full[self.grid.unknown_slices]
        if not self.is_spectral:
            return state
        return np.fft.irfftn(self.kept * np.fft.rfftn(state), state.shape, axes=tuple(range(state.ndim)))

    def slope(self, t: Any, state: Any, parameters: Mapping[str, Any]) -> Any:
        """F(t, state) for parameters of the PDE that differ from its own; may be traced, in the parameters as well.

        **Raises:** ValueError if the residual has no u_t, or one that is not a plain term.
        """
        pde = with_parameters(self.pde, parameters)
        unknown = LinesField(self.grid, self.filled(pde, t, state), bare=True)
        mesh = jnp.meshgrid(*self.grid.nodes, indexing="ij", sparse=True)
        values = {"t": t, **dict(zip(self.grid.names, mesh, strict=True))}
        coordinates = {name: LinesField(self.grid, values[name], given=True) for name in pde.coordinates}
        found = list(pde.residuals({pde.unknowns[0]: unknown}, coordinates).values())
        if len(found) != 1 or not isinstance(found[0], LinesField) or not has_rate(found[0]):
            raise ValueError(f"{type(pde).__name__}: expected one residual that contains {pde.unknowns[0]}.d('t')")
        change = jnp.broadcast_to(-found[0].value / found[0].rate, self.grid.shape)[self.grid.unknown_slices]
        return jnp.fft.irfftn(self.kept * jnp.fft.rfftn(change), change.shape) if self.is_spectral else change

    def filled(self, pde: PDE, t: Any, state: Any) -> Any:
        """The state among the values given on Dirichlet faces at time t: an array of shape grid.shape."""
        full = jnp.zeros(self.grid.shape, state.dtype)
        for face, value in given(pde, self.grid, Dirichlet).items():
            where = face_slices(self.grid, face)
            full = full.at[where].set(jnp.broadcast_to(evaluated(pde, self.grid, value, t), self.grid.shape)[where])
        return full.at[self.grid.unknown_slices].set(state)

    def symbol(self, t: float, parameters: Mapping[str, Any]) -> np.ndarray:
        """The linearisation of F about u = 0 as a multiplier of Fourier coefficients, in the layout of `rfftn`.

        It is that of the response to a unit impulse: the whole linear part where coefficients are constant.
        """
        state = jnp.zeros(self.grid.unknown_shape, jnp.float64)
        impulse = state.at[(0,) * state.ndim].set(1.0)
        response = jax.jvp(lambda u: self.slope(t, u, parameters), (state,), (impulse,))[1]
        return np.asarray(jnp.fft.rfftn(response))

    @property
    def is_spectral(self) -> bool:
        """Whether derivatives are Fourier sums."""
        return self.grid.order == "spectral"

    @property
    def kept(self) -> np.ndarray:
        """1 for wave numbers below two thirds of the highest, 0 above, in the layout of `rfftn`."""
        *full, last = self.grid.shape
        waves = [np.abs(np.fft.fftfreq(points, 1 / points)) < points / 3 for points in full]
        waves.append(np.arange(last // 2 + 1) < last / 3)
        kept: Any = waves[0]
        for wave in waves[1:]:
            kept = np.logical_and.outer(kept, wave)
        return kept * 1.0


def with_parameters(pde: PDE, parameters: Mapping[str, Any]) -> PDE:
    """The PDE with other parameters, which may be traced and are therefore not validated."""
    new = copy.copy(pde)
    for name, value in parameters.items():
        object.__setattr__(new, name, value)
    return new
