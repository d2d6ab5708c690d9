"""Do the residual, the conditions and the exact solution of a PDE agree? Checked at random points in float64."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spinn.pdes._conditions import At, Local
from spinn.pdes._domain import Box, Face
from spinn.pdes._pde import PDE
from spinn.pdes._points import PointField, point_coordinates, point_fields, value_of

Points = Mapping[str, np.ndarray]
QUADRATURE_POINTS = {1: 256, 2: 64, 3: 32}  # Gauss points an axis for averages, by number of space axes


def check_exact(pde: PDE, samples: int = 200, seed: int = 0) -> dict[str, float]:
    """The relative size of every residual and condition for the PDE's exact solution: all about 1e-15 if they agree.

    **Raises:** ValueError if the PDE has no exact solution.
    """
    if not pde.has_exact:
        raise ValueError(f"{type(pde).__name__} defines no exact solution to check; add exact(self, ...) to it")
    return check_solution(pde, pde.exact_solution, samples, seed)


def check_solution(
    pde: PDE, solution: Callable[..., Mapping[str, Any]], samples: int = 200, seed: int = 0
) -> dict[str, float]:
    """The relative size of every residual and condition for a solution (*coordinates) -> {unknown: array}.

    Each is the largest absolute value over `samples` random points, relative to the largest sum of the magnitudes of
    its terms (for conditions: at least to the largest unknown), so that rounding alone gives about 1e-15.
    """
    with jax.enable_x64(True):
        points = uniform_points(pde.domain, samples, np.random.default_rng(seed))
        inside = local(pde, solution, points)
        residuals = pde.residuals(inside.unknowns, inside.coordinates)
        relative = {name: relative_size(field) for name, field in residuals.items()}
        largest = max(float(jnp.max(jnp.abs(value_of(unknown)))) for unknown in inside.unknowns.values())
        for name, (field, _) in pde.condition_residuals(faces_of(pde, solution, points)).items():
            relative[name if name not in relative else f"condition_{name}"] = relative_size(field, largest)
        return relative


def uniform_points(domain: Box, samples: int, generator: np.random.Generator) -> Points:
    """Points drawn uniformly in the box: arrays of shape (samples,)."""
    return {axis: generator.uniform(*domain[axis], samples) for axis in domain}


def averaging_points(domain: Box, points: Points) -> tuple[Points, np.ndarray]:
    """A tensor Gauss rule over space at one of the times given: points and weights, arrays of shape (n,)."""
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS.get(len(domain.space), 8))
    axes = {axis: low + (nodes + 1) * (high - low) / 2 for axis, (low, high) in domain.intervals.items()}
    if "t" in axes:
        axes["t"] = points["t"][:1]
    grids = np.meshgrid(*axes.values(), indexing="ij")
    factors = np.meshgrid(*(weights if axis != "t" else np.ones(1) for axis in axes), indexing="ij")
    return {axis: grid.ravel() for axis, grid in zip(axes, grids, strict=True)}, np.prod(factors, axis=0).ravel()


def local(
    pde: PDE, solution: Callable[..., Mapping[str, Any]], points: Points, weights: np.ndarray | None = None
) -> Local:
    """The solution and the coordinates as fields at the points."""
    return Local(point_fields(solution, pde.unknowns, points, weights), point_coordinates(**points))


def faces_of(pde: PDE, solution: Callable[..., Mapping[str, Any]], points: Points) -> At:
    """The fields on a face: the points projected onto it, so that opposite faces have matching points."""

    def at(face: Face | None) -> Local:
        if face is None:
            return local(pde, solution, *averaging_points(pde.domain, points))
        here = np.full_like(points[face.axis], pde.domain.end(face))
        return local(pde, solution, {**points, face.axis: here})

    return at


def relative_size(field: Any, floor: float = 0.0) -> float:
    """The largest absolute value relative to the largest size of the terms (not less than `floor`)."""
    value, size = (field.value, field.size) if isinstance(field, PointField) else (jnp.asarray(field),) * 2
    scale = max(float(jnp.max(jnp.abs(size))), floor)
    worst = float(jnp.max(jnp.abs(value)))
    return worst / scale if scale > 0 else worst
