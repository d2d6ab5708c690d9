"""Posing a problem for the training loop: pure functions of parameters, from a network and what it is to satisfy."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from spinn.assembly import build_objective, build_sampler, trainable
from spinn.evaluation import Piece, grid_values
from spinn.multidomain.condensation import normal_root
from spinn.multidomain.objective import MultiDomainObjective
from spinn.multidomain.scales import normalising_scales
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import SeparableNetwork
from spinn.objective import SeparableObjective
from spinn.objective.equilibration import equation_scales
from spinn.objective.parametric import parametric
from spinn.objective.separable import coupling_of
from spinn.pdes import PDE, Box, Initial
from spinn.recipes import Plan
from spinn.training.problem import Problem
from spinn.truth import relative_l2, truth_on_grid

ERROR_POINTS = {1: 401, 2: 101, 3: 25, 4: 11}


class Posed(NamedTuple):
    """A problem, how to put a network together again from parameters, and the parameters to start from."""

    problem: Problem
    combine: Callable[[Any], Any]
    params: Any


def pose(plan: Plan, pde: PDE, network: Any, domain: Box, modes: Mapping[str, int], previous: Any = None) -> Posed:
    """The problem of a network on a box.

    **Arguments:** `modes`: of its axes, which fix the points; `previous`: the network of the time window before.
    """
    sampler = build_sampler(plan, pde, modes)
    objective = build_objective(plan, pde, sampler)
    # An earlier window is an argument of compiled steps, which then depend on its size as well.
    previous = previous if starts_free(pde, plan.embedding.skip) else None
    params, frozen = eqx.partition(network, trainable(network, plan))
    frozen, static = eqx.partition(frozen, eqx.is_array)
    before, before_static = eqx.partition(previous, eqx.is_array)

    def call(which: str, params: Any, context: Any, scales: Any) -> Any:
        frozen, batch, before, varied = context
        earlier = None if previous is None else eqx.combine(before, before_static)
        return getattr(_of(objective, varied.pde), which)(eqx.combine(params, frozen, static), batch, scales, earlier)

    def matrix(params: Any, context: Any, scales: Any) -> Any:
        frozen, batch, _, varied = context
        assert isinstance(objective, SeparableObjective)
        here = dataclasses.replace(objective, pde=varied.pde)
        return here.whole_normal(lambda p: eqx.combine(p, frozen, static), params, batch, scales)

    def root(params: Any, context: Any, scales: Any) -> Any:
        frozen, batch, _, varied = context
        return normal_root(_of(objective, varied.pde), eqx.combine(params, frozen, static), batch, scales)

    drawn: dict[bytes, Any] = {}
    varied = parametric(pde)

    def draw(key: Any) -> Any:
        data = np.asarray(jax.random.key_data(key)).tobytes()
        if data not in drawn:
            drawn.clear()
            drawn[data] = (frozen, sampler.draw(domain, key=key), before, varied)
        return drawn[data]

    def combine(params: Any) -> Any:
        return eqx.combine(params, frozen, static)

    context = draw(jax.random.key(0))
    problem = Problem(
        functools.partial(call, "loss"), functools.partial(call, "blocks"), draw, _error_of(pde, combine, domain),
        points=int(np.prod(list(sampler.counts.values()))),
        names=tuple(jax.eval_shape(lambda p: call("loss", p, context, {})[1], params)),
        mixed=plan.config.precision == "mixed",
    )  # fmt: skip
    if plan.is_core:
        assert isinstance(objective, SeparableObjective)
        problem = dataclasses.replace(
            problem, normal=functools.partial(call, "normal"), kept=coupling_of(network),
            linear=_is_linear(objective, network, context[1]),
            scales=equation_scales(pde, objective.weighting, network, context[1]),
        )  # fmt: skip
    if isinstance(objective, MultiDomainObjective):
        problem = dataclasses.replace(
            problem, linear=plan.is_basis and objective.is_linear(network, context[1]),
            root=root if plan.is_basis else None, mixed=False,
            scales=normalising_scales(objective, functools.partial(call, "blocks"), params, context),
        )  # fmt: skip
    if isinstance(objective, SeparableObjective) and not plan.config.loss.causal:
        problem = dataclasses.replace(problem, matrix=matrix)
    return Posed(problem, combine, params)


def starts_free(pde: PDE, skip: frozenset[str]) -> bool:
    """Whether an initial condition is not held exactly, so that residuals depend on the window before."""
    names = [condition.name for condition in pde.conditions() if isinstance(condition, Initial)]
    return any(not any(name == held or name.startswith(held + "_") for held in skip) for name in names)


def _of(objective: Any, pde: PDE) -> Any:
    """The objective of a PDE with other parameters."""
    if isinstance(objective, MultiDomainObjective):
        return dataclasses.replace(objective, single=_of(objective.single, pde))
    return dataclasses.replace(objective, pde=pde)


def continued(before: Any, fresh: Any) -> Any:
    """A trained network starts the next window where the last one ended."""
    if isinstance(before, MultiDomainNetwork):
        coarse = None if before.coarse is None else continued(before.coarse, fresh.coarse)
        return MultiDomainNetwork(continued(before.stacked, fresh.stacked), fresh.decomposition, coarse)

    def ends(network: Any) -> list[Any]:
        owners = network.features if isinstance(network, SeparableNetwork) else (network,)
        return [end for owner in owners for end in (owner.low, owner.high)]

    return eqx.tree_at(ends, before, ends(fresh))


def _is_linear(objective: SeparableObjective, network: SeparableNetwork, batch: Any) -> bool:
    """Whether the blocks are linear in the network. Nothing is computed: expressions tell."""
    found: list[bool] = []
    eqx.filter_eval_shape(lambda n, b: found.append(objective.is_linear(n, b)), network, batch)
    return found[0]


def _error_of(pde: PDE, combine: Callable[[Any], Any], domain: Box) -> Callable[[Any], float | None]:
    """Relative L2 error on a coarse grid while training, where the exact solution is known."""
    if not pde.has_exact:
        return lambda params: None
    count = ERROR_POINTS.get(len(pde.coordinates), 7)
    axes = {axis: np.linspace(*domain[axis], count) for axis in pde.coordinates}
    truth = truth_on_grid(pde, axes, derived=False)
    assert truth is not None

    def error(params: Any) -> float:
        values = grid_values(pde, Piece(combine(params), 0.0, 0.0), axes, derived=False)
        return float(relative_l2(values, truth, pde.unknowns)["all"])

    return error
