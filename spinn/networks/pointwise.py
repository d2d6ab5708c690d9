"""Point-wise networks: one network of all coordinates at once, as in plain physics-informed neural networks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from spinn.errors import SpinnError
from spinn.networks.bodies import Body, Dense, ExternalBody
from spinn.networks.flax_adapter import flax_function
from spinn.networks.taylor import Taylor
from spinn.pdes import Box

NOWHERE: Mapping[str, tuple[bool, bool]] = {}
APERIODIC: Mapping[str, int] = {}


@runtime_checkable
class Evaluable(Protocol):
    """What the point-wise objective asks of a network; separable networks answer too."""

    def at_points(self, points: Mapping[str, Float[Array, " n"]]) -> dict[str, Float[Array, " n"]]:
        """Every unknown at scattered points."""
        ...


class PointNetwork(eqx.Module):
    """u(x) = envelope(x) (W body(s(x)) + b), with every coordinate scaled to s in [-1, 1].

    `harmonics`: for each axis how many sines and cosines of it enter instead of the coordinate, which makes the network
    periodic there; 0 takes the coordinate itself. `vanish`: for each axis whether all unknowns are zero at its low and
    at its high end. `last=None` takes the body's features as the unknowns.
    """

    axes: tuple[str, ...] = eqx.field(static=True)
    unknowns: tuple[str, ...] = eqx.field(static=True)
    body: Body
    last: Dense | None
    low: Float[Array, " axes"]
    high: Float[Array, " axes"]
    harmonics: tuple[int, ...] = eqx.field(static=True)
    vanish: tuple[tuple[bool, bool], ...] = eqx.field(static=True)

    def __call__(self, *coordinates: Float[Array, " n"]) -> dict[str, Float[Array, " n"]]:
        """Every unknown at scattered points, given one array a coordinate in the order of `axes`."""
        scaled = self.scaled(jnp.stack(coordinates, -1))
        # a series of order zero: the values alone, since derivatives come from outside by forward mode
        features = self.body(Taylor(self.encoded(scaled)[None]))
        outputs = (features if self.last is None else self.last(features)).coefficients[0]
        values = outputs * self.envelope(scaled)[:, None]
        return {name: values[:, index] for index, name in enumerate(self.unknowns)}

    def at_points(self, points: Mapping[str, Float[Array, " n"]]) -> dict[str, Float[Array, " n"]]:
        """Every unknown at scattered points, given by coordinate name."""
        return self(*(points[axis] for axis in self.axes))

    def scaled(self, points: Float[Array, "n axes"]) -> Float[Array, "n axes"]:
        """The coordinates mapped to [-1, 1]."""
        low, high = jax.lax.stop_gradient((self.low, self.high))
        return (2.0 * points - low - high) / (high - low)

    def encoded(self, scaled: Float[Array, "n axes"]) -> Float[Array, "n inputs"]:
        """What the body sees: scaled coordinates, and sines and cosines of the periodic ones."""
        columns = []
        for index, count in enumerate(self.harmonics):
            column = scaled[:, index : index + 1]
            if count:
                phases = jnp.pi * column * jnp.arange(1, count + 1, dtype=scaled.dtype)
                columns += [jnp.sin(phases), jnp.cos(phases)]
            else:
                columns.append(column)
        return jnp.concatenate(columns, 1)

    def envelope(self, scaled: Float[Array, "n axes"]) -> Float[Array, " n"]:
        """The product of 1 + s and 1 - s over the ends at which the network vanishes."""
        result = jnp.ones_like(scaled[:, 0])
        for index, (at_low, at_high) in enumerate(self.vanish):
            if at_low:
                result = result * (1.0 + scaled[:, index])
            if at_high:
                result = result * (1.0 - scaled[:, index])
        return result


def encoded_inputs(domain: Box, periodic: Mapping[str, int] = APERIODIC) -> int:
    """How many inputs the body of a point-wise network has: one an axis, two a harmonic of a periodic axis."""
    return sum(2 * periodic[axis] if periodic.get(axis) else 1 for axis in domain)


def point_network(
    make_body: Callable[..., Body],
    domain: Box,
    unknowns: Sequence[str],
    *,
    periodic: Mapping[str, int] = APERIODIC,
    vanish: Mapping[str, tuple[bool, bool]] = NOWHERE,
    key: PRNGKeyArray,
) -> PointNetwork:
    """A body of `spinn.networks.bodies` of all coordinates, and a last dense layer to the unknowns.

    **Arguments:** `make_body(inputs=..., key=...)` builds the body, e.g. `functools.partial(MLP, 64, 4)`; `periodic`
    gives the number of harmonics of each periodic axis, `vanish` the ends (low, high) of an axis that are zero.

    **Raises:** SpinnError for an axis that the domain lacks.
    """
    key_body, key_last = jax.random.split(key)
    body = make_body(inputs=encoded_inputs(domain, periodic), key=key_body)
    last = Dense(body.width, len(unknowns), key=key_last)
    return _assembled(body, last, domain, unknowns, periodic, vanish)


def from_flax(
    module: Any,
    domain: Box,
    unknowns: Sequence[str],
    *,
    periodic: Mapping[str, int] = APERIODIC,
    vanish: Mapping[str, tuple[bool, bool]] = NOWHERE,
    key: PRNGKeyArray,
) -> PointNetwork:
    """Any flax module, linen or nnx, from (points, inputs) to (points, unknowns), as a whole network.

    It sees the coordinates scaled to [-1, 1], `encoded_inputs(domain, periodic)` of them; a linen module is
    initialised with `key`.

    **Raises:** SpinnError if the module is not of flax, keeps state, or does not give one output an unknown.
    """
    inputs = encoded_inputs(domain, periodic)
    parameters, function = flax_function(module, inputs, key=key)
    shape = jax.eval_shape(lambda x: function(parameters, x), jnp.zeros((2, inputs))).shape
    if shape != (2, len(unknowns)):
        raise SpinnError(
            f"a flax network for {', '.join(unknowns)} must map (points, {inputs}) to (points, {len(unknowns)}); "
            f"{type(module).__name__} maps (2, {inputs}) to {shape}"
        )
    body = ExternalBody(parameters=parameters, function=function, width=len(unknowns))
    return _assembled(body, None, domain, unknowns, periodic, vanish)


def _assembled(
    body: Body,
    last: Dense | None,
    domain: Box,
    unknowns: Sequence[str],
    periodic: Mapping[str, int],
    vanish: Mapping[str, tuple[bool, bool]],
) -> PointNetwork:
    strange = [axis for axis in (*periodic, *vanish) if axis not in domain.axes]
    if strange:
        raise SpinnError(f"point-wise network: no axis {', '.join(strange)}; its axes are {', '.join(domain.axes)}")
    low, high = (jnp.asarray([domain[axis][side] for axis in domain]) for side in (0, 1))
    harmonics = tuple(periodic.get(axis, 0) for axis in domain)
    ends = tuple(vanish.get(axis, (False, False)) for axis in domain)
    return PointNetwork(domain.axes, tuple(unknowns), body, last, low, high, harmonics, ends)
