"""Tucker cores on subspaces of the features of each axis: cores of the rank of the solution, not of the basis.

A basis of an axis is a matrix (features, rank) with orthonormal columns, in the free features of a network as
`assembly` builds it, which are orthonormal in values and orthogonal in the highest derivative. Bases are turned so that
their functions are both as well; the blocks of J^T J that precondition a whole core then serve a core on subspaces.

Prescribed values (the `lift`) are no part of the subspaces: their own combinations stand behind the free ones, in the
ranks that they have. Unknowns with `spaces` of their own share a basis in the coordinates of these spaces.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.assembly import feature_table
from spinn.networks.elements import Elements
from spinn.networks.factorisations import pinv, svd
from spinn.networks.separable import AxisFeatures, SeparableNetwork
from spinn.spectrum import gauss_rule

Basis = Float[np.ndarray, "_ _"]  # (features, rank)
Core = Float[np.ndarray, "..."]  # unknowns, then axes

NOISE = 1e-14  # relative singular values below which directions are rounding


class Held(NamedTuple):
    """A field in subspaces: a basis for every axis, and the free core in them."""

    bases: tuple[Basis, ...]
    core: Core


def free_counts(network: SeparableNetwork) -> tuple[int, ...]:
    """Free features of each axis of a network as `assembly` builds it."""
    assert network.core is not None
    return tuple(network.core.shape[1:])


def restricted(network: SeparableNetwork, held: Held) -> SeparableNetwork:
    """The network on subspaces of its features, with the field that `held` is (its prescribed part stays)."""
    mixings, spaces, lift = [], [], None if network.lift is None else np.asarray(network.lift, float)
    for index, basis in enumerate(held.bases):
        whole = np.asarray(network.mixings[index], float)
        own = network.spaces[index] if network.spaces else None
        padded = np.zeros((whole.shape[1], basis.shape[1]))
        padded[: basis.shape[0]] = basis if own is None else 0.0
        used = [padded] if own is None else [np.asarray(space, float) @ basis for space in own]
        columns = padded if own is None else _span(np.concatenate(used, 1))
        if lift is not None:
            columns = np.concatenate([columns, _beyond(columns, _lift_directions(lift, index))], 1)
            lift = applied(columns.T, lift, index + 1)
        mixings.append(jnp.asarray(whole @ columns))
        spaces.append(None if own is None else jnp.asarray(np.stack([columns.T @ one for one in used])))
    return SeparableNetwork(
        network.axes, network.unknowns, network.features, tuple(mixings), network.biases, jnp.asarray(held.core),
        None if lift is None else jnp.asarray(lift), spaces=tuple(spaces) if network.spaces else None, restricted=True,
    )  # fmt: skip


def held(old: SeparableNetwork, whole: SeparableNetwork) -> Held:
    """The free part of a field, in bases of the free features of `whole`, which has at least the features of `old`."""
    assert old.core is not None and whole.core is not None
    core, bases = np.asarray(old.core, float), []
    for index, features in enumerate(whole.features):
        points, root = _rule(features)
        before, after = (root * _functions(one, index, points, 0) for one in (old, whole))
        ranks, free = core.shape[index + 1], whole.core.shape[index + 1]
        changes = [
            pinv(after @ _free(whole, index, number, free), 1e-13) @ (before @ _free(old, index, number, ranks))
            for number in range(len(old.unknowns) if whole.spaces and whole.spaces[index] is not None else 1)
        ]
        basis = _span(np.concatenate(changes, 1))
        moved = [applied(basis.T @ changes[j % len(changes)], core[j], index) for j in range(len(core))]
        core = np.stack(moved)
        bases.append(basis)
    return Held(tuple(bases), core)


def truncated(
    found: Held, strengths: Sequence[np.ndarray], tolerance: float, norms: Float[np.ndarray, " unknowns"]
) -> Held:
    """The field in the smallest subspaces that lose no more than `tolerance` of it (HOSVD: De Lathauwer et al. 2000).

    **Arguments:** `strengths`: of every feature of each axis, in which what is lost counts more the more strongly the
    equation acts on it (see `acting`). `norms`: of every unknown, by which it is measured.
    """
    unit = found.core / np.where(norms > 0.0, norms, 1.0).reshape(-1, *(1,) * len(found.bases))
    share = tolerance / math.sqrt(len(found.bases))
    core, bases = found.core, []
    for index, (basis, strength) in enumerate(zip(found.bases, strengths, strict=True)):
        rows = np.moveaxis(unit, index + 1, 0).reshape(basis.shape[1], -1)
        own = np.sum((basis @ rows) ** 2, 1)
        typical = float(np.sum(own * strength) / max(np.sum(own), 1e-300)) or 1.0
        scale = np.sqrt(1.0 + strength / typical)
        weighted, triangle = np.linalg.qr(scale[:, None] * basis)
        left, values, _ = svd(triangle @ rows)
        lost = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
        rank = max(int(np.sum(lost > share)), 1)
        kept = np.linalg.qr((weighted @ left[:, :rank]) / scale[:, None])[0]
        core = applied(kept.T @ basis, core, index + 1)
        bases.append(kept)
    return Held(tuple(bases), core)


def widened(found: Held, more: Sequence[Basis], strengths: Sequence[np.ndarray]) -> Held:
    """The same field in subspaces with further directions, turned so that derivatives are orthogonal as well."""
    core, bases = found.core, []
    for index, (basis, further) in enumerate(zip(found.bases, more, strict=True)):
        joined = np.concatenate([basis, _beyond(basis, further)], 1)
        turned = joined @ np.linalg.eigh(joined.T @ (strengths[index][:, None] * joined))[1]
        core = applied(turned.T @ basis, core, index + 1)
        bases.append(turned)
    return Held(tuple(bases), core)


def acting(network: SeparableNetwork, orders: Mapping[str, int]) -> list[np.ndarray]:
    """The mean square of the highest derivative used, of every free feature of a whole network; ones where none is."""
    found = []
    for index, (axis, features) in enumerate(zip(network.axes, network.features, strict=True)):
        points, root = _rule(features)
        count = free_counts(network)[index]
        if not orders[axis]:
            found.append(np.ones(count))
            continue
        table = root * _functions(network, index, points, orders[axis])
        parts = [
            np.sum((table @ _free(network, index, number, count)) ** 2, 0) for number in range(len(network.unknowns))
        ]
        found.append(np.mean(parts, 0))
    return found


def probes(found: Held, axis: int, counts: Sequence[int], rng: np.random.Generator) -> Held:
    """The field with one axis whole, and along each of the others `counts` random directions beside those there are:
    from as many ranges of features, so that the equation acts about equally on all that a direction is made of.
    """
    more: list[Basis] = []
    for index, basis in enumerate(found.bases):
        count, rank = basis.shape
        if index == axis:
            more.append(np.eye(count))
            continue
        columns = np.zeros((count, min(counts[index], count - rank)))
        edges = (count + 1) ** (np.arange(columns.shape[1] + 1) / max(columns.shape[1], 1)) - 1
        for column, low, high in zip(columns.T, edges, edges[1:], strict=False):
            first, last = int(low), max(math.ceil(high), int(low) + 2)
            column[first:last] = rng.standard_normal(len(column[first:last]))
        more.append(columns)
    core, bases = found.core, []
    for index, (basis, further) in enumerate(zip(found.bases, more, strict=True)):
        joined = further if index == axis else np.concatenate([basis, _beyond(basis, further)], 1)
        core = applied(joined.T @ basis, core, index + 1)
        bases.append(joined)
    return Held(tuple(bases), core)


def leading(basis: Basis, correction: Core, axis: int) -> tuple[Basis, np.ndarray]:
    """The directions outside a basis in which a correction (whole along this axis) is largest, and how large it is."""
    rows = np.moveaxis(correction, axis + 1, 0).reshape(correction.shape[axis + 1], -1)
    rows = rows - basis @ (basis.T @ rows)
    left, values, _ = svd(rows)
    room = basis.shape[0] - basis.shape[1]
    return left[:, :room], values[:room]


def applied(matrix: np.ndarray, core: np.ndarray, place: int) -> np.ndarray:
    """A matrix (new, old) along one axis of an array."""
    return np.moveaxis(np.tensordot(matrix, core, ((1,), (place,))), 0, place)


def shape_of_restricted(network: SeparableNetwork) -> dict[str, Any]:
    """What the structure of a network on subspaces cannot be told from its configuration."""
    assert network.core is not None
    return {
        "ranks": list(network.core.shape[1:]), "columns": [mixing.shape[1] for mixing in network.mixings],  # type: ignore[union-attr]
    }  # fmt: skip


def blank(network: SeparableNetwork, shape: Mapping[str, Any]) -> SeparableNetwork:
    """The zero field of the structure that `shape_of_restricted` tells: what loading fills."""
    count, ranks, columns = len(network.unknowns), shape["ranks"], shape["columns"]
    mixings = tuple(
        jnp.zeros((one.body.width, width)) for one, width in zip(network.features, columns, strict=True)
    )  # fmt: skip
    spaces = network.spaces and tuple(
        None if space is None else jnp.zeros((count, width, rank))
        for space, width, rank in zip(network.spaces, columns, ranks, strict=True)
    )
    lift = None if network.lift is None else jnp.zeros((count, *columns))
    return SeparableNetwork(
        network.axes, network.unknowns, network.features, mixings, network.biases, jnp.zeros((count, *ranks)), lift,
        spaces=spaces, restricted=True,
    )  # fmt: skip


def _free(network: SeparableNetwork, index: int, unknown: int, count: int) -> np.ndarray:
    """The combinations of the functions of an axis in which an unknown is free: (functions, count)."""
    space = network.spaces[index] if network.spaces else None
    if space is not None:
        return np.asarray(space[unknown], float)
    mixing = network.mixings[index]
    assert mixing is not None
    return np.eye(mixing.shape[1], count)


def _rule(features: AxisFeatures) -> tuple[Array, np.ndarray]:
    """Points of an axis, and the roots of the weights as a column."""
    body, low, high = features.body, float(features.low), float(features.high)
    breaks = tuple(map(float, body.breaks)) if isinstance(body, Elements) else None
    unit, weights = gauss_rule(body, breaks)
    return jnp.asarray(low + (high - low) * unit), np.sqrt(weights)[:, None]


def _functions(network: SeparableNetwork, index: int, points: Array, order: int) -> Float[np.ndarray, "points _"]:
    """The functions of an axis, or a derivative of them. Compiled for its features, whatever they are combined to."""
    mixing = network.mixings[index]
    assert mixing is not None
    return np.asarray(feature_table(network.features[index], points, order)[order], float) @ np.asarray(mixing, float)


def _span(columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what columns span."""
    left, values, _ = svd(columns)
    return left[:, values > NOISE * max(float(values[0]), 1e-300)]


def _beyond(basis: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what columns (of about unit length) span beside a basis. Projected twice: once leaves
    rounding errors that are not small beside what is left.
    """
    if not columns.shape[1]:
        return columns
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
        left, values, _ = svd(columns)
        columns = left[:, values > 1e-12]
        if not columns.shape[1]:
            return columns
    return columns


def _lift_directions(lift: np.ndarray, index: int) -> np.ndarray:
    """The combinations of features that prescribed values need along an axis."""
    rows = np.moveaxis(lift, index + 1, 0).reshape(lift.shape[index + 1], -1)
    if not np.any(rows):
        return np.zeros((len(rows), 0))
    left, values, _ = svd(rows)
    return left[:, values > NOISE * values[0]]
