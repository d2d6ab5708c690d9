"""The grammar of residuals: what may be written with `u` in a PDE definition.

A residual is read by several implementations (separable grids, scattered points, order probes, stencils). Each is a
`Field`; this module holds only what they share: arithmetic, derivatives by coordinate name, and pointwise functions.
"""

import abc
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spinn.pdes._vector import Vector


def is_scalar(value: Any) -> bool:
    """True for Python numbers and zero-dimensional arrays: what may scale a field without giving it a shape."""
    if isinstance(value, numbers.Number):
        return True
    return isinstance(value, np.ndarray | np.generic | jax.Array) and value.ndim == 0


def split_axes(axes: Sequence[str], coordinates: tuple[str, ...]) -> tuple[str, ...]:
    """Spell out derivative axes: ("tt",) -> ("t", "t"); ("theta", "r") stays, where `theta` is a coordinate.

    **Raises:** ValueError for a name that is no coordinate.
    """
    names: list[str] = []
    for word in axes:
        letters = (word,) if word in coordinates else tuple(word)
        unknown = [letter for letter in letters if letter not in coordinates]
        if unknown or not letters:
            raise ValueError(
                f"derivative '{word}' names {unknown or 'nothing'}, but the coordinates are {', '.join(coordinates)}; "
                "write d('xx') for one-letter coordinates or d('theta', 'theta') for longer names"
            )
        names.extend(letters)
    return tuple(names)


class Field(abc.ABC):
    """A function of the PDE's coordinates that a residual may add, multiply, differentiate and transform pointwise."""

    __array_ufunc__ = None  # numpy arrays on the left defer to the reflected operators below

    @property
    @abc.abstractmethod
    def coordinates(self) -> tuple[str, ...]:
        """Coordinate names, in the order of the array axes."""

    @abc.abstractmethod
    def d(self, *axes: str) -> "Field":
        """Partial derivative: `u.d("tt")`, `u.d("xy")`, or `u.d("theta", "theta")` for longer coordinate names."""

    @abc.abstractmethod
    def apply(self, function: Callable[..., Any], *others: Any) -> "Field":
        """The field `function(self, *others)`; `function` acts on arrays, element by element."""

    @abc.abstractmethod
    def mean(self, *axes: str) -> "Field":
        """Average over the named axes (length one remains), by the quadrature of the layout."""

    @abc.abstractmethod
    def plus(self, other: Any) -> "Field":
        """Sum with a field, a number or an array."""

    @abc.abstractmethod
    def times(self, other: Any) -> "Field":
        """Product with a field, a number or an array."""

    def __add__(self, other: Any) -> "Field":
        return self.plus(other)

    def __radd__(self, other: Any) -> "Field":
        return self.plus(other)

    def __sub__(self, other: Any) -> "Field":
        return self.plus(-other)

    def __rsub__(self, other: Any) -> "Field":
        return self.times(-1.0).plus(other)

    def __neg__(self) -> "Field":
        return self.times(-1.0)

    def __pos__(self) -> "Field":
        return self

    def __mul__(self, other: Any) -> "Field":
        return NotImplemented if isinstance(other, Vector) else self.times(other)

    def __rmul__(self, other: Any) -> "Field":
        return self.times(other)

    def __truediv__(self, other: Any) -> "Field":
        return self.times(1.0 / other)

    def __rtruediv__(self, other: Any) -> "Field":
        return self.apply(lambda value: other / value) if is_scalar(other) else self.apply(jnp.reciprocal).times(other)

    def __pow__(self, exponent: Any) -> "Field":
        if isinstance(exponent, Field):
            return self.apply(jnp.power, exponent)
        return self.apply(lambda value: value**exponent)

    def __abs__(self) -> "Field":
        return self.apply(jnp.abs)

    def __bool__(self) -> bool:
        raise TypeError("a field has no truth value; use spinn.pdes.where(condition, a, b) for piecewise expressions")

    def __lt__(self, other: Any) -> "Field":
        return self.apply(jnp.less, other)

    def __le__(self, other: Any) -> "Field":
        return self.apply(jnp.less_equal, other)

    def __gt__(self, other: Any) -> "Field":
        return self.apply(jnp.greater, other)

    def __ge__(self, other: Any) -> "Field":
        return self.apply(jnp.greater_equal, other)
