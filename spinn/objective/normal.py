"""The normal matrix J^T J of residual blocks in a Tucker core, in blocks that are cheap to factorise.

A term of the linearised residual is a coefficient times a Kronecker product of axis factors, so J^T J is a sum of
Kronecker products of per-axis Gram matrices, weighted with mean products of the coefficients. Along some axes (time, as
a rule) and between the unknowns it is kept whole; along the others only what couples few modes is: sine and cosine of a
wave number, which is all there is for Fourier modes (a first derivative turns one into the other), and the diagonal for
features that are orthogonal in values and in the highest derivative, which is nearly all. This is the fast
diagonalisation of the linear separable part (Lynch, Rice, Thomas 1964), for least squares and for systems.
"""

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.fields import GridField
from spinn.fields.linearisation import linearised
from spinn.networks.separable import Spaces
from spinn.objective.terms import Terms, read_terms
from spinn.optim.coupling import Coupling, in_groups

# Unknowns up to which J^T J is kept whole, and rows of its blocks where it is not.
MAX_WHOLE = 800
MAX_ROWS = 320

Normal = Float[Array, "modes rows rows"]


def coupling(
    shape: Sequence[int], axes: Sequence[str], waves: Collection[str] = (), may_be_whole: bool = True
) -> Coupling:
    """What is kept of J^T J: all for a small core, else time and the pairs of waves, where blocks stay small.

    **Arguments:** `shape`: that of the core, (unknowns, features of each axis); `waves`: axes whose features are a
    constant, then sine and cosine of each wave number; `may_be_whole`: whether all may be kept, which takes the
    Jacobian on the whole grid.
    """
    if may_be_whole and math.prod(shape) <= MAX_WHOLE:
        return Coupling(tuple(range(len(axes))), (1,) * len(axes))
    time = tuple(i for i, axis in enumerate(axes) if axis == "t")
    pairs = tuple(2 if axis in waves and axis != "t" else 1 for axis in axes)
    for whole in (time, ()):
        for groups in (pairs, (1,) * len(axes)):
            if shape[0] * math.prod(shape[i + 1] for i in whole) * math.prod(groups) <= MAX_ROWS:
                return Coupling(whole, groups)
    return Coupling((), (1,) * len(axes))


def normal_blocks(
    blocks: Mapping[str, tuple[GridField, Any]],
    shape: Sequence[int],
    kept: Coupling,
    dtype: Any,
    spaces: Spaces = None,
) -> Normal:
    """Blocks of J^T J, one for each combination of groups of modes of the axes that are not kept whole.

    **Arguments:** `blocks`: residual fields with the roots of their weights; `shape`: that of the free core, (unknowns,
    features of each axis); `spaces`: as of the network. Rows run over the unknowns, the modes of whole axes, and the
    members of groups; those of modes that only fill a group up, or that an unknown does not have, are zero.
    """
    parts = [
        jnp.square(root) * _of_block(read_terms(linear, field.grid, shape[1:], dtype, spaces), shape[0], kept)
        for field, root in blocks.values()
        if (linear := linearised(field))
    ]
    return functools.reduce(jnp.add, parts)


def _of_block(terms: Terms, unknowns: int, kept: Coupling) -> Normal:
    rest = kept.rest
    if not rest:
        matrix = _jacobian(terms, unknowns)
        return (matrix.T @ matrix)[None]
    products = _coefficient_products(terms, kept.whole, rest)
    rows = _khatri_rao(terms, kept.whole)
    modes = _group_grams(terms, rest, kept.groups)
    owners = [np.nonzero(terms.unknown == j)[0] for j in range(unknowns)]
    size, count, members = rows.shape[2], *modes.shape[2:4]

    def block(j: int, k: int) -> Array:
        if not (owners[j].size and owners[k].size):
            return jnp.zeros((count, size * members, size * members), rows.dtype)
        pair = np.ix_(owners[j], owners[k])
        coupled = jnp.einsum("pta,qtb,pqt->pqab", rows[owners[j]], rows[owners[k]], products[pair])
        return jnp.einsum("pqab,pqmrs->marbs", coupled, modes[pair]).reshape(count, size * members, size * members)

    upper = {(j, k): block(j, k) for j in range(unknowns) for k in range(j, unknowns)}
    filled = [
        [upper[j, k] if j <= k else jnp.swapaxes(upper[k, j], 1, 2) for k in range(unknowns)] for j in range(unknowns)
    ]
    return jnp.concatenate([jnp.concatenate(row, 2) for row in filled], 1)


