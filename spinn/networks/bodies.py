"""Axis networks: from one coordinate, scaled to [-1, 1], to features and their derivatives (as Taylor series)."""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.networks.taylor import Taylor, cauchy, from_function, sine, sine_cosine, tanh


class Body(eqx.Module):
    """Features of one scaled coordinate. Called with a `Taylor` of shape (order + 1, points, inputs)."""

    width: eqx.AbstractVar[int]

    @abc.abstractmethod
    def __call__(self, z: Taylor) -> Taylor:
        """The features: (order + 1, points, width)."""


class Dense(eqx.Module):
    """A dense layer acting on Taylor series; Glorot normal weights unless given."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, *, key: PRNGKeyArray, scale: float | None = None):
        self.weight = jax.random.normal(key, (inputs, outputs)) * (scale or math.sqrt(2.0 / (inputs + outputs)))
        self.bias = jnp.zeros(outputs)

    def __call__(self, z: Taylor) -> Taylor:
        return z.affine(self.weight, self.bias)


class MLP(Body):
    """tanh layers: the SPINN paper's plain axis network."""

    layers: tuple[Dense, ...]
    width: int = eqx.field(static=True)

    def __init__(self, width: int, depth: int, *, inputs: int = 1, key: PRNGKeyArray):
        sizes = [inputs] + [width] * depth
        keys = jax.random.split(key, depth)
        self.layers = tuple(Dense(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True))
        self.width = width

    def __call__(self, z: Taylor) -> Taylor:
        for layer in self.layers:
            z = tanh(layer(z))
        return z


class ModifiedMLP(Body):
    """Gated layers H <- (1 - Z) U + Z V, Z = tanh(Dense H) (Wang, Teng, Perdikaris 2021; used by SPINN's best rows)."""

    gate_u: Dense
    gate_v: Dense
    first: Dense
    layers: tuple[Dense, ...]
    width: int = eqx.field(static=True)

    def __init__(self, width: int, depth: int, *, inputs: int = 1, key: PRNGKeyArray):
        key_u, key_v, key_first, key_rest = jax.random.split(key, 4)
        self.gate_u, self.gate_v = Dense(inputs, width, key=key_u), Dense(inputs, width, key=key_v)
        self.first = Dense(inputs, width, key=key_first)
        self.layers = tuple(Dense(width, width, key=k) for k in jax.random.split(key_rest, max(depth - 1, 1)))
        self.width = width

    def __call__(self, z: Taylor) -> Taylor:
        u, v, h = tanh(self.gate_u(z)), tanh(self.gate_v(z)), tanh(self.first(z))
        difference = v - u
        for layer in self.layers:
            h = u + tanh(layer(h)) * difference
        return h


class Sine(Body):
    """Sine layers (SIREN, Sitzmann et al. 2020). The first layer has frequencies up to `frequency` (a half-axis)."""

    layers: tuple[Dense, ...]
    width: int = eqx.field(static=True)

    def __init__(self, width: int, depth: int, frequency: float, *, inputs: int = 1, key: PRNGKeyArray):
        keys = jax.random.split(key, depth + 1)
        sizes = [inputs] + [width] * depth
        layers = [Dense(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=False)]
        bounds = [frequency] + [math.sqrt(6.0 / width)] * (depth - 1)
        for index, (layer, bound) in enumerate(zip(layers, bounds, strict=True)):
            key_weight, key_bias = jax.random.split(keys[index])
            weight = jax.random.uniform(key_weight, layer.weight.shape, minval=-bound, maxval=bound)
            bias = jax.random.uniform(key_bias, layer.bias.shape, minval=-math.pi, maxval=math.pi)
            layers[index] = eqx.tree_at(lambda one: (one.weight, one.bias), layer, (weight, bias))
        self.layers, self.width = tuple(layers), width

    def __call__(self, z: Taylor) -> Taylor:
        for layer in self.layers:
            z = sine(layer(z))
        return z


