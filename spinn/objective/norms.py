"""Mean squares of separable residuals, with gradients made along with the values.

Three ways to the weighted mean of f^2 for f = sum_r prod_i F_i[:, r]:

- `grid_norm` forms f block by block. A block stays in the processor's cache while its square is summed and both
  products of the gradient are taken from it, so the grid is never stored: 10^9 points need no more memory than 10^6.
- `gram_norm` sums prod_i (F_i^T W_i F_i)[r, s] over r and s: beyond the Gram matrices the cost does not depend on the
  grid. Squares of large terms cancel there, so that half the digits are lost; the sums are therefore in float64
  whatever the precision of the factors, and the norm of float32 factors is good to their own rounding.
- `qr_norm` replaces the factors of each axis by their coordinates in an orthonormal basis and sums on that smaller
  grid, of at most as many points an axis as there are distinct columns: exact, with all digits.
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields import Separable
from spinn.fields.contraction import contract, split_point
from spinn.fields.tabulated import Pattern, Table, restored, tabulate

# Entries of a block. On a processor it should fit the second-level cache; elsewhere large products run best.
CACHE_ENTRIES = 1 << 19
DEVICE_ENTRIES = 1 << 26
SHORTER = 4  # how many times fewer entries make it worthwhile to project data that are not separable


def grid_norm(field: Separable) -> Float[Array, ""]:
    """Weighted mean square from the values on the grid, which are never stored together."""
    if not field.terms:
        return jnp.zeros((), field.dtype)
    table, patterns = tabulate(field.terms, field.grid.shape, field.dtype)
    return blocked_square(_weighted(table, _weights(field)), patterns)


def qr_norm(field: Separable) -> Float[Array, ""]:
    """Weighted mean square on the compressed grid.

    The orthonormal bases are constants for differentiation: the gradient is that of the norm exactly, since the
    residual lies in their span, and exists where columns are dependent and that of the factorisation does not.
    """
    if not field.terms:
        return jnp.zeros((), field.dtype)
    table, patterns = tabulate(field.terms, field.grid.shape, field.dtype)
    weighted = _weighted(table, _weights(field))
    return blocked_square(weighted._replace(factors=tuple(map(_compressed, weighted.factors))), patterns)


def compressed_block(field: Separable) -> Float[Array, "..."]:
    """An array with the weighted mean square of the field as its sum of squares, on the compressed grid of `qr_norm`.

    It is linear in the field where the axis features are, so least-squares methods see the same problem at a cost that
    does not depend on the number of points. Any head.
    """
    table, patterns = tabulate(field.terms, field.grid.shape, field.dtype)
    weighted = _weighted(table, _weights(field))
    small = weighted._replace(factors=tuple(map(_compressed, weighted.factors)))
    shape = tuple(factors[0].shape[0] for factors in small.factors)
    return contract(restored(small, patterns), shape, field.dtype)


def compressed_sum(field: Separable, rest: Float[Array, "..."]) -> Float[Array, " _"] | None:
    """Entries with the weighted mean square of `field + rest` as their sum of squares: those on the compressed grid of
    the field, and one for all of `rest` that lies outside of it. None where that would not be much fewer.

    `rest`: known values on the grid, which no separable field has. They are projected once for a linear solve.
    """
    grid, shape = field.grid, field.grid.shape
    table, patterns = tabulate(field.terms, shape, field.dtype)
    bases = [_basis(factors) for factors in _weighted(table, _weights(field)).factors]
    small = tuple(length if basis is None else basis.shape[1] for basis, length in zip(bases, shape, strict=True))
    if SHORTER * math.prod(small) > math.prod(shape):
        return None
    weighted = _weighted(table, _weights(field))
    factors = tuple(
        one if basis is None else tuple(basis.T @ factor for factor in one)
        for one, basis in zip(weighted.factors, bases, strict=True)
    )
    values = contract(restored(weighted._replace(factors=factors), patterns), small, field.dtype)
    rooted = functools.reduce(jnp.multiply, [grid.weight_root(axis) for axis in grid.axes], rest)
    inside = jnp.broadcast_to(rooted, shape)
    for place, basis in enumerate(bases):
        inside = inside if basis is None else _along(basis.T, inside, place)
    back = inside
    for place, basis in enumerate(bases):
        back = back if basis is None else _along(basis, back, place)
    outside = jnp.sqrt(jnp.sum(jnp.square(rooted - back)))
    return jnp.concatenate([(values + inside).reshape(-1), outside[None]])


def _along(matrix: Array, values: Array, place: int) -> Array:
    return jnp.moveaxis(jnp.tensordot(matrix, values, ((1,), (place,))), 0, place)


def gram_norm(field: Separable) -> Float[Array, ""]:
    """Weighted mean square through per-axis Gram matrices in float64; never below zero."""
    if not field.terms:
        return jnp.zeros((), field.dtype)
    table, patterns = tabulate(field.terms, field.grid.shape, field.dtype)

    def value(numbers: tuple[Table, tuple[Array, ...]]) -> Array:
        return gram_square(*numbers, patterns)

    def in_double(numbers: Any) -> tuple[Array, Any]:
        with jax.enable_x64(True):
            total, slopes = jax.value_and_grad(value)(jax.tree.map(lambda a: a.astype(jnp.float64), numbers))
            return jax.tree.map(lambda a: a.astype(field.dtype), (total, slopes))

    return _with_gradient(lambda numbers: in_double(numbers)[0], in_double, (table, _weights(field)))


def gram_square(table: Table, weights: Sequence[Array], patterns: Sequence[Pattern]) -> Float[Array, ""]:
    """Sum over pairs of terms of the sums of products of their blocks of the Gram matrices."""
    grams, offsets = [], []
    for factors, weight in zip(table.factors, weights, strict=True):
        columns = jnp.concatenate(factors, 1)
        grams.append(columns.T @ (columns * weight[:, None]))
        ends = itertools.accumulate((factor.shape[1] for factor in factors), initial=0)
        offsets.append([slice(a, b) for a, b in itertools.pairwise(ends)])
    total = jnp.zeros((), grams[0].dtype)
    for index, p in enumerate(patterns):
        for q in patterns[: index + 1]:
            blocks = [
                gram[where[a], where[b]]
                for gram, where, a, b in zip(grams, offsets, p.positions, q.positions, strict=True)
            ]
            scale = p.scale(table) * q.scale(table) * (1.0 if p is q else 2.0)
            total = total + scale * jnp.sum(functools.reduce(jnp.multiply, blocks))
    return jnp.maximum(total, 0.0)


def blocked_square(table: Table, patterns: Sequence[Pattern]) -> Float[Array, ""]:
    """Sum of squares on the grid of the table, block by block along one axis."""
    shape = tuple(factors[0].shape[0] for factors in table.factors)
    axis = split_point(shape) if len(shape) > 1 else 0
    limit = CACHE_ENTRIES if jax.default_backend() == "cpu" else DEVICE_ENTRIES
    count = -(-math.prod(shape) // limit)
    width = -(-shape[axis] // min(count, shape[axis]))

    def half(table: Table) -> Array:
        here = tuple(factors[0].shape[0] for factors in table.factors)
        values = contract(restored(table, patterns), here, table.factors[0][0].dtype, reverse=True)
        return 0.5 * jnp.sum(jnp.square(values))  # halved, so that the values are their own cotangents

    if width == shape[axis]:
        return 2.0 * _with_gradient(half, jax.value_and_grad(half), table)
    return 2.0 * _with_gradient(
        lambda numbers: _swept(half, numbers, axis, width), _swept_gradient(half, axis, width), table
    )


def _cut(table: Table, axis: int, width: int) -> tuple[Callable[[Any], Table], tuple[Array, ...]]:
    """The factors of one axis in parts of `width` points, zeros at the end; and the table with one part for all."""
    parts = tuple(
        jnp.pad(factor, ((0, -factor.shape[0] % width), (0, 0))).reshape(-1, width, factor.shape[1])
        for factor in table.factors[axis]
    )
    return functools.partial(_with_axis, table, axis), parts


def _with_axis(table: Table, axis: int, factors: tuple[Array, ...]) -> Table:
    return table._replace(factors=(*table.factors[:axis], factors, *table.factors[axis + 1 :]))


def _swept(square: Callable[[Table], Array], table: Table, axis: int, width: int) -> Array:
    """The sum over blocks."""
    whole, parts = _cut(table, axis, width)
    start = jnp.zeros((), parts[0].dtype)
    return jax.lax.scan(lambda total, part: (total + square(whole(part)), None), start, parts)[0]


def _swept_gradient(square: Callable[[Table], Array], axis: int, width: int) -> Callable[[Table], tuple[Array, Table]]:
    """The sum over blocks and its gradient in one sweep."""

    def both(table: Table) -> tuple[Array, Table]:
        whole, parts = _cut(table, axis, width)
        rest = _with_axis(table, axis, ())

        def add(carry: tuple[Array, Table], part: tuple[Array, ...]) -> tuple[tuple[Array, Table], tuple[Array, ...]]:
            value, slopes = jax.value_and_grad(square)(whole(part))
            total = jax.tree.map(jnp.add, carry, (value, _with_axis(slopes, axis, ())))
            return total, slopes.factors[axis]

        zero = (jnp.zeros((), parts[0].dtype), jax.tree.map(jnp.zeros_like, rest))
        (value, slopes), along = jax.lax.scan(add, zero, parts)
        count = table.factors[axis][0].shape[0]
        return value, _with_axis(slopes, axis, tuple(s.reshape(-1, s.shape[2])[:count] for s in along))

    return both


def _with_gradient(
    value: Callable[[Any], Array], value_and_gradient: Callable[[Any], tuple[Array, Any]], numbers: Any
) -> Array:
    """`value(numbers)`, whose derivative in either mode is the gradient that was computed along with it."""
    function = jax.custom_jvp(value)

    def rule(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Array, Array]:
        total, slopes = value_and_gradient(primals[0])
        products = jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum(a * b), slopes, tangents[0]))
        return total, functools.reduce(jnp.add, products)

    function.defjvp(rule)
    return function(numbers)


def _weights(field: Separable) -> tuple[Array, ...]:
    return tuple(field.grid.weights[axis] for axis in field.grid.axes)


def _weighted(table: Table, weights: Sequence[Array]) -> Table:
    """Factors times the roots of the quadrature weights of their axes."""
    roots = [jnp.sqrt(weight)[:, None] for weight in weights]
    factors = (tuple(f * root for f in axis) for axis, root in zip(table.factors, roots, strict=True))
    return table._replace(factors=tuple(factors))


def _compressed(factors: tuple[Array, ...]) -> tuple[Array, ...]:
    """The factors of one axis in an orthonormal basis of their columns, where that is shorter."""
    basis = _basis(factors)
    return factors if basis is None else tuple(basis.T @ factor for factor in factors)


def _basis(factors: tuple[Array, ...]) -> Float[Array, "points columns"] | None:
    """An orthonormal basis of the columns of the factors of one axis; None where it would have as many as points."""
    columns = jnp.concatenate(factors, 1)
    if columns.shape[1] >= columns.shape[0]:
        return None
    return jnp.linalg.qr(jax.lax.stop_gradient(columns))[0]
