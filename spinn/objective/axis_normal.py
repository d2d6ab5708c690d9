"""The normal matrix J^T J of residual blocks in all parameters of a separable network, from per-axis pieces.

A linearised residual is a sum of terms: a coefficient times one factor an axis, under the head. A parameter of one axis
network moves the factors of that axis alone, so the columns of J are separable as well. Where coefficients are numbers
(linear problems; known functions of the coordinates are parts of factors), the inner products of columns are
contractions of Gram matrices of factors and of their derivatives with the head, and nothing has the size of the grid.
Other coefficients are arrays: then products of coefficients and heads are summed on the grid over all axes but the one
or two in question, for each pair of features and not for each pair of parameters.
"""

import functools
import itertools
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from spinn.fields import GridField
from spinn.fields.linearisation import linearised
from spinn.networks.separable import SeparableNetwork, Tables
from spinn.objective.terms import Terms, read_terms

Matrix = Float[Array, "parameters parameters"]


class Moved(NamedTuple):
    """The terms of a linearised block, and what parameters do to them.

    `slopes`: derivatives of the distinct factors of every axis in the parameters of its network, (distinct, points,
    rank, parameters); `cores`: the core of each term, (terms, rank, ...), or None for sums of products; `unknowns`: how
    many there are.
    """

    terms: Terms
    slopes: list[Float[Array, "distinct points rank parameters"]]
    cores: Array | None
    unknowns: int


def whole_normal(
    rooted: Callable[[Tables], dict[str, tuple[GridField, Any]]],
    network_of: Callable[[Any], SeparableNetwork],
    params: Any,
    points: Mapping[str, Array],
    orders: Mapping[str, int],
) -> Matrix:
    """J^T J of all blocks in the parameters, in the order of `ravel_pytree`.

    **Arguments:** `rooted(tables)`: residual fields with the roots of their weights; `network_of(params)`: the network,
    whose axis networks are evaluated at `points` with derivatives up to `orders`.
    """
    network = network_of(params)
    tables = [network.axis_table(i, points[axis], orders[axis]) for i, axis in enumerate(network.axes)]
    slopes = [_table_slopes(network_of, params, i, points[axis], orders[axis]) for i, axis in enumerate(network.axes)]
    dtype = tables[0].dtype

    def linear_terms(tables: Sequence[Array]) -> dict[str, Terms]:
        found = {}
        # Where a core has a fixed part, what is free are the features before it.
        free = [table.shape[3] for table in tables] if network.core is None else network.core.shape[1:]
        for name, (field, _) in rooted(dict(zip(network.axes, tables, strict=True))).items():
            if linear := linearised(field):
                found[name] = read_terms(linear, field.grid, free, dtype)
        return found

    def factors(axis: int, table: Array) -> dict[str, Array]:
        moved = [table if i == axis else one for i, one in enumerate(tables)]
        return {name: terms.factors[axis] for name, terms in linear_terms(moved).items()}

    pushed = []
    for axis, table in enumerate(tables):
        _, push = jax.linearize(functools.partial(factors, axis), table)
        pushed.append(jax.vmap(push, -1, -1)(slopes[axis]))
    roots = rooted(dict(zip(network.axes, tables, strict=True)))
    total = []
    for name, terms in linear_terms(tables).items():
        cores = None if network.core is None else network.core[terms.unknown]
        moved = Moved(terms, [axis[name] for axis in pushed], cores, len(network.unknowns))
        total.append(jnp.square(roots[name][1]) * normal_of_block(moved))
    back = np.argsort(_order(params, len(network.axes)))
    return functools.reduce(jnp.add, total)[back][:, back]


def _axis_part(params: Any, index: int) -> Any:
    """The parameters of one axis network."""
    return params.features[index], params.mixings[index], params.biases[index]


def _table_slopes(
    network_of: Callable[[Any], SeparableNetwork], params: Any, index: int, points: Array, order: int
) -> Float[Array, "orders points unknowns rank parameters"]:
    """The derivative of the table of one axis in its parameters."""
    flat, unravel = ravel_pytree(_axis_part(params, index))

    def table(vector: Array) -> Array:
        part = unravel(vector)
        moved = eqx.tree_at(lambda p: _axis_part(p, index), params, part, is_leaf=lambda leaf: leaf is None)
        return network_of(moved).axis_table(index, points, order)

    return jax.jacfwd(table)(flat)


def _order(params: Any, axes: int) -> np.ndarray:
    """Positions in `ravel_pytree(params)` of the parameters axis by axis, then the core."""
    leaves, tree = jax.tree.flatten(params)
    ends = np.cumsum([0, *(leaf.size for leaf in leaves)])
    numbers = jax.tree.unflatten(tree, [np.arange(a, b) for a, b in itertools.pairwise(ends)])
    parts = [leaf for i in range(axes) for leaf in jax.tree.leaves(_axis_part(numbers, i))]
    return np.concatenate([*parts, *jax.tree.leaves(numbers.core)])


