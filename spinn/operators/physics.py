"""The residual of a family's PDE in predicted fields, traceable: what physics-informed training makes small.

The same definition is read two ways: by differences or Fourier sums on the grid (`on_grid`), for any operator, and by
exact derivatives of a separable trunk (`by_jets`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.data.families import Family, StencilFamily
from spinn.data.families.evolving import MethodOfLinesFamily
from spinn.data.stencil import Grid, LinesField, grid_of
from spinn.data.stencil.boundary import evaluated, face_slices, given
from spinn.data.stencil.evolution import with_parameters
from spinn.data.stencil.grid import Axis
from spinn.data.stencil.operators import axis_matrix
from spinn.errors import SpinnError
from spinn.fields import Grid as TensorGrid
from spinn.fields import coordinate_fields
from spinn.operators.layout import Layout
from spinn.operators.surrogate import Surrogate
from spinn.pdes import PDE, Dirichlet, derivative_orders

# (inputs, outputs) of a batch -> the relative residual of every sample
Residual = Callable[[Float[Array, "batch fields ..."], Float[Array, "batch outputs ..."]], Float[Array, " batch"]]


def on_grid(family: Family, layout: Layout, shape: tuple[int, ...]) -> Residual:
    """The residual on the grid of a family, of order `family.order`, over that of u = 0.

    Evolving families: u_t by differences of frames, over the right side at the start, and the distance from the
    initial state.

    **Raises:** SpinnError for a family whose equation is not read on grids, or an operator with other fields.
    """
    if len(layout.outputs) != 1 or tuple(layout.outputs) != tuple(family.outputs):
        raise SpinnError(f"physics: expected the output {', '.join(family.outputs)}, got {', '.join(layout.outputs)}")
    if isinstance(family, StencilFamily):
        template = family.pde(family.parameters(0, 0))
        steady = _steady(template, grid_of(template, shape, family.order), _names(family, layout))
        return lambda inputs, outputs: jax.vmap(steady)(inputs, outputs[:, 0])
    if (
        isinstance(family, MethodOfLinesFamily)
        and layout.axes[:1] == ("t",)
        and shape[1:] == family.evolution.grid.shape
    ):
        evolving = _evolving(family, shape[0], _names(family, layout))
        return lambda inputs, outputs: jax.vmap(evolving)(inputs, outputs[:, 0])
    raise SpinnError(
        f"loss.physics: the equation of {family.name} cannot be read here; expected a steady family on a uniform grid, "
        "or one that evolves by the method of lines, with all its frames and nodes (leave out `points` and `frames`)"
    )


def _names(family: Family, layout: Layout) -> dict[str, tuple[int, bool]]:
    """Where each parameter of the family is among the inputs, and whether it is a number."""
    drawn = family.parameters(0, 0)
    missing = [name for name in drawn if name not in layout.inputs]
    if missing:
        raise SpinnError(f"loss.physics: the operator does not see the parameters {', '.join(missing)} of the family")
    return {name: (layout.inputs.index(name), np.ndim(value) == 0) for name, value in drawn.items()}


def _parameters(inputs: Float[Array, "fields ..."], names: Mapping[str, tuple[int, bool]]) -> dict[str, Array]:
    return {name: inputs[place].ravel()[0] if number else inputs[place] for name, (place, number) in names.items()}


def _steady(template: PDE, grid: Grid, names: Mapping[str, tuple[int, bool]]) -> Callable[[Array, Array], Array]:
    mesh = np.meshgrid(*grid.nodes, indexing="ij", sparse=True)
    coordinates = {name: LinesField(grid, values, given=True) for name, values in zip(grid.names, mesh, strict=True)}

    def residual(pde: PDE, u: Array) -> Array:
        (found,) = pde.residuals({pde.unknowns[0]: LinesField(grid, u, bare=True)}, coordinates).values()
        return jnp.broadcast_to(found.value, grid.shape)[grid.unknown_slices]

    def relative(inputs: Array, u: Array) -> Array:
        pde = with_parameters(template, _parameters(inputs, names))
        zero = residual(pde, _filled(pde, grid, jnp.zeros_like(u)))
        return _norm(residual(pde, _filled(pde, grid, u))) / jnp.maximum(_norm(zero), 1e-12)

    return relative


def _filled(pde: PDE, grid: Grid, u: Array) -> Array:
    """The field with what Dirichlet conditions give on their faces."""
    for face, value in given(pde, grid, Dirichlet).items():
        where = face_slices(grid, face)
        u = u.at[where].set(jnp.broadcast_to(jnp.asarray(evaluated(pde, grid, value)), grid.shape)[where])
    return u


def _evolving(family: MethodOfLinesFamily, frames: int, names: Mapping[str, Any]) -> Callable[[Array, Array], Array]:
    times = family.times
    axis = Axis("t", float(times[0]), float(times[-1]), frames, ("dirichlet", "dirichlet"))
    D = axis_matrix(axis, 1, 4 if frames >= 7 else 2)[0].toarray()

    def relative(inputs: Array, u: Array) -> Array:
        parameters = _parameters(inputs[:, 0], names)
        inside = (slice(None), *family.evolution.grid.unknown_slices)
        states = u[inside]
        change = jax.vmap(lambda t, state: family.evolution.slope(t, state, parameters))(jnp.asarray(times), states)
        misfit = jnp.tensordot(jnp.asarray(D, u.dtype), states, 1) - change
        scale = jax.lax.stop_gradient(jnp.sqrt(jnp.mean(change**2)))
        return jnp.sqrt(jnp.mean(misfit**2)) / jnp.maximum(scale, 1e-12)

    return relative


def _norm(values: Array) -> Array:
    return jnp.sqrt(jnp.sum(values**2) + 1e-30)


def by_jets(family: Family, layout: Layout, nodes: tuple[np.ndarray, ...]) -> Callable[[Surrogate, Array], Array]:
    """`residual(surrogate, inputs)`: the relative residual of every sample, by exact derivatives of a separable trunk.

    Parameters that are arrays may enter the residual, but not be differentiated in it.

    **Raises:** SpinnError for a family that is not steady, or whose faces are not periodic or held at zero.
    """
    if not isinstance(family, StencilFamily) or tuple(layout.outputs) != tuple(family.outputs):
        raise SpinnError(f"loss.physics: a separable_deeponet reads steady families, got {family.name}")
    names, template = _names(family, layout), family.pde(family.parameters(0, 0))
    orders = derivative_orders(template)
    lengths = {axis: high - low for axis, (low, high) in zip(layout.axes, layout.spans, strict=True)}
    ends = zip(layout.axes, layout.periodic, layout.vanishing, strict=True)
    loose = [axis for axis, wraps, zero in ends if not wraps and not all(zero)]
    if loose:
        raise SpinnError(
            f"loss.physics: outputs are not zero at both ends of {', '.join(loose)}, which a separable_deeponet would "
            "have to be told; train an fno with physics, or a family with zero boundary values"
        )
    scaled = tuple(jnp.asarray(x) for x in nodes)
    spans = zip(scaled, layout.axes, layout.spans, strict=True)
    points = {axis: low + (high - low) * x for x, axis, (low, high) in spans}

    def residual(surrogate: Surrogate, inputs: Float[Array, "batch fields ..."]) -> Float[Array, " batch"]:
        model, fixed = surrogate.model, jax.lax.stop_gradient(surrogate.normaliser)
        seen = surrogate.normalised(inputs)
        factors = model.coefficients(seen, scaled) * fixed.output_scale[:, None]
        tables = {axis: _physical(table, lengths[axis]) for axis, table in model.tables(scaled, orders).items()}
        grid = TensorGrid(layout.axes, points, {axis: jnp.ones_like(x) / x.shape[0] for axis, x in points.items()})
        first = layout.axes[0]

        def one(sample: Array, factor: Array) -> Array:
            here = {**tables, first: tables[first] * factor}
            fields = model.trunk.fields(grid, here)
            pde = with_parameters(template, _parameters(sample, names))
            (found,) = pde.residuals(fields, coordinate_fields(grid)).values()
            nothing = model.trunk.fields(grid, {**tables, first: 0.0 * tables[first]})
            (zero,) = pde.residuals(nothing, coordinate_fields(grid)).values()
            whole = _norm(jnp.broadcast_to(zero.value, grid.shape))
            return _norm(jnp.broadcast_to(found.value, grid.shape)) / jnp.maximum(whole, 1e-12)

        return jax.vmap(one)(inputs, factors)

    return residual


def _physical(table: Float[Array, "orders points outputs terms"], length: float) -> Array:
    """Derivatives in the scaled coordinate as those in the coordinate itself."""
    return table / length ** jnp.arange(table.shape[0]).reshape(-1, 1, 1, 1)
