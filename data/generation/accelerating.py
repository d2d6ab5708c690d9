"""Solvers of many systems at once: which families they suit, and what they take on an accelerator."""

import jax
import numpy as np

from spinn.data.generation.recipe import Recipe
from spinn.data.stencil import Grid, System
from spinn.errors import SpinnError
from spinn.solvers import BATCHED, SideBySide, Stopping, batched_candidates


def accelerated() -> bool:
    """Whether JAX computes elsewhere than on the processor."""
    return jax.default_backend() != "cpu"


def side_by_side(recipe: Recipe, system: System, stopping: Stopping) -> dict[str, SideBySide]:
    """Solvers by name for pieces of a recipe with systems like this one; none where its family does not suit them."""
    if unsuited(recipe) or not 1 <= len(system.shape) <= 3:
        return {}
    together = min(recipe.piece_size, recipe.samples)
    return batched_candidates(system.definite, system.shape, together, stopping=stopping)


def unsuited(recipe: Recipe) -> str:
    """Why systems of the recipe's family cannot be solved side by side; empty where they can."""
    name, layout = recipe.family.name, getattr(recipe.family, "layout", None)
    if not isinstance(layout, Grid):
        return f"{name} is not solved on a uniform grid"
    around = [axis.name for axis in layout.axes if axis.periodic]
    return f"{name} is periodic along {', '.join(around)}" if around else ""


def refusal(recipe: Recipe, name: str, others: list[str]) -> SpinnError:
    """Why a solver of many systems at once, asked for by name, is not for this recipe, and what to take instead."""
    why = unsuited(recipe) or "its matrices are not known to be symmetric and positive definite"
    if name not in BATCHED:
        return SpinnError(f"no solver {name} for these matrices; choose from: {', '.join(others)}")
    return SpinnError(
        f"solver: {name} is for stencils on a box"
        f"{' whose matrices are symmetric and positive definite' if name.endswith('cg') else ''}, and {why}; "
        f"choose auto, or one of: {', '.join(others)}"
    )


def timed(solvers: dict[str, SideBySide], systems: list[System], tolerance: float) -> dict[str, float]:
    """Seconds a system by name, on one batch of systems; those that fail on any of them are left out."""
    found = {}
    for name, solver in solvers.items():
        batch = [(system.matrix, system.rhs) for system in systems[: solver.width]]
        try:
            infos = [info for _, info in solver.solve_many(batch)]
        except (ValueError, RuntimeError):  # not a stencil after all, or out of memory
            continue
        if infos and all(info.converged and info.residual <= tolerance for info in infos):
            found[name] = float(np.mean([info.seconds for info in infos]))
    return found