def normal_of_block(moved: Moved) -> Matrix:
    """J^T J of one block: the parameters of every axis in turn, then the core."""
    separable = all(jnp.ndim(c) == 0 for c in moved.terms.coefficients)
    pair = _separable_pair(moved) if separable else _grid_pair(moved)
    count = len(moved.slopes) + (moved.cores is not None)
    found = {(i, j): pair(i, j) for i in range(count) for j in range(i, count)}
    full = [[found[i, j] if j >= i else found[j, i].T for j in range(count)] for i in range(count)]
    return jnp.concatenate([jnp.concatenate(row, 1) for row in full])


def _separable_pair(moved: Moved) -> Any:
    """Blocks of J^T J from Gram matrices. Pairs of terms are t, u; the letters of ranks tell the axes apart."""
    terms, cores = moved.terms, moved.cores
    dtype = terms.factors[0].dtype
    axes = len(moved.slopes)
    scale = jnp.stack([jnp.asarray(c, dtype) for c in terms.coefficients])
    places = [terms.places[:, i] for i in range(axes)]
    grams = [
        jnp.einsum("kxa,lxb,x->klab", f, f, w)[np.ix_(p, p)]
        for f, w, p in zip(terms.factors, terms.weights, places, strict=True)
    ]
    crossed = [
        jnp.einsum("kxap,lxb,x->klabp", d, f, w)[np.ix_(p, p)]
        for d, f, w, p in zip(moved.slopes, terms.factors, terms.weights, places, strict=True)
    ]
    left, right = _rank_letters(axes, cores is not None)

    def heads(first: bool, second: bool) -> list[Any]:
        """Operands of the coefficients and of the cores of both terms."""
        operands: list[Any] = [("t", scale), ("u", scale)]
        if cores is not None:
            operands += [("t" + "".join(left), cores)] if first else []
            operands += [("u" + "".join(right), cores)] if second else []
        return operands

    def around(*left_out: int) -> list[Any]:
        return [("tu" + left[k] + right[k], grams[k]) for k in range(axes) if k not in left_out]

    def pair(i: int, j: int) -> Array:
        if i == axes:
            return _core_pairs(moved, [*heads(False, False), *around()], "".join(left), "".join(right))
        if j == axes:
            return _core_column(
                moved, [*heads(True, False), *around(i), ("tu" + left[i] + right[i] + "p", crossed[i])], "".join(right)
            )
        if i == j:
            weights = _einsum([*heads(True, True), *around(i)], "tu" + left[i] + right[i])
            merged = _merged(weights, places[i], len(terms.factors[i]))
            rotated = jnp.einsum("klab,kxap->lxbp", merged, moved.slopes[i])
            weighted = moved.slopes[i] * terms.weights[i][:, None, None]
            return jnp.tensordot(rotated, weighted, ((0, 1, 2), (0, 1, 2)))
        # One step for the heads, then the parameters: large intermediate results are not an option.
        inner = [*heads(True, True), *around(i, j)]
        indices = "tu" + "".join(dict.fromkeys(left[i] + right[i] + left[j] + right[j]))
        coupling = _einsum(inner, indices)
        here = _einsum([(indices, coupling), ("tu" + left[i] + right[i] + "p", crossed[i])],
                       "tu" + left[j] + right[j] + "p")  # fmt: skip
        return _einsum([("tu" + left[j] + right[j] + "p", here), ("ut" + right[j] + left[j] + "q", crossed[j])], "pq")

    return pair


def _grid_pair(moved: Moved) -> Any:
    """Blocks of J^T J with coefficients that are arrays."""
    cores, axes = moved.cores, len(moved.slopes)
    letters = string.ascii_lowercase[:axes]
    features = [_features_on_grid(moved, i) for i in range(axes)]
    slopes = [jnp.moveaxis(d, 1, 0).reshape(d.shape[1], -1, d.shape[3]) for d in moved.slopes]
    whole = _core_columns(moved) if cores is not None else None

    def pair(i: int, j: int) -> Array:
        if i == axes:
            assert whole is not None
            columns = whole.reshape(whole.shape[0], -1)
            return columns @ columns.T
        if j == axes:
            summed = jnp.einsum(f"A{letters},B{letters}->{letters[i]}AB", features[i], whole)
            return jnp.einsum("xAB,xAp->pB", summed, slopes[i])
        if i == j:
            summed = jnp.einsum(f"A{letters},B{letters}->{letters[i]}AB", features[i], features[i])
            return jnp.einsum("xAp,xAq->pq", jnp.einsum("xAB,xBp->xAp", summed, slopes[i]), slopes[i])
        summed = jnp.einsum(f"A{letters},B{letters}->{letters[i]}A{letters[j]}B", features[i], features[j])
        return jnp.einsum("yBp,yBq->pq", jnp.einsum("xAyB,xAp->yBp", summed, slopes[i]), slopes[j])

    return pair


