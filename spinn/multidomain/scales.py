"""Scales at the start of training under which every condition is as strong as the equation."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from spinn.multidomain.objective import MultiDomainObjective
from spinn.objective.blocks import Weighting

PROBES = 16
UNSET = -1.0


def strengths(blocks: Callable[[Any], Mapping[str, Any]], params: Any, *, key: PRNGKeyArray) -> dict[str, Any]:
    """The squared Frobenius norm of the derivative of each block in all parameters: its neural tangent kernel's trace
    (Wang, Yu, Perdikaris 2022), as a mean over random directions (Hutchinson 1990).
    """
    _, push = jax.linearize(blocks, params)
    leaves, tree = jax.tree.flatten(params)

    def one(key: PRNGKeyArray) -> dict[str, Any]:
        keys = jax.random.split(key, len(leaves))
        signs = [jax.random.rademacher(k, leaf.shape, leaf.dtype) for k, leaf in zip(keys, leaves, strict=True)]
        return {name: jnp.sum(block**2) for name, block in push(jax.tree.unflatten(tree, signs)).items()}

    found: dict[str, Any] = jax.tree.map(jnp.mean, jax.vmap(one)(jax.random.split(key, PROBES)))
    return found


def normalising_scales(
    objective: MultiDomainObjective, blocks: Callable[..., Mapping[str, Any]], params: Any, context: Any
) -> dict[str, float]:
    """By block: what makes conditions and interfaces as strong as the equation, each with weight one; blocks whose
    weights are given in the loss keep them, and so does the equation. `blocks(params, context, scales)`.
    """

    def measured(params: Any, context: Any) -> dict[str, Any]:
        return strengths(lambda p: blocks(p, context, {}), params, key=jax.random.key(0))

    found = jax.jit(measured)(params, context)
    equations = {name: float(size) for name, size in found.items() if not _is_condition(name, objective)}
    whole = sum(equations.values()) / max(len(equations), 1)
    return {
        name: whole / float(size)
        for name, size in found.items()
        if name not in equations and float(size) > 0.0 and not _is_given(objective.single.weighting, name)
    }


def _is_condition(name: str, objective: MultiDomainObjective) -> bool:
    return name.startswith("interface_") or any(
        name == one.name or name.startswith(one.name + "_") for one in objective.pde.conditions()
    )


def _is_given(weighting: Weighting, name: str) -> bool:
    return weighting.of(name, UNSET) != UNSET
