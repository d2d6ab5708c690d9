"""Mean squares of separable residuals without forming them on the grid.

For f = sum_r prod_i F_i[:, r] the weighted mean of f^2 is the sum over r, s of prod_i (F_i^T W_i F_i)[r, s]: its cost
does not depend on the number of points beyond the Gram matrices. Squaring loses half the digits; the QR form does not,
at the price of a core of (ranks)^d entries.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields import Separable
from spinn.fields.factors import product
from spinn.fields.terms import Term


def stacked_factors(field: Separable) -> list[Float[Array, "points ranks"]]:
    """All CP and known terms side by side, one matrix an axis, times the roots of the quadrature weights."""
    matrices = []
    for index, axis in enumerate(field.grid.axes):
        root = jnp.sqrt(field.grid.weights[axis])[:, None]
        columns = []
        for term in field.terms:
            columns.append(_column(term, index, _rank(term), field.grid.shape[index], root.dtype))
        matrices.append(jnp.concatenate(columns, 1) * root)
    return matrices


def _rank(term: Term) -> int:
    return max((product(factors).shape[1] for factors in term.factors if factors), default=1)


def _column(term: Term, index: int, rank: int, length: int, dtype: object) -> Array:
    values = product(term.factors[index]) if term.factors[index] else jnp.ones((length, 1), dtype)
    scale = term.coefficient if index == 0 else 1.0
    return jnp.broadcast_to(values * scale, (length, rank))


def gram_norm(field: Separable) -> Float[Array, ""]:
    """Weighted mean square through per-axis Gram matrices; never below zero."""
    if not field.terms:
        return jnp.zeros((), field.dtype)
    grams = [matrix.T @ matrix for matrix in stacked_factors(field)]
    return jnp.maximum(jnp.sum(functools.reduce(jnp.multiply, grams)), 0.0)


def qr_norm(field: Separable) -> Float[Array, ""]:
    """Weighted mean square on the compressed grid: every axis replaced by the triangle of its QR factorisation.

    The orthonormal factors are constants for differentiation: the gradient is that of the norm exactly, and exists
    where columns are dependent (every axis of a Laplacian repeats its features) and that of the factorisation does not.
    """
    if not field.terms:
        return jnp.zeros((), field.dtype)
    matrices = stacked_factors(field)
    triangles = [jnp.linalg.qr(jax.lax.stop_gradient(matrix))[0].T @ matrix for matrix in matrices]
    letters = "abcdefgh"[: len(triangles)]
    small = jnp.einsum(",".join(f"{letter}r" for letter in letters) + f"->{letters}", *triangles, optimize="optimal")
    return jnp.sum(small * small)
