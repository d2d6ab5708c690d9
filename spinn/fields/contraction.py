"""From a list of separable terms to an array on the grid, with as few large products as the terms allow.

Terms that share a factor are summed on the small side first. For sums of products the axes are split in two halves; the
terms' coefficients form a matrix of left monomials by right monomials, and a vertex cover of its non-zero entries tells
how many products of the full size are needed: two for a Laplacian in any dimension, instead of one a term.
"""

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields.factors import product
from spinn.fields.terms import ONE, Head, Term


def contract(terms: Sequence[Term], shape: tuple[int, ...], dtype: Any, reverse: bool = False) -> Float[Array, "..."]:
    """The sum of the terms as an array of the given shape.

    `reverse`: whether reverse-mode gradients alone will be asked for, which then are faster.
    """
    parts = [
        _tucker([term for term in terms if term.head is head], head, len(shape) - 1)
        for head in _heads(terms)
        if head.core is not None
    ]
    parts += [
        _train([term for term in terms if term.head is head], head.train, len(shape) - 1)[..., 0]
        for head in _heads(terms)
        if head.train is not None
    ]
    products = [term for term in terms if term.head.is_product]
    if products:
        parts.append(_sum_of_products(products, shape, dtype, reverse))
    return sum(parts[1:], start=parts[0]).astype(dtype) if parts else jnp.zeros(shape, dtype)


def full_products(terms: Sequence[Term], shape: tuple[int, ...]) -> int:
    """How many matrix products of a network's rank and of the size of the grid `contract` makes of the terms."""
    total = 0
    for head in _heads(terms):
        mine = [term for term in terms if term.head is head]
        if not head.is_product:
            total += len(_grouped(mine, len(shape) - 1))
        elif head is not ONE:
            total += len(cover(mine, split_point(shape))) if len(shape) > 1 else len(mine)
    return total


def _heads(terms: Sequence[Term]) -> list[Head]:
    """The distinct heads, in order of appearance."""
    return list(dict.fromkeys(term.head for term in terms))


def _values(term: Term, axis: int, length: int, dtype: Any) -> Array:
    return product(term.factors[axis]) if term.factors[axis] else jnp.ones((length, 1), dtype)


def _grouped(terms: Sequence[Term], axis: int) -> list[list[Term]]:
    """Terms that share their factor along an axis, together."""
    groups: dict[Any, list[Term]] = {}
    for term in terms:
        groups.setdefault(term.key(axis), []).append(term)
    return list(groups.values())


def _tucker(terms: Sequence[Term], head: Head, axis: int) -> Array:
    """Mode products from the first axis up to `axis`; the result has axes (N_0, ..., N_axis, r_axis+1, ...).

    The factors that differ along `axis` are stacked along the rank, so that each level is one matrix product.
    """
    assert head.core is not None
    if axis < 0:
        return head.core * sum(term.coefficient for term in terms)
    groups = _grouped(terms, axis)
    below = jnp.concatenate([_tucker(group, head, axis - 1) for group in groups], axis)
    factors = jnp.concatenate([product(group[0].factors[axis]) for group in groups], 1)
    return jnp.moveaxis(jnp.tensordot(below, factors, ((axis,), (1,))), -1, axis)


def _train(terms: Sequence[Term], cores: Sequence[Array], axis: int) -> Array:
    """Cores multiplied from the first axis up to `axis`; the result has axes (N_0, ..., N_axis, right rank)."""
    if axis < 0:
        return jnp.reshape(jnp.asarray(sum(term.coefficient for term in terms)), (1,))
    parts = []
    for group in _grouped(terms, axis):
        step = jnp.einsum("xn,anb->axb", product(group[0].factors[axis]), cores[axis])
        parts.append(jnp.tensordot(_train(group, cores, axis - 1), step, 1))
    return functools.reduce(jnp.add, parts)


def split_point(shape: tuple[int, ...]) -> int:
    """Where to cut the axes in two so that the two matrices to be multiplied are smallest together."""

    def cost(cut: int) -> int:
        left = right = 1
        for axis, length in enumerate(shape):
            left, right = (left * length, right) if axis < cut else (left, right * length)
        return left + right

    return min(range(1, len(shape)), key=cost)


