"""Residual blocks of linear problems as sums of Kronecker products, read off the residual that the PDE writes.

The unknowns are given to the residual as fields of all features of every axis, under a head that is only a name. What
comes back tells by itself whether the problem is linear: sums of terms with one unknown each, or with none.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from spinn.fields import Grid, Head, JetTable, Separable, Univariate, coordinate_fields, linearisation, network_field
from spinn.fields.factors import JetFactor
from spinn.fields.tabulated import tabulate
from spinn.fields.terms import ONE
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import compiled_tables
from spinn.objective.blocks import NO_SCALES, condition_residuals, interior_residuals
from spinn.objective.separable import SeparableObjective
from spinn.pdes import PDE, Face, Local, derivative_orders
from spinn.pdes._conditions import At
from spinn.sampling.separable import AxisBatch
from spinn.tensortrain import Block, Train, block
from spinn.tensortrain.systems import data_train


def is_linear(pde: PDE) -> bool:
    """Whether every residual and condition is linear in the unknowns, with coefficients and data that are separable."""
    heads = tuple(Head() for _ in pde.unknowns)
    return all(_terms_of(field, heads) is not None for field in _residuals(pde, heads))


def is_linear_in_unknowns(pde: PDE) -> bool:
    """Whether every residual and condition is linear in the unknowns, whatever its coefficients and data."""
    heads, found = tuple(Head() for _ in pde.unknowns), list[Any]()
    jax.eval_shape(lambda: found.extend(map(linearisation.is_linear, _residuals(pde, heads))))
    return all(found)


def has_open_conditions(pde: PDE, held: frozenset[str]) -> bool:
    """Whether conditions are left to the loss, once those `held` exactly are taken out."""
    heads, found = tuple(Head() for _ in pde.unknowns), list[Any]()
    jax.eval_shape(lambda: found.extend(condition_residuals(pde, _probed(pde, heads), None, held)))
    return bool(found)


def _residuals(pde: PDE, heads: tuple[Head, ...]) -> list[Any]:
    """All residuals and conditions, written in fields that only tell what is done to them."""
    at = _probed(pde, heads)
    found = {**interior_residuals(pde, at(None)), **condition_residuals(pde, at, None, frozenset())}
    return [field for field, _ in found.values()]


def _probed(pde: PDE, heads: tuple[Head, ...]) -> At:
    """Unknowns of one feature an axis, on two points an axis, under heads without values."""
    orders = derivative_orders(pde)

    def at(face: Face | None) -> Local:
        points = {axis: jnp.asarray(pde.domain[axis]) for axis in pde.coordinates}
        if face is not None:
            points[face.axis] = jnp.asarray([pde.domain.end(face)])
        weights = {axis: jnp.full(p.shape, 1.0 / p.shape[0]) for axis, p in points.items()}
        grid = Grid(pde.coordinates, points, weights)
        tables = {axis: JetTable(jnp.ones((orders[axis] + 1, p.shape[0], 1))) for axis, p in points.items()}
        unknowns = {name: network_field(grid, tables, head) for name, head in zip(pde.unknowns, heads, strict=True)}
        return Local(unknowns, coordinate_fields(grid))

    return at


def _terms_of(field: Any, heads: tuple[Head, ...]) -> Separable | None:
    """The field as a list of terms, if that is what it is."""
    field = field.lazy if isinstance(field, Univariate) else field
    if isinstance(field, Separable) and all(term.head is ONE or term.head in heads for term in field.terms):
        return field
    return None


def linear_blocks(objective: SeparableObjective, network: SeparableNetwork, batch: AxisBatch) -> dict[str, Block]:
    """The least-squares system of an objective, block by block, in the features of the network (`head: tt`)."""
    return {name: block(*_system(*parts)) for name, parts in _separable(objective, network, batch).items()}


def data_trains(objective: SeparableObjective, network: SeparableNetwork, batch: AxisBatch) -> dict[str, Train]:
    """The data of every block at the points of the batch, times the roots of the weights: one core an axis."""
    result = {}
    for name, parts in _separable(objective, network, batch).items():
        _, _, vectors, known, values = _system(*parts)
        cores = data_train(vectors, known, [len(value) for value in values])
        result[name] = (np.tensordot(cores[0][0], cores[1], 1), *cores[2:]) if len(network.unknowns) > 1 else cores
    return result


def _separable(
    objective: SeparableObjective, network: SeparableNetwork, batch: AxisBatch
) -> dict[str, tuple[Separable, tuple[Head, ...], float]]:
    """The residuals with the heads of the unknowns, and the roots of the blocks' weights."""
    heads = tuple(Head() for _ in network.unknowns)
    at = _features_at(objective, network, heads, batch)
    found = interior_residuals(objective.pde, at(None))
    found |= condition_residuals(objective.pde, at, None, objective.skip)
    result = {}
    for name, (field, own) in found.items():
        separable = _terms_of(field, heads)
        assert separable is not None, f"{name} is not linear in separable form"
        if separable.terms:
            result[name] = (separable, heads, float(objective.weighting.root(name, own, NO_SCALES)))
    return result


