"""The inverse of -Laplace on a box with zero boundary values, by dense sine transforms.

It is a preconditioner made of matrix products. A sine transform as a product with its matrix costs n^(d+1) flops in
place of n^d log n, and is still the faster one up to hundreds of points an axis, on many right sides at once and on
accelerators above all.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from spinn.solvers.batched.stencil import Values
from spinn.solvers.preconditioners.sines import sines


class FastPoisson(eqx.Module):
    """r -> D S L^-1 S D r, where S is the sine transform over all axes and L has the eigenvalues of -Laplace.

    `sines`: a symmetric orthogonal matrix (n_i, n_i) for each axis; `inverse`: 1 / eigenvalue (n_1, ..., n_d);
    `scale`: D = a^-1/2 at the nodes (..., n_1, ..., n_d), or None. Sines are shared by a batch; eigenvalues may have
    its axes. `single`: transforms in float32, as in `spinn.solvers.preconditioners.FastPoisson`.
    """

    sines: tuple[Values, ...]
    inverse: Values
    scale: Values | None = None
    single: bool = eqx.field(static=True, default=False)

    def __call__(self, r: Values) -> Array:
        """The inverse applied to r (..., n_1, ..., n_d)."""
        scaled = jnp.asarray(r if self.scale is None else self.scale * r)
        solved = self._in_single(scaled) if self.single else self._solved(scaled)
        return solved if self.scale is None else jnp.multiply(self.scale, solved)

    def _solved(self, r: Array) -> Array:
        return self._transform(self._transform(r) * jnp.asarray(self.inverse, r.dtype))

    def _in_single(self, r: Array) -> Array:
        """A grid as small or large as float32 cannot hold is scaled to size one and back."""
        size = jnp.max(jnp.abs(r), axis=tuple(range(-len(self.sines), 0)), keepdims=True)
        size = jnp.where(size > 0.0, size, 1.0)
        return self._solved((r / size).astype(jnp.float32)).astype(r.dtype) * size

    def _transform(self, values: Array) -> Array:
        # On accelerators a product of float32 has three digits unless it is told otherwise.
        dimensions = len(self.sines)
        for axis, sine in enumerate(self.sines):
            moved = jnp.moveaxis(values, axis - dimensions, -1)
            product = jnp.matmul(moved, jnp.asarray(sine, values.dtype), precision=jax.lax.Precision.HIGHEST)
            values = jnp.moveaxis(product, -1, axis - dimensions)
        return values


def fast_poisson(grid: tuple[int, ...], spacing: tuple[float, ...], coefficient: Values | None = None) -> FastPoisson:
    """For the interior grid (n_1, ..., n_d) with steps h; with a coefficient a (..., n_1, ..., n_d), scaled by a^-1/2.

    The scaled one is the inverse of a^1/2 (-Laplace) a^1/2, the leading part of -div(a grad) where a is smooth
    (Concus and Golub 1973). ValueError where the sizes do not agree.
    """
    if len(grid) != len(spacing) or (coefficient is not None and coefficient.shape[-len(grid) :] != grid):
        got = "none" if coefficient is None else coefficient.shape
        raise ValueError(
            f"expected a step for each axis of the grid {grid}, and a coefficient at its nodes, got steps {spacing} "
            f"and coefficient {got}: leave the boundary out"
        )
    modes = [np.arange(1, n + 1) for n in grid]
    values = [(2 / h * np.sin(np.pi * k / (2 * (k.size + 1)))) ** 2 for k, h in zip(modes, spacing, strict=True)]
    inverse = 1.0 / functools.reduce(np.add.outer, values)
    return FastPoisson(
        tuple(sines(n, "float64") for n in grid), inverse, None if coefficient is None else coefficient**-0.5
    )