def _sum_of_products(terms: Sequence[Term], shape: tuple[int, ...], dtype: Any, reverse: bool) -> Array:
    """CP terms and known functions together: one matrix product of (left points, R) with (R, right points)."""
    if len(shape) == 1:
        return functools.reduce(jnp.add, (_sum_rank(term, shape[0], dtype) for term in terms))
    cut = split_point(shape)
    lefts, rights = [], []
    for head in _heads(terms):
        for part, by_right in cover([term for term in terms if term.head is head], cut):
            # One side of each part is a single monomial; the coefficients go with the side that is a sum.
            left = khatri_rao_sum(part if by_right else _unit(part), range(cut), shape, dtype)
            right = khatri_rao_sum(_unit(part) if by_right else part, range(cut, len(shape)), shape, dtype)
            rank = max(left.shape[-1], right.shape[-1])
            lefts.append(jnp.broadcast_to(left, (left.shape[0], rank)))
            rights.append(jnp.broadcast_to(right, (right.shape[0], rank)))
    left, right = (jnp.concatenate(side, 1) if len(side) > 1 else side[0] for side in (lefts, rights))
    product = reversible_product if reverse and jax.default_backend() == "cpu" else _product
    return product(left, right).reshape(shape)


def _product(left: Array, right: Array) -> Array:
    return left @ right.T


@jax.custom_vjp
def reversible_product(
    left: Float[Array, "points rank"], right: Float[Array, "others rank"]
) -> Float[Array, "points others"]:
    """`left @ right.T` with a faster gradient on CPUs, where a sum over the rows of both operands is twice as slow.

    The gradient in `right` is such a sum; with `left` transposed beforehand it is an ordinary product.
    """
    return _product(left, right)


def _product_forward(left: Array, right: Array) -> tuple[Array, tuple[Array, Array]]:
    return _product(left, right), (left, right)


def _product_backward(factors: tuple[Array, Array], slopes: Array) -> tuple[Array, Array]:
    left, right = factors
    # XLA would fold bare transposes back into the product; a choice that only the run can make keeps them apart.
    defined = left[0, 0] == left[0, 0]
    flipped = jax.lax.cond(defined, jnp.transpose, lambda a: jnp.full(a.shape[::-1], jnp.nan, a.dtype), left)
    return slopes @ right, jnp.where(defined, flipped @ slopes, jnp.nan).T


reversible_product.defvjp(_product_forward, _product_backward)


def _sum_rank(term: Term, length: int, dtype: Any) -> Array:
    return term.coefficient * jnp.sum(_values(term, 0, length, dtype), 1)


def _unit(part: Sequence[Term]) -> list[Term]:
    """The monomial that all terms of a part share on one side, with coefficient one."""
    return [Term(1.0, part[0].head, part[0].factors)]


def cover(terms: Sequence[Term], cut: int) -> list[tuple[list[Term], bool]]:
    """Partition terms so that each part shares its monomial on the right (True) or on the left (False) of the cut.

    Greedy vertex cover of the bipartite graph of left and right monomials: the fullest row or column goes first.
    """

    def sides(term: Term) -> tuple[Any, Any]:
        keys = [term.key(axis) for axis in range(len(term.factors))]
        return (False, tuple(keys[:cut])), (True, tuple(keys[cut:]))

    left = list(terms)
    parts = []
    while left:
        counts = Counter(side for term in left for side in sides(term))
        # Ties go to the right-hand monomial: summing on the left keeps the order of the equation.
        best = max(counts, key=lambda side: (counts[side], side[0]))
        parts.append(([term for term in left if best in sides(term)], best[0]))
        left = [term for term in left if best not in sides(term)]
    return parts


def khatri_rao_sum(terms: Sequence[Term], axes: Sequence[int], shape: tuple[int, ...], dtype: Any) -> Array:
    """Sum over terms of the row-wise products of their factors on `axes`: (product of lengths, rank)."""
    *rest, last = axes
    if not rest:
        return sum(term.coefficient * _values(term, last, shape[last], dtype) for term in terms)
    parts = []
    for group in _grouped(terms, last):
        below = khatri_rao_sum(group, rest, shape, dtype)
        here = _values(group[0], last, shape[last], dtype)
        parts.append(below[:, None, :] * here[None, :, :])
    total = sum(parts[1:], start=parts[0])
    return total.reshape(-1, total.shape[-1])