def _features_on_grid(moved: Moved, axis: int) -> Float[Array, "features ..."]:
    """How much a change of each distinct factor of an axis, rank by rank, changes the block at each point."""
    terms = moved.terms
    axes = len(moved.slopes)
    ranks, _ = _rank_letters(axes, moved.cores is not None)
    points = string.ascii_lowercase[axes * 2 : axes * 3]
    parts: list[Any] = [0.0] * len(terms.factors[axis])
    for t, place in enumerate(terms.places):
        operands = [(points[k] + ranks[k], terms.factors[k][place[k]]) for k in range(axes) if k != axis]
        if moved.cores is not None:
            operands.append(("".join(ranks), moved.cores[t]))
        others = "".join(points[k] for k in range(axes) if k != axis)
        found = jnp.expand_dims(_einsum(operands, ranks[axis] + others), axis + 1)
        parts[place[axis]] = parts[place[axis]] + terms.coefficients[t] * found
    rank = moved.slopes[axis].shape[2]
    stacked = jnp.stack([jnp.broadcast_to(part, (rank, *terms.shape)) for part in parts])
    return stacked.reshape(-1, *terms.shape) * _roots(terms)


def _core_columns(moved: Moved) -> Float[Array, "entries ..."]:
    """The derivative of the block in every entry of the core, on the grid."""
    terms = moved.terms
    axes = len(moved.slopes)
    ranks, _ = _rank_letters(axes, True)
    points = string.ascii_lowercase[axes * 2 : axes * 3]
    parts: list[Any] = [0.0] * moved.unknowns
    for t, place in enumerate(terms.places):
        operands = [(points[k] + ranks[k], terms.factors[k][place[k]]) for k in range(axes)]
        parts[terms.unknown[t]] = parts[terms.unknown[t]] + terms.coefficients[t] * _einsum(
            operands, "".join(ranks) + points
        )
    assert moved.cores is not None
    shape = (*moved.cores.shape[1:], *terms.shape)
    stacked = jnp.stack([jnp.broadcast_to(part, shape) for part in parts])
    return stacked.reshape(-1, *terms.shape) * _roots(terms)


def _core_pairs(moved: Moved, operands: Sequence[Any], left: str, right: str) -> Array:
    """J^T J in the core alone."""
    assert moved.cores is not None
    size = int(np.prod(moved.cores.shape[1:]))
    owner = _owners(moved)
    found = _einsum([("tj", owner), ("ui", owner), *operands], "j" + left + "i" + right)
    return found.reshape(moved.unknowns * size, moved.unknowns * size)


def _core_column(moved: Moved, operands: Sequence[Any], right: str) -> Array:
    """J^T J between the parameters of an axis (`p`) and the core."""
    found = _einsum([("ui", _owners(moved)), *operands], "pi" + right)
    return found.reshape(found.shape[0], -1)


def _owners(moved: Moved) -> Array:
    """Which unknown each term belongs to, as ones."""
    dtype = moved.terms.factors[0].dtype
    return jnp.asarray(moved.terms.unknown[:, None] == np.arange(moved.unknowns), dtype)


def _rank_letters(axes: int, tucker: bool) -> tuple[list[str], list[str]]:
    """Names of the ranks of the axes in the first and second term of a pair; a sum of products has one for all axes."""
    names = string.ascii_uppercase
    if not tucker:
        return [names[0]] * axes, [names[1]] * axes
    return list(names[:axes]), list(names[axes : 2 * axes])


def _merged(weights: Float[Array, "terms terms a b"], places: np.ndarray, count: int) -> Float[Array, "k l a b"]:
    """Sums over the terms that share their factors of one axis."""
    choice = jnp.asarray(places[:, None] == np.arange(count), weights.dtype)
    return jnp.einsum("tk,ul,tuab->klab", choice, choice, weights)


def _roots(terms: Terms) -> Array:
    """Roots of the quadrature weights on the grid."""
    dtype = terms.factors[0].dtype
    roots = [jnp.sqrt(w) for w in terms.weights]
    shaped = [root.reshape([-1 if i == k else 1 for i in range(len(roots))]) for k, root in enumerate(roots)]
    return functools.reduce(jnp.multiply, shaped, jnp.ones((), dtype))


def _einsum(operands: Sequence[tuple[str, Any]], result: str) -> Array:
    names = ",".join(name for name, _ in operands)
    return jnp.einsum(f"{names}->{result}", *(array for _, array in operands), optimize="greedy")
