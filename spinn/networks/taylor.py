"""Truncated Taylor arithmetic: functions of one variable with their derivatives up to a fixed order.

A `Taylor` holds the coefficients f^(m)/m! stacked along the first axis, so that a dense layer acts on all orders in one
matrix product. The recurrences are those of Griewank and Walther, "Evaluating Derivatives", section 13.2.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@dataclasses.dataclass(frozen=True, eq=False)
class Taylor:
    """Coefficients f^(m)/m!, m = 0 ... order, of features at points: (order + 1, points, features)."""

    coefficients: Float[Array, "orders points features"]

    @property
    def order(self) -> int:
        """The highest derivative carried."""
        return self.coefficients.shape[0] - 1

    def __add__(self, other: "Taylor | Array | float") -> "Taylor":
        if isinstance(other, Taylor):
            return Taylor(self.coefficients + other.coefficients)
        return Taylor(self.coefficients.at[0].add(other))

    def __sub__(self, other: "Taylor") -> "Taylor":
        return Taylor(self.coefficients - other.coefficients)

    def __mul__(self, other: "Taylor | Array | float") -> "Taylor":
        if isinstance(other, Taylor):
            return Taylor(cauchy(self.coefficients, other.coefficients))
        return Taylor(self.coefficients * other)

    __rmul__ = __mul__

    def affine(self, weight: Float[Array, "inputs outputs"], bias: Float[Array, " outputs"] | None = None) -> "Taylor":
        """A dense layer: the weight acts on every order, the bias on the value only."""
        # One flat product: its transposes run faster than those of a batched one.
        flat = self.coefficients.reshape(-1, weight.shape[0]) @ weight
        result = flat.reshape(*self.coefficients.shape[:2], weight.shape[1])
        if bias is None:
            return Taylor(result)
        # Zeros for the higher orders, since an in-place update does not fuse with its neighbours.
        here = np.eye(self.order + 1, 1, dtype=result.dtype)[:, :, None]
        return Taylor(result + here * bias)

    def derivatives(self) -> Float[Array, "orders points features"]:
        """f, f', f'', ...: the coefficients times m!."""
        factorials = np.array([math.factorial(m) for m in range(self.order + 1)], dtype=self.coefficients.dtype)
        return self.coefficients * factorials[:, None, None]


def variable(points: Float[Array, " points"], order: int, scale: float | Array = 1.0) -> Taylor:
    """The independent variable itself at the points, with d(variable)/d(coordinate) = scale; one feature."""
    rows = [points, jnp.full_like(points, 1.0) * scale] + [jnp.zeros_like(points)] * (order - 1)
    return Taylor(jnp.stack(rows[: order + 1])[:, :, None])


def total(terms: Iterable[Array]) -> Array:
    """The sum of at least one array."""
    return functools.reduce(jnp.add, terms)


def cauchy(a: Array, b: Array) -> Array:
    """Coefficients of a product."""
    left, right = jnp.unstack(a), jnp.unstack(b)
    return jnp.stack([sum(left[j] * right[m - j] for j in range(m + 1)) for m in range(len(left))])


def sine_cosine(z: Taylor) -> tuple[Taylor, Taylor]:
    """sin z and cos z: m s_m = sum j z_j c_(m-j), m c_m = -sum j z_j s_(m-j)."""
    a = jnp.unstack(z.coefficients)
    sines, cosines = [jnp.sin(a[0])], [jnp.cos(a[0])]
    for m in range(1, len(a)):
        sine = total(j * a[j] * cosines[m - j] for j in range(1, m + 1)) / m
        cosine = total(j * a[j] * sines[m - j] for j in range(1, m + 1)) / -m
        sines.append(sine)
        cosines.append(cosine)
    return Taylor(jnp.stack(sines)), Taylor(jnp.stack(cosines))


def sine(z: Taylor) -> Taylor:
    """sin z."""
    return sine_cosine(z)[0]


def tanh(z: Taylor) -> Taylor:
    """tanh z: y' = (1 - y^2) z', so m y_m = sum j z_j v_(m-j) with v = 1 - y^2."""
    a = jnp.unstack(z.coefficients)
    values = [jnp.tanh(a[0])]
    slopes = [1.0 - values[0] ** 2]
    for m in range(1, len(a)):
        values.append(total(j * a[j] * slopes[m - j] for j in range(1, m + 1)) / m)
        slopes.append(-total(values[j] * values[m - j] for j in range(m + 1)))
    return Taylor(jnp.stack(values))


def power(z: Taylor, exponent: float) -> Taylor:
    """z^exponent where z has no zero: m z_0 y_m = sum ((exponent + 1) j - m) z_j y_(m-j)."""
    a = jnp.unstack(z.coefficients)
    values = [a[0] ** exponent]
    for m in range(1, len(a)):
        terms = (((exponent + 1.0) * j - m) * a[j] * values[m - j] for j in range(1, m + 1))
        values.append(total(terms) / (m * a[0]))
    return Taylor(jnp.stack(values))


def integral(z: Taylor, value: Array) -> Taylor:
    """The series of which z is the derivative, from its values; the last coefficient of z is not used."""
    rows = [z.coefficients[m - 1] / m for m in range(1, z.order + 1)]
    return Taylor(jnp.stack([value, *rows]))


def from_function(function: Callable[[Array], Array], z: Taylor) -> Taylor:
    """Any function (points, inputs) -> (points, features), by nested forward-mode: for bodies without Taylor rules.

    It is differentiated at s = 0 along the curve z_0 + z_1 s + z_2 s^2 + ..., so `z` may be any series.
    """

    def along_curve(s: Array) -> Array:
        powers = jnp.stack([s**m for m in range(z.order + 1)])
        return function(jnp.tensordot(powers, z.coefficients, 1))

    rows: list[Callable[[Array], Array]] = [along_curve]
    for _ in range(z.order):
        rows.append(_derivative(rows[-1]))
    origin = jnp.zeros((), z.coefficients.dtype)
    return Taylor(jnp.stack([row(origin) / math.factorial(m) for m, row in enumerate(rows)]))


def _derivative(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda s: jax.jvp(function, (s,), (jnp.ones_like(s),))[1]