def _features_at(
    objective: SeparableObjective, network: SeparableNetwork, heads: tuple[Head, ...], batch: AxisBatch
) -> At:
    """Unknowns as fields of all features, inside (None) or on a face; each under its own head."""
    pde, inside = objective.pde, {axis: len(points) for axis, points in batch.points.items()}
    points = {axis: jnp.concatenate([batch.points[axis], batch.ends[axis]]) for axis in network.axes}
    tables = compiled_tables(network, points, objective.orders)

    def at(face: Face | None) -> Local:
        grid, here = Grid(pde.coordinates, batch.points, batch.weights), {}
        for axis, table in tables.items():
            chosen = slice(0, inside[axis])
            if face is not None and face.axis == axis:
                start = inside[axis] + (face.side == "high")
                chosen = slice(start, start + 1)
                grid = grid.restrict(axis, points[axis][chosen], jnp.ones(1))
            here[axis] = JetTable(table[:, chosen, 0])
        unknowns = {name: network_field(grid, here, head) for name, head in zip(pde.unknowns, heads, strict=True)}
        return Local(unknowns, coordinate_fields(grid))

    return at


def _system(field: Separable, heads: tuple[Head, ...], root: float) -> tuple[Any, Any, Any, Any, Any]:
    """Arguments of `spinn.tensortrain.block`: the residual's terms sorted into operator and data."""
    table, patterns = tabulate(field.terms, field.grid.shape, field.dtype)
    roots = [np.sqrt(np.asarray(field.grid.weights[axis], float)) for axis in field.grid.axes]
    factors = [
        [np.asarray(factor, float) * r[:, None] for factor in axis]
        for axis, r in zip(table.factors, roots, strict=True)
    ]
    # The numbers of the operator's matrices and of the data's vectors among the factors of each axis.
    operators = [p for p in patterns if p.head is not ONE]
    data = [p for p in patterns if p.head is ONE]
    axes = range(len(factors))
    used = [sorted({p.positions[axis] for p in operators}) for axis in axes]
    given = [sorted({p.positions[axis] for p in data}) for axis in axes]
    matrices = [[factors[axis][place] for place in used[axis]] for axis in axes]
    vectors = [[factors[axis][place][:, 0] for place in given[axis]] for axis in axes]
    terms = [(root * float(p.scale(table)), [used[axis].index(p.positions[axis]) for axis in axes]) for p in operators]
    known = [(-root * float(p.scale(table)), [given[axis].index(p.positions[axis]) for axis in axes]) for p in data]
    values = [_values(field, axis, matrices[axis][0], roots[axis]) for axis in axes]
    if len(heads) == 1:
        return matrices, terms, vectors, known, values
    units = [np.eye(len(heads))[[number]] for number in range(len(heads))]
    unknown = [heads.index(p.head) for p in operators]
    terms = [(scale, [which, *places]) for which, (scale, places) in zip(unknown, terms, strict=True)]
    known = [(scale, [0, *places]) for scale, places in known]
    mean = np.mean([units[which] for which in unknown], 0)
    return [units, *matrices], terms, [[np.ones(1)], *vectors], known, [mean, *values]


def _values(
    field: Separable, axis: int, otherwise: Float[np.ndarray, "_ _"], root: Float[np.ndarray, " _"]
) -> Float[np.ndarray, "points features"]:
    """The features themselves at the points of an axis, found among the factors of the terms."""
    for term in field.terms:
        for factor in term.factors[axis]:
            if isinstance(factor, JetFactor):
                return np.asarray(factor.table.order(0), float) * root[:, None]
    return otherwise
