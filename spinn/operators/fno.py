"""The Fourier neural operator in one, two or three dimensions (Li et al., ICLR 2021, arXiv 2010.08895)."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.operators.spectral import Nodes, SpectralConvolution, quadrature


class Pointwise(eqx.Module):
    """The same affine map of the channels at every node; Glorot normal weights."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, *, key: PRNGKeyArray):
        self.weight = jax.random.normal(key, (inputs, outputs)) * math.sqrt(2.0 / (inputs + outputs))
        self.bias = jnp.zeros(outputs)

    def __call__(self, values: Float[Array, "batch inputs ..."]) -> Float[Array, "batch outputs ..."]:
        flat = values.reshape(*values.shape[:2], -1)
        moved = jnp.einsum("bcn,cd->bdn", flat, self.weight) + self.bias[:, None]
        return moved.reshape(values.shape[0], -1, *values.shape[2:])


class FNO(eqx.Module):
    """Channels and coordinates lifted to `width` channels; layers gelu(K v + W v); projected by two dense layers.

    Any grid will do, also one that is finer than those trained on (see `SpectralConvolution`).
    """

    lifting: Pointwise
    convolutions: tuple[SpectralConvolution, ...]
    bypasses: tuple[Pointwise, ...]
    projection: tuple[Pointwise, Pointwise]
    periodic: tuple[bool, ...] = eqx.field(static=True)
    holds_faces: bool = eqx.field(static=True, default=False)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        periodic: Sequence[bool],
        *,
        width: int,
        modes: Sequence[int],
        layers: int,
        rank: float = 1.0,
        padding: float = 0.25,
        key: PRNGKeyArray,
    ):
        """**Arguments:** `periodic`: of every axis; `padding`: by how much waves are longer than one that is not."""
        key_lift, key_first, key_second, key_layers = jax.random.split(key, 4)
        periods = [1.0 if wraps else 1.0 + padding for wraps in periodic]
        self.periodic, self.holds_faces = tuple(periodic), False
        self.lifting = Pointwise(inputs + len(self.periodic), width, key=key_lift)
        pairs = [jax.random.split(one) for one in jax.random.split(key_layers, layers)]
        self.convolutions = tuple(SpectralConvolution(width, modes, periods, rank, key=one) for one, _ in pairs)
        self.bypasses = tuple(Pointwise(width, width, key=other) for _, other in pairs)
        hidden = Pointwise(width, 2 * width, key=key_first)
        self.projection = (hidden, Pointwise(2 * width, outputs, key=key_second))

    def __call__(self, inputs: Float[Array, "batch channels ..."], nodes: Nodes) -> Float[Array, "batch outputs ..."]:
        """`nodes`: of every axis, scaled to [0, 1]."""
        shares = [quadrature(x, wraps) for x, wraps in zip(nodes, self.periodic, strict=True)]
        values = self.lifting(jnp.concatenate([inputs, coordinates(nodes, inputs.shape[0], inputs.dtype)], 1))
        last = len(self.convolutions) - 1
        for place, (convolve, bypass) in enumerate(zip(self.convolutions, self.bypasses, strict=True)):
            values = convolve(values, nodes, shares) + bypass(values)
            values = jax.nn.gelu(values) if place < last else values
        hidden, out = self.projection
        return out(jax.nn.gelu(hidden(values)))


def coordinates(nodes: Nodes, batch: int, dtype: jnp.dtype) -> Float[Array, "batch axes ..."]:
    """The coordinates of all nodes as channels, centred."""
    mesh = jnp.meshgrid(*[2.0 * x - 1.0 for x in nodes], indexing="ij")
    return jnp.broadcast_to(jnp.stack(mesh).astype(dtype), (batch, len(mesh), *mesh[0].shape))
