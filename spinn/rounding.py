"""Tucker cores rounded to the ranks that an accuracy needs (HOSVD: De Lathauwer, De Moor, Vandewalle 2000).

Singular values of a core are those of the field only if the functions of each axis are orthonormal. Features are not,
once there are duals of prescribed values among them, elements, or trained networks. So each axis is factorised first:
its functions at a quadrature rule, times the roots of the weights, are Q R, and the core takes R. It then has the norm
of the field in L2 (mean square), and what its unfoldings lose in small singular values is what the field loses. The
tails of all axes add up in squares (ibid., property 10). Every unknown is measured by its own norm.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.networks.elements import Elements
from spinn.networks.factorisations import pinv
from spinn.networks.separable import SeparableNetwork
from spinn.spectrum import axis_values, gauss_rule

DEPENDENT = 1e-13  # relative singular values of the functions of an axis below which they are linearly dependent


class _Unfolded(NamedTuple):
    """An axis: R of its functions, and left singular vectors and values of the core unfolded along it."""

    triangle: Float[np.ndarray, "orthonormal functions"]
    vectors: Float[np.ndarray, "orthonormal singular"]
    values: Float[np.ndarray, " singular"]


def multilinear_ranks(network: SeparableNetwork, tolerances: Sequence[float]) -> list[dict[str, int]]:
    """How many functions of each axis the field takes at each relative L2 tolerance; one each for the zero field.

    These are the ranks that `rounded` leaves.
    """
    _, unfolded = _factorised(network)
    return [
        {axis: _rank(one.values, tolerance, len(unfolded)) for axis, one in zip(network.axes, unfolded, strict=True)}
        for tolerance in tolerances
    ]


def rounded(network: Any, tolerance: float) -> Any:
    """The network with the smallest ranks whose fields are all within `tolerance` of its own, relative, in L2.

    The mixings take the factors up: the functions of each axis are orthonormal then, and all of the head is one small
    core. Networks without a Tucker core are returned as they are.
    """
    if not isinstance(network, SeparableNetwork) or network.core is None:
        return network
    core, unfolded = _factorised(network)
    mixings: list[np.ndarray] = []
    biases: list[Array | None] = []
    for index, one in enumerate(unfolded):
        basis = one.vectors[:, : _rank(one.values, tolerance, len(unfolded))]
        core = _applied(basis.T, core, index + 1)
        combined = pinv(one.triangle, DEPENDENT) @ basis
        mixing, bias = network.mixings[index], network.biases[index]
        mixings.append(combined if mixing is None else np.asarray(mixing, float) @ combined)
        # Features that are used as they are have no bias (see `SeparableNetwork`).
        shifted = None if mixing is None or bias is None else np.asarray(bias, float) @ combined
        biases.append(None if shifted is None else jnp.asarray(shifted, network.core.dtype))
    kind = network.core.dtype
    return _headed(network, [jnp.asarray(mixing, kind) for mixing in mixings], biases, jnp.asarray(core, kind))


def ranked(network: SeparableNetwork, ranks: Sequence[int]) -> SeparableNetwork:
    """The zero field of a network that has been rounded to these ranks: what loading fills."""
    core = jnp.zeros((len(network.unknowns), *ranks))
    mixings = [jnp.zeros((one.body.width, rank)) for one, rank in zip(network.features, ranks, strict=True)]
    shifted = [
        mixing is not None and bias is not None for mixing, bias in zip(network.mixings, network.biases, strict=True)
    ]
    biases = [jnp.zeros(rank) if has_bias else None for has_bias, rank in zip(shifted, ranks, strict=True)]
    return _headed(network, mixings, biases, core)


def field_norms(network: SeparableNetwork) -> Float[np.ndarray, " unknowns"]:
    """The L2 norm (root mean square) of every unknown of a network with a Tucker core, prescribed parts included."""
    core = np.asarray(network.whole_core, float)
    for index in range(len(network.axes)):
        core = _applied(_triangle(network, index), core, index + 1)
    return np.sqrt(np.sum(core**2, tuple(range(1, core.ndim))))


def _headed(
    network: SeparableNetwork, mixings: Sequence[Array], biases: Sequence[Array | None], core: Array
) -> SeparableNetwork:
    """A network with all of its head replaced."""
    return eqx.tree_at(
        lambda n: (n.mixings, n.biases, n.core, n.lift, n.spaces), network,
        (tuple(mixings), tuple(biases), core, None, None), is_leaf=lambda leaf: leaf is None,
    )  # fmt: skip


def _factorised(network: SeparableNetwork) -> tuple[Float[np.ndarray, "unknowns ..."], list[_Unfolded]]:
    """The core over orthonormal functions, and its unfoldings with every unknown at unit norm."""
    core = np.asarray(network.whole_core, float)
    triangles = [_triangle(network, index) for index in range(len(network.axes))]
    for index, triangle in enumerate(triangles):
        core = _applied(triangle, core, index + 1)
    norms = np.sqrt(np.sum(core**2, tuple(range(1, core.ndim)), keepdims=True))
    unit = core / np.where(norms > 0.0, norms, 1.0)
    found = []
    for index, triangle in enumerate(triangles):
        rows = np.moveaxis(unit, index + 1, 0).reshape(triangle.shape[0], -1)
        vectors, values, _ = np.linalg.svd(rows, full_matrices=False)
        found.append(_Unfolded(triangle, vectors, values))
    return core, found


def _triangle(network: SeparableNetwork, index: int) -> Float[np.ndarray, "orthonormal functions"]:
    """R of the functions of an axis at the points of a rule, in mean square."""
    features = network.features[index]
    body, low, high = features.body, float(features.low), float(features.high)
    breaks = tuple(map(float, body.breaks)) if isinstance(body, Elements) else None
    unit, weights = gauss_rule(body, breaks)
    with jax.enable_x64(True):  # whatever the network was trained in
        values = axis_values(network, network.axes[index], jnp.asarray(low + (high - low) * unit))
    triangle: np.ndarray = np.linalg.qr(np.sqrt(weights)[:, None] * values)[1]
    return triangle


def _rank(values: Float[np.ndarray, " singular"], tolerance: float, axes: int) -> int:
    """The least rank at which an axis loses no more than its share of the tolerance."""
    lost = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
    return max(int(np.sum(lost > tolerance / math.sqrt(axes))), 1)


def _applied(matrix: np.ndarray, core: np.ndarray, place: int) -> np.ndarray:
    return np.moveaxis(np.tensordot(matrix, core, ((1,), (place,))), 0, place)