class FourierMLP(Body):
    """Random Fourier features of the coordinate, then tanh layers (Tancik et al. 2020)."""

    frequencies: Float[Array, "inputs half"]
    mlp: MLP
    width: int = eqx.field(static=True)

    def __init__(self, width: int, depth: int, frequency: float, *, inputs: int = 1, key: PRNGKeyArray):
        key_frequencies, key_mlp = jax.random.split(key)
        half = max(width // 2, 1)
        self.frequencies = jax.random.normal(key_frequencies, (inputs, half)) * frequency / 2.0
        self.mlp = MLP(width, depth, inputs=2 * half, key=key_mlp)
        self.width = width

    def __call__(self, z: Taylor) -> Taylor:
        sines, cosines = sine_cosine(z.affine(jax.lax.stop_gradient(self.frequencies)))
        return self.mlp(Taylor(jnp.concatenate([sines.coefficients, cosines.coefficients], -1)))


class Fourier(Body):
    """The orthonormal Fourier basis of an axis that is periodic with period 2 (in the scaled coordinate)."""

    modes: int = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def __init__(self, modes: int):
        self.modes, self.width = modes, 2 * modes + 1

    def __call__(self, z: Taylor) -> Taylor:
        numbers = math.pi * jnp.arange(1, self.modes + 1, dtype=z.coefficients.dtype)
        sines, cosines = sine_cosine(z.affine(numbers[None, :]))
        ones = jnp.zeros_like(z.coefficients).at[0].set(1.0)
        root = math.sqrt(2.0)
        return Taylor(jnp.concatenate([ones, root * sines.coefficients, root * cosines.coefficients], -1))


class Legendre(Body):
    """Legendre polynomials, orthonormal in the mean; combined to vanish at the ends named (Shen 1994)."""

    width: int = eqx.field(static=True)
    vanish_low: bool = eqx.field(static=True)
    vanish_high: bool = eqx.field(static=True)
    curved: bool = eqx.field(static=True)  # whether z may be any series, and not the coordinate alone

    def __init__(self, width: int, vanish_low: bool = False, vanish_high: bool = False, curved: bool = False):
        self.width, self.vanish_low, self.vanish_high, self.curved = width, vanish_low, vanish_high, curved

    def __call__(self, z: Taylor) -> Taylor:
        count = self.width + int(self.vanish_low) + int(self.vanish_high)
        values = legendre_along(z, count) if self.curved else legendre(z, count)
        n = jnp.arange(self.width, dtype=values.dtype)
        if self.vanish_low and self.vanish_high:
            return Taylor((values[..., : self.width] - values[..., 2:]) / jnp.sqrt(4.0 * n + 6.0))
        if self.vanish_low or self.vanish_high:
            sign = 1.0 if self.vanish_low else -1.0
            return Taylor((values[..., : self.width] + sign * values[..., 1:]) / math.sqrt(2.0))
        return Taylor(values * jnp.sqrt(2.0 * n + 1.0))


def legendre(z: Taylor, count: int) -> Float[Array, "orders points count"]:
    """P_0 ... P_(count-1) by the three-term recurrence (n+1) P_(n+1) = (2n+1) z P_n - n P_(n-1)."""
    a = z.coefficients[..., 0]
    one = jnp.zeros_like(a).at[0].set(1.0)
    step = a[1] if z.order else jnp.zeros_like(a[0])

    def advance(carry: tuple[Array, Array], n: Array) -> tuple[tuple[Array, Array], Array]:
        before, now = carry
        # z has two coefficients only, so the product needs the neighbouring order and no full convolution
        lower = jnp.concatenate([jnp.zeros_like(now[:1]), now[:-1]])
        after = ((2 * n + 1) * (a[0] * now + step * lower) - n * before) / (n + 1)
        return (now, after), now

    numbers = jnp.arange(count, dtype=a.dtype)
    _, values = jax.lax.scan(advance, (jnp.zeros_like(one), one), numbers)
    return jnp.moveaxis(values, 0, -1)


def legendre_along(z: Taylor, count: int) -> Float[Array, "orders points count"]:
    """The same by the same recurrence where z is any series."""
    a = z.coefficients[..., 0]
    one = jnp.zeros_like(a).at[0].set(1.0)

    def advance(carry: tuple[Array, Array], n: Array) -> tuple[tuple[Array, Array], Array]:
        before, now = carry
        return (now, ((2 * n + 1) * cauchy(a, now) - n * before) / (n + 1)), now

    numbers = jnp.arange(count, dtype=a.dtype)
    _, values = jax.lax.scan(advance, (jnp.zeros_like(one), one), numbers)
    return jnp.moveaxis(values, 0, -1)


class PeriodicInput(Body):
    """Any body on a periodic axis: it sees sin and cos of the first harmonics instead of the coordinate."""

    body: Body
    harmonics: int = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def __init__(self, body: Body, harmonics: int):
        self.body, self.harmonics, self.width = body, harmonics, body.width

    def __call__(self, z: Taylor) -> Taylor:
        numbers = math.pi * jnp.arange(1, self.harmonics + 1, dtype=z.coefficients.dtype)
        sines, cosines = sine_cosine(z.affine(numbers[None, :]))
        return self.body(Taylor(jnp.concatenate([sines.coefficients, cosines.coefficients], -1)))


class Joined(Body):
    """The features of several bodies side by side."""

    bodies: tuple[Body, ...]
    width: int = eqx.field(static=True)

    def __init__(self, *bodies: Body):
        self.bodies, self.width = bodies, sum(body.width for body in bodies)

    def __call__(self, z: Taylor) -> Taylor:
        return Taylor(jnp.concatenate([body(z).coefficients for body in self.bodies], -1))


class Mixed(Body):
    """Linear combinations of the features of a body, times a scale that is not trained."""

    body: Body
    mixing: Float[Array, "features width"]
    scale: Float[Array, ""]
    width: int = eqx.field(static=True)

    def __init__(self, body: Body, mixing: Float[Array, "features width"], scale: float = 1.0):
        self.body, self.mixing, self.width = body, mixing, mixing.shape[1]
        self.scale = jnp.asarray(scale, mixing.dtype)

    def __call__(self, z: Taylor) -> Taylor:
        return self.body(z).affine(self.mixing * jax.lax.stop_gradient(self.scale))


class ExternalBody(Body):
    """Any function of (points, 1) arrays with parameters, differentiated by nested forward-mode."""

    parameters: Any
    function: Callable[[Any, Array], Array] = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def __call__(self, z: Taylor) -> Taylor:
        return from_function(lambda points: self.function(self.parameters, points), z)
