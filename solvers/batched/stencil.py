"""The operator -div(a grad u) + c u on grids of any dimension, from coefficients on cell faces, without a matrix.

Unknowns are the interior nodes of a uniform grid with u = 0 on its boundary. All leading axes are a batch.
"""

from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

Values: TypeAlias = Array | np.ndarray


class Stencil(eqx.Module):
    """Five points in two dimensions, seven in three: the sum over axes of differences of fluxes a du/dx.

    `faces`: for each of the d axes, a / h^2 on the faces across it, (..., n_1, ..., n_i + 1, ..., n_d);
    `reaction`: c at the nodes (..., n_1, ..., n_d), or None for zero (c = -k^2 makes it Helmholtz's operator).
    """

    faces: tuple[Values, ...]
    reaction: Values | None = None

    @property
    def grid(self) -> tuple[int, ...]:
        """The unknowns along each axis."""
        dimensions = len(self.faces)
        return tuple(face.shape[axis - dimensions] - 1 for axis, face in enumerate(self.faces))

    def __call__(self, u: Values) -> Array:
        """The operator on u (..., n_1, ..., n_d)."""
        total = jnp.zeros_like(u) if self.reaction is None else jnp.multiply(self.reaction, u)
        dimensions = len(self.faces)
        for axis, face in enumerate(self.faces):
            margins = [(0, 0)] * (u.ndim - dimensions) + [(int(axis == i),) * 2 for i in range(dimensions)]
            fluxes = face * jnp.diff(jnp.pad(u, margins), axis=axis - dimensions)
            total = total - jnp.diff(fluxes, axis=axis - dimensions)
        return total


def harmonic_stencil(coefficient: Values, spacing: tuple[float, ...], reaction: Values | None = None) -> Stencil:
    """The stencil of a at all nodes (..., n_1 + 2, ..., n_d + 2), boundary included; `spacing`: h along each axis.

    Faces take the harmonic mean 2 a b / (a + b) of their two nodes, which keeps the flux across a jump of a exact in
    one dimension (Patankar 1980, section 4.2-3). ValueError unless there are as many axes and positive values.
    """
    dimensions = len(spacing)
    if coefficient.ndim < dimensions or min(coefficient.shape[-dimensions:]) < 3:
        raise ValueError(
            f"expected a coefficient with {dimensions} last axes of at least 3 nodes, got shape {coefficient.shape}: "
            "include the boundary, and give one spacing an axis"
        )
    if not bool((coefficient > 0).all()):
        raise ValueError("expected a coefficient that is positive everywhere, got one that is not: check its units")
    faces = []
    for axis, step in enumerate(spacing):
        low, high = (
            coefficient[(..., *(ends if i == axis else slice(1, -1) for i in range(dimensions)))]
            for ends in (slice(None, -1), slice(1, None))
        )
        faces.append(2.0 * low * high / ((low + high) * step**2))
    return Stencil(tuple(faces), reaction)
