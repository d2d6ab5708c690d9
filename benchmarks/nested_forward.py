"""The SPINN paper's way of differentiating, written anew: the yardstick of `step_time.py`.

The network is merged into the full N^d tensor first; derivatives are then nested forward-mode (`jax.jvp` of `jax.jvp`)
through that tensor, an axis at a time, and second derivatives hand out the first ones that they pass (as the paper's
`hvp_fwdfwd` does). The residuals are those of `spinn.pdes`, on the same points, in the same network's parameters.
Conditions are values and slopes of the same tensor on faces.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from spinn.networks.separable import SeparableNetwork
from spinn.pdes import PDE

Points = dict[str, jax.Array]
Function = Callable[[Points], Any]  # from the points of every axis to one tensor, or a tuple of them


def merged(network: SeparableNetwork, points: Points) -> tuple[jax.Array, ...]:
    """Every unknown on the whole grid: axis outputs (rank, points) multiplied in, axis by axis."""
    # An axis at a time: together they would be one batch, and a tangent of one axis would go through all of them.
    tables = {axis: network.tables({axis: points[axis]}, {axis: 0})[axis] for axis in network.axes}
    fields = []
    for index in range(len(network.unknowns)):
        first, *rest = (tables[axis][0, :, index].T for axis in network.axes)
        tensor = first
        for row in rest[:-1]:
            tensor = jnp.einsum("f...,fz->f...z", tensor, row)
        fields.append(jnp.einsum("f...,fz->...z", tensor, rest[-1]))
    return tuple(fields)


def slope(function: Function, points: Points, axis: str) -> Any:
    """The derivative along one axis: every point of it is pushed at once."""
    return first_and_value(function, points, axis)[1]


def first_and_value(function: Function, points: Points, axis: str) -> tuple[Any, Any]:
    """Value and derivative along one axis."""

    def along(moved: jax.Array) -> Any:
        return function({**points, axis: moved})

    return jax.jvp(along, (points[axis],), (jnp.ones_like(points[axis]),))


def first_and_second(function: Function, points: Points, axis: str) -> tuple[Any, Any]:
    """First and second derivative along one axis, forward over forward."""
    return first_and_value(lambda moved: slope(function, moved, axis), points, axis)


def component(function: Function, index: int) -> Function:
    """One member of what a function returns."""
    return lambda points: function(points)[index]


def forcing(pde: Any, points: Points) -> tuple[jax.Array, ...]:
    """The right-hand sides on the grid, made once for many steps as in the paper's code."""
    tensors = jnp.meshgrid(*points.values(), indexing="ij")
    known = pde.force(*tensors) if hasattr(pde, "force") else (pde.source(*tensors),)
    return tuple(jnp.broadcast_to(one, tensors[0].shape) for one in known)


def helmholtz_residuals(pde: Any, u: Function, points: Points, known: Sequence[jax.Array]) -> dict[str, jax.Array]:
    """u_xx + u_yy + u_zz + k^2 u - q."""
    seconds = [first_and_second(component(u, 0), points, axis)[1] for axis in points]
    return {"residual": sum(seconds) + pde.k**2 * u(points)[0] - known[0]}


def klein_gordon_residuals(pde: Any, u: Function, points: Points, known: Sequence[jax.Array]) -> dict[str, jax.Array]:
    """u_tt - u_xx - u_yy + u^2 - f."""
    tt, xx, yy = (first_and_second(component(u, 0), points, axis)[1] for axis in points)
    return {"residual": tt - xx - yy + u(points)[0] ** 2 - known[0]}


def vorticities(velocity: Function) -> list[Function]:
    """The components of the curl, each from two derivatives of the merged velocities."""
    u, v, w = (component(velocity, index) for index in range(3))
    return [
        lambda points: slope(w, points, "y") - slope(v, points, "z"),
        lambda points: slope(u, points, "z") - slope(w, points, "x"),
        lambda points: slope(v, points, "x") - slope(u, points, "y"),
    ]


def navier_stokes_residuals(
    pde: Any, velocity: Function, points: Points, known: Sequence[jax.Array]
) -> dict[str, jax.Array]:
    """Vorticity form in three dimensions: derivatives of vorticities are jvps through the jvps that make them."""
    space = ("x", "y", "z")
    flow = velocity(points)
    curls = vorticities(velocity)
    spin = [curl(points) for curl in curls]
    gradients = [slope(velocity, points, axis) for axis in space]  # gradients[axis][component]
    result = {}
    for index, (name, curl) in enumerate(zip(space, curls, strict=True)):
        pairs = [first_and_second(curl, points, axis) for axis in space]
        advection = sum(flow[axis] * first for axis, (first, _) in enumerate(pairs))
        stretching = sum(spin[axis] * gradients[axis][index] for axis in range(3))
        diffusion = pde.nu * sum(second for _, second in pairs)
        change = slope(curl, points, "t")
        result[f"vorticity_{name}"] = change + advection - stretching - diffusion - known[index]
    result["divergence"] = sum(gradients[axis][axis] for axis in range(3))
    return result


RESIDUALS = {
    "Helmholtz3D": helmholtz_residuals,
    "KleinGordon2D": klein_gordon_residuals,
    "NavierStokes3D": navier_stokes_residuals,
}


def nested_loss(pde: PDE, network: SeparableNetwork, points: Points, known: Sequence[jax.Array]) -> jax.Array:
    """Half the mean square of the residuals on the grid, `known` being their right-hand sides there."""
    residuals = RESIDUALS[type(pde).__name__](pde, lambda moved: merged(network, moved), points, known)
    weights = pde.residual_weights()
    return sum((0.5 * weights.get(name, 1.0) * jnp.mean(r**2) for name, r in residuals.items()), jnp.zeros(()))
