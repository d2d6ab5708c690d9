"""Loss weights that adapt: blocks are scaled until their gradients have the same norm."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.training.problem import Problem

EVERY_STEPS = 200
KEEP = 0.9  # share of the old weight in the moving average


def balanced_scales(
    problem: Problem, params: Any, context: Any, scales: Mapping[str, Array]
) -> dict[str, Float[Array, ""]]:
    """New scales: moving average towards sum_j |grad L_j| / |grad L_k| (Wang, Sankaran, Wang, Perdikaris 2023, eq. 15).

    Gradients are those of the unscaled blocks; the ratios are normalised to mean one, so that the learning rate keeps
    its meaning.
    """
    ones = {name: jnp.ones_like(scale) for name, scale in scales.items()}
    slopes = jax.jacrev(lambda p: problem.loss(p, context, ones)[1])(params)
    norms = {
        name: jnp.sqrt(sum(jnp.vdot(leaf, leaf).real for leaf in jax.tree.leaves(slope)))
        for name, slope in slopes.items()
    }
    total = sum(norms.values())
    # Where all gradients vanish, all weights are as good: equal ones.
    wanted = {name: jnp.where(total > 0, total / jnp.maximum(norm, 1e-12 * total), 1.0) for name, norm in norms.items()}
    mean = sum(wanted.values()) / len(wanted)
    return {name: KEEP * scales[name] + (1 - KEEP) * wanted[name] / mean for name in scales}
