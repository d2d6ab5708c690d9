"""DeepONets: a branch network of the inputs times a trunk network of the coordinates, summed.

Lu, Jin, Pang, Zhang, Karniadakis (2021), Nature Machine Intelligence 3, 218-229; with a separable trunk, Yu, Mandl,
Goswami, Kapusuzoglu, Perdikaris and others (2024), arXiv 2407.15887. Inputs are read at fixed sensors by linear
interpolation, and the trunk takes any coordinates: both models work on any grid.
"""

import math
from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.networks.bodies import PeriodicInput, Sine
from spinn.networks.separable import AxisFeatures, SeparableNetwork, cp_network
from spinn.operators.spectral import Nodes

MOST_SENSORS = 4096  # in all
HARMONICS = 4  # of the coordinate of a periodic axis that its network sees


def at_sensors(values: Float[Array, "batch fields ..."], nodes: Nodes, sensors: int) -> Float[Array, "batch numbers"]:
    """Fields at `sensors` equidistant points an axis, by linear interpolation, as one vector a sample."""
    places = jnp.linspace(0.0, 1.0, _an_axis(len(nodes), sensors))
    for axis, x in enumerate(nodes, 2):
        hats = jax.vmap(lambda hat, x=x: jnp.interp(places, x, hat))(jnp.eye(x.shape[0], dtype=values.dtype))
        values = jnp.moveaxis(jnp.tensordot(values, hats, ((axis,), (0,))), -1, axis)
    return values.reshape(values.shape[0], -1)


def _an_axis(axes: int, sensors: int) -> int:
    """As many as wanted, or as few as make no more than MOST_SENSORS."""
    return min(sensors, int(MOST_SENSORS ** (1.0 / axes) + 1e-9))


class DeepONet(eqx.Module):
    """u_o(x) = sum_r branch_(o r)(inputs at sensors) trunk_r(x)."""

    branch: eqx.nn.MLP
    trunk: eqx.nn.MLP
    outputs: int = eqx.field(static=True)
    sensors: int = eqx.field(static=True)
    holds_faces: bool = eqx.field(static=True, default=False)

    def __init__(
        self, inputs: int, outputs: int, axes: int, *, width: int, layers: int, terms: int, sensors: int,
        key: PRNGKeyArray,
    ):  # fmt: skip
        key_branch, key_trunk = jax.random.split(key)
        numbers = inputs * _an_axis(axes, sensors) ** axes
        self.branch = eqx.nn.MLP(numbers, outputs * terms, width, layers, jax.nn.gelu, key=key_branch)
        self.trunk = eqx.nn.MLP(axes, terms, width, layers, jax.nn.tanh, final_activation=jax.nn.tanh, key=key_trunk)
        self.outputs, self.sensors, self.holds_faces = outputs, sensors, False

    def __call__(self, inputs: Float[Array, "batch fields ..."], nodes: Nodes) -> Float[Array, "batch outputs ..."]:
        """`nodes`: of every axis, scaled to [0, 1]."""
        found = jax.vmap(self.branch)(at_sensors(inputs, nodes, self.sensors))
        mesh = jnp.stack(jnp.meshgrid(*[2.0 * x - 1.0 for x in nodes], indexing="ij"), -1)
        shape = mesh.shape[:-1]
        functions = jax.vmap(self.trunk)(mesh.reshape(-1, len(nodes)).astype(inputs.dtype))
        factors = found.reshape(inputs.shape[0], self.outputs, -1)
        return jnp.einsum("bor,nr->bon", factors, functions).reshape(inputs.shape[0], self.outputs, *shape)


class SeparableDeepONet(eqx.Module):
    """u_o(x) = sum_r branch_(o r)(inputs at sensors) X_(o r)(x_1) Y_(o r)(x_2) ...

    The trunk is a separable network: on a tensor grid its derivatives are those of functions of one variable. Zero
    values at ends of axes are held by the trunk itself, so that derivatives know of them.
    """

    branch: eqx.nn.MLP
    trunk: SeparableNetwork
    sensors: int = eqx.field(static=True)
    holds_faces: bool = eqx.field(static=True, default=True)

    def __init__(
        self, inputs: int, outputs: Sequence[str], axes: Sequence[str], periodic: Sequence[bool],
        vanishing: Sequence[tuple[bool, bool]], *, width: int, layers: int, terms: int, sensors: int, frequency: float,
        key: PRNGKeyArray,
    ):  # fmt: skip
        key_branch, key_trunk, key_head = jax.random.split(key, 3)
        numbers = inputs * _an_axis(len(axes), sensors) ** len(axes)
        self.branch = eqx.nn.MLP(numbers, len(outputs) * terms, width, layers, jax.nn.gelu, key=key_branch)
        features = {}
        for axis, wraps, ends, one in zip(
            axes, periodic, vanishing, jax.random.split(key_trunk, len(axes)), strict=True
        ):
            inside = Sine(width, 2, frequency, inputs=2 * HARMONICS if wraps else 1, key=one)
            body = PeriodicInput(inside, HARMONICS) if wraps else inside
            features[axis] = AxisFeatures(body, jnp.zeros(()), jnp.ones(()), *ends)
        self.trunk = cp_network(features, tuple(outputs), terms, key=key_head)
        self.sensors, self.holds_faces = sensors, True

    def __call__(self, inputs: Float[Array, "batch fields ..."], nodes: Nodes) -> Float[Array, "batch outputs ..."]:
        """`nodes`: of every axis, scaled to [0, 1]."""
        tables = self.tables(nodes, dict.fromkeys(self.trunk.axes, 0))
        product = self.coefficients(inputs, nodes)
        *others, last = (jnp.moveaxis(tables[axis][0], 1, 0) for axis in self.trunk.axes)  # (outputs, points, terms)
        for place, table in enumerate(others):
            shape = (1, table.shape[0], *(1,) * place, *table.shape[1:])
            product = product[..., None, :] * table.reshape(shape)
        return jnp.einsum("bo...r,oyr->bo...y", product, last)

    def tables(self, nodes: Nodes, orders: Mapping[str, int]) -> dict[str, Float[Array, "orders points outputs terms"]]:
        """Factors of the trunk and their derivatives in the scaled coordinates."""
        points = {axis: x.astype(jnp.result_type(float)) for axis, x in zip(self.trunk.axes, nodes, strict=True)}
        return self.trunk.tables(points, orders)

    def coefficients(self, inputs: Float[Array, "batch fields ..."], nodes: Nodes) -> Float[Array, "batch outputs _"]:
        """What the branch makes of the inputs: a factor for every term."""
        found = jax.vmap(self.branch)(at_sensors(inputs, nodes, self.sensors))
        # Terms are sums of products of functions of size one: so is then their sum.
        found = found.reshape(inputs.shape[0], len(self.trunk.unknowns), -1)
        return found / math.sqrt(found.shape[-1])
