"""Fields of the method of lines: values on a grid, as JAX arrays, and the coefficient of the time derivative.

Expressions may be nonlinear, since they are evaluated at once. `u.d("t")` is no array: it is remembered with its
coefficient, and the right side of du/dt = F(t, u) is what remains, divided by it.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from spinn.data.stencil.grid import Axis, Grid
from spinn.data.stencil.operators import axis_matrix
from spinn.data.stencil.weights import central, weights
from spinn.pdes import Field
from spinn.pdes._field import split_axes


@dataclasses.dataclass(frozen=True, eq=False)
class Slope:
    """What `value = factor * d_axis base` was made of: one more derivative along the axis makes it a flux."""

    axis: int
    base: Any
    factor: Any = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class LinesField(Field):
    """value + rate * u_t at all nodes of a grid."""

    grid: Grid
    value: Any  # an array that broadcasts to grid.shape, or a number
    rate: Any = None  # None: no time derivative in it
    bare: bool = False  # the unknown itself
    given: bool = False  # a function of the coordinates only
    slope: Slope | None = None

    @property
    def coordinates(self) -> tuple[str, ...]:
        return ("t", *self.grid.names)

    def d(self, *axes: str) -> "LinesField":
        names = split_axes(axes, self.coordinates)
        if names == ("t",) and self.bare:
            return LinesField(self.grid, 0.0, rate=1.0)
        if "t" in names:
            raise ValueError(
                "method of lines: expected d('t') of the unknown itself, once, as the only time derivative"
            )
        if self.given:
            raise ValueError("method of lines: derivatives of coordinate functions are not known here; write them out")
        self.without_rate()
        if self.slope is not None and self.grid.order != "spectral" and names == (self.grid.names[self.slope.axis],):
            return LinesField(self.grid, flux_difference(self.grid, self.slope))
        value = jnp.broadcast_to(self.value, self.grid.shape)
        counts = Counter(self.grid.names.index(name) for name in names)
        for axis, times in counts.items():
            value = differentiated(self.grid, value, axis, times)
        slope = Slope(next(iter(counts)), self.value) if len(names) == 1 else None
        return LinesField(self.grid, value, slope=slope)

    def apply(self, function: Callable[..., Any], *others: Any) -> "LinesField":
        values = [value_of(other) for other in others]
        return LinesField(self.grid, function(self.without_rate(), *values), given=self.given and all_given(others))

    def mean(self, *axes: str) -> "LinesField":
        value = jnp.broadcast_to(self.without_rate(), self.grid.shape)
        for name in split_axes(axes, self.grid.names):
            axis = self.grid.names.index(name)
            share = np.ones(self.grid.shape[axis])
            if not self.grid.axes[axis].periodic:
                share[[0, -1]] = 0.5
            shape = [1] * value.ndim
            shape[axis] = -1
            value = jnp.sum(value * (share / share.sum()).reshape(shape), axis=axis, keepdims=True)
        return LinesField(self.grid, value)

    def plus(self, other: Any) -> "LinesField":
        given = self.given and all_given((other,))
        if isinstance(other, LinesField):
            rates = [field.rate for field in (self, other) if has_rate(field)]
            return LinesField(self.grid, self.value + other.value, sum(rates) if rates else None, given=given)
        return LinesField(self.grid, self.value + other, self.rate, given=given)

    def times(self, other: Any) -> "LinesField":
        if isinstance(other, LinesField) and has_rate(other):
            return other.times(self.without_rate())
        factor = value_of(other)
        slope = None if self.slope is None else dataclasses.replace(self.slope, factor=self.slope.factor * factor)
        given = self.given and all_given((other,))
        rate = self.rate * factor if has_rate(self) else None
        return LinesField(self.grid, self.value * factor, rate, given=given, slope=slope)

    def without_rate(self) -> Any:
        """The value, where a time derivative would make no sense."""
        if has_rate(self):
            raise ValueError("method of lines: u_t may be multiplied by a coefficient and added to, nothing else")
        return self.value


def has_rate(field: LinesField) -> bool:
    """Whether the time derivative is part of a field."""
    return field.rate is not None


def value_of(other: Any) -> Any:
    """The array of a field without time derivative; an array or number as it is."""
    return other.without_rate() if isinstance(other, LinesField) else other


def all_given(others: tuple[Any, ...]) -> bool:
    """Whether no operand contains the unknown."""
    return all(other.given for other in others if isinstance(other, LinesField))


def differentiated(grid: Grid, value: Any, axis: int, times: int) -> Any:
    """The derivative of order `times` along an axis at all nodes, by differences or, if spectral, by Fourier sums."""
    one = grid.axes[axis]
    if grid.order == "spectral":
        return spectral_derivative(one, value, axis, times)
    if one.periodic:
        offsets = central(times, int(grid.order))
        parts = zip(offsets, weights(offsets, times), strict=True)
        return sum(w / one.spacing**times * jnp.roll(value, -offset, axis) for offset, w in parts)
    D = axis_matrix(one, times, int(grid.order))[0].toarray()
    return jnp.moveaxis(jnp.tensordot(D, value, axes=(1, axis)), 0, axis)


def spectral_derivative(axis: Axis, value: Any, position: int, times: int) -> Any:
    """Derivative of the trigonometric interpolant; the highest wave of an even grid has no odd derivatives."""
    points = axis.points
    k = 2 * np.pi / (axis.high - axis.low) * np.arange(points // 2 + 1)
    symbol = (1j * k) ** times
    if points % 2 == 0 and times % 2 == 1:
        symbol[-1] = 0.0
    shape = [1] * value.ndim
    shape[position] = -1
    return jnp.fft.irfft(jnp.fft.rfft(value, axis=position) * symbol.reshape(shape), points, axis=position)


def flux_difference(grid: Grid, slope: Slope) -> Any:
    """d_axis(factor d_axis base) as differences of fluxes through faces, with harmonic means of the factor.

    Of fourth order by the product rule, as in the linear reading: then the factor must be smooth.
    """
    one, axis = grid.axes[slope.axis], slope.axis
    base, factor = (jnp.broadcast_to(part, grid.shape) for part in (slope.base, slope.factor))
    if grid.order == 4:
        slopes = differentiated(grid, factor, axis, 1) * differentiated(grid, base, axis, 1)
        return slopes + factor * differentiated(grid, base, axis, 2)
    here = jnp.roll(base, -1, axis) - base  # the last of these is used on periodic axes only
    flux = face_mean(factor, jnp.roll(factor, -1, axis)) * here / one.spacing
    return (flux - jnp.roll(flux, 1, axis)) / one.spacing  # wrong on Dirichlet faces, where no equation is read


def face_mean(a: Any, b: Any) -> Any:
    """As `harmonic_mean` of the linear reading, for JAX."""
    product, total = a * b, a + b
    safe = jnp.where(product > 0, total, 1.0)
    return jnp.where(product > 0, 2 * product / safe, jnp.where(product < 0, total / 2, 0.0))
