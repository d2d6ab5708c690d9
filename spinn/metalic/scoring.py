"""How good a trained lane is: its error where the truth is known, or a score that needs no truth.

The score is the loss on held-out points with weights that no arm has a part in: residual, conditions, jumps of the
unknowns and of the flux. An arm cannot improve it by asking for less.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.errors import SpinnError
from spinn.evaluation import Piece, grid_values
from spinn.metalic.training import INTERFACE_WEIGHT, ArmTrainer
from spinn.truth import relative_l2, truth_on_grid

HELD_OUT = 5  # points an axis and cell beyond those of training: the Gauss points then share none
JUMPS = ("solution", "flux")
WORST = 100.0  # what NaN and larger errors count as
GRID = 51


@dataclasses.dataclass(frozen=True, eq=False)
class LabelFree:
    """Root of the held-out loss, relative to that of the zero field."""

    trainer: ArmTrainer

    def errors(self, params: Any, contexts: Float[np.ndarray, "lanes numbers"]) -> Float[np.ndarray, " lanes"]:
        """The score of every lane: about one for the zero field, smaller is better."""
        return bounded(np.asarray(self._scores(params, jnp.asarray(contexts))))

    @functools.cached_property
    def _scores(self) -> Any:
        trainer = self.trainer

        def loss(params: Any, context: Array) -> Array:
            weights = INTERFACE_WEIGHT * jnp.ones(len(JUMPS))
            batch = trainer.batch(trainer.size.points + HELD_OUT, weights)
            return trainer.objective(context, JUMPS).loss(trainer.combined(params), batch)[0]

        def score(params: Any, context: Array) -> Array:
            return jnp.sqrt(loss(params, context) / loss(jax.tree.map(jnp.zeros_like, params), context))

        return jax.jit(jax.vmap(score))


@dataclasses.dataclass(frozen=True, eq=False)
class TrueError:
    """Relative L2 error on a uniform grid, over all unknowns. SpinnError where the PDE has no known solution."""

    trainer: ArmTrainer
    truths: dict[bytes, Any] = dataclasses.field(default_factory=dict)  # of contexts that were met

    def __post_init__(self) -> None:
        pde = self.trainer.family.pde
        if not (pde.has_exact or pde.has_reference):
            raise SpinnError(
                f"reward: {type(pde).__name__} has no exact or reference solution to measure errors by; use label_free"
            )

    def errors(self, params: Any, contexts: Float[np.ndarray, "lanes numbers"]) -> Float[np.ndarray, " lanes"]:
        """The error of every lane."""
        found = []
        for lane, context in enumerate(contexts):
            axes, truth = self._truth(context)
            network = self.trainer.combined(jax.tree.map(lambda leaf, lane=lane: leaf[lane], params))
            pde = self.trainer.family.pde
            values = grid_values(pde, Piece(network, 0.0, 0.0), axes, derived=False)
            found.append(relative_l2(values, truth, pde.unknowns)["all"])
        return bounded(np.array(found))

    def _truth(self, context: np.ndarray) -> tuple[dict[str, np.ndarray], Any]:
        key = np.asarray(context, float).tobytes()
        if key not in self.truths:
            pde = self.trainer.family.at(context)
            axes = {axis: np.linspace(*pde.domain[axis], GRID) for axis in pde.coordinates}
            truth = truth_on_grid(pde, axes, derived=False)
            if truth is None:
                raise SpinnError("reward: this PDE has no reference on its domain; use label_free")
            self.truths[key] = (axes, truth)
        found: tuple[dict[str, np.ndarray], Any] = self.truths[key]
        return found


def bounded(errors: Float[np.ndarray, " lanes"]) -> Float[np.ndarray, " lanes"]:
    """NaN and errors over 100 count as 100, as in the paper."""
    return np.minimum(np.nan_to_num(errors, nan=WORST, posinf=WORST), WORST)


def rewards_of(errors: Float[np.ndarray, " lanes"]) -> Float[np.ndarray, " lanes"]:
    """-log10, so that a digit is a unit."""
    return -np.log10(np.maximum(errors, 1e-16))