def _khatri_rao(terms: Terms, axes: tuple[int, ...], weighted: bool = False) -> Float[Array, "terms points modes"]:
    """Products of the factors of some axes, for every term, on the tensor grid of these axes."""
    result = jnp.ones((len(terms.places), 1, 1), terms.factors[0].dtype)
    for axis in axes:
        factor = terms.factors[axis]
        if weighted:
            factor = factor * jnp.sqrt(terms.weights[axis])[:, None]
        factor = factor[terms.places[:, axis]]
        joined = result[:, :, None, :, None] * factor[:, None, :, None, :]
        result = joined.reshape(len(terms.places), joined.shape[1] * joined.shape[2], -1)
    return result


def _group_grams(
    terms: Terms, axes: tuple[int, ...], groups: tuple[int, ...]
) -> Float[Array, "terms terms modes members members"]:
    """Kronecker products of Gram matrices over some axes, within groups of modes, for every pair of terms."""
    count = len(terms.places)
    result = jnp.ones((count, count, 1, 1, 1), terms.factors[0].dtype)
    for axis in axes:
        factor, place = terms.factors[axis], terms.places[:, axis]
        grouped = in_groups(factor, 2, groups[axis])
        gram = jnp.einsum("kngr,lngs,n->klgrs", grouped, grouped, terms.weights[axis])[np.ix_(place, place)]
        joined = jnp.einsum("pqmrs,pqgtu->pqmgrtsu", result, gram)
        members = result.shape[3] * groups[axis]
        result = joined.reshape(count, count, -1, members, members)
    return result


def _coefficient_products(
    terms: Terms, whole: tuple[int, ...], rest: tuple[int, ...]
) -> Float[Array, "terms terms points"]:
    """Products of coefficients, weighted on the grid of the whole axes and averaged over the others."""
    dtype = terms.factors[0].dtype
    weight = functools.reduce(jnp.kron, [terms.weights[i] for i in whole], jnp.ones(1, dtype))
    if all(jnp.ndim(c) == 0 for c in terms.coefficients):
        values = jnp.stack([jnp.asarray(c, dtype) for c in terms.coefficients])
        return values[:, None, None] * values[None, :, None] * weight
    average = functools.reduce(jnp.kron, [terms.weights[i] for i in rest])
    order = (*whole, *rest)
    full = [jnp.broadcast_to(jnp.asarray(c, dtype), terms.shape) for c in terms.coefficients]
    table = jnp.stack([jnp.transpose(c, order).reshape(len(weight), -1) for c in full])
    return jnp.einsum("pts,qts,s->pqt", table, table, average) * weight


def _jacobian(terms: Terms, unknowns: int) -> Float[Array, "points parameters"]:
    """The Jacobian itself, rows times the roots of the quadrature weights."""
    rows = _khatri_rao(terms, tuple(range(len(terms.factors))), weighted=True)
    full = [jnp.broadcast_to(c, terms.shape).reshape(-1, 1) for c in terms.coefficients]
    parts = []
    for j in range(unknowns):
        mine = [full[p] * rows[p] for p in np.nonzero(terms.unknown == j)[0]]
        parts.append(functools.reduce(jnp.add, mine) if mine else jnp.zeros(rows.shape[1:], rows.dtype))
    return jnp.concatenate(parts, 1)
