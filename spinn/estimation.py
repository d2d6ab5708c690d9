"""What a run would cost, from the plan and one measured evaluation of its loss and gradient."""

import time
from typing import Any

import jax

from spinn.alternating import Alternating
from spinn.files.plain import plain
from spinn.growth import Place
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE
from spinn.ranking import first_whole
from spinn.recipes import Plan
from spinn.session import Session

# A Gauss-Newton step solves a linear system by a few hundred products with the Jacobian and its transpose.
GRADIENTS_PER_STEP = {"gauss_newton": 300, "lbfgs": 1.5}


def estimated(plan: Plan, pde: PDE) -> dict[str, Any]:
    """Parameters, points, memory and seconds of a plan. The first level only, where modes are grown."""
    if plan.is_alternating:
        return _by_sweeping(plan, pde)
    session = Session(plan, pde, SilentReporter(), lambda record: None)
    session.place = Place(modes=(first_whole(plan, pde, session.start_modes()),))
    problem, _, params = session.problem(session.network(0, session.place.modes[0]))
    context = problem.draw(jax.random.key(0))
    scales: dict[str, Any] = {}

    def gradient(params: Any) -> Any:
        return jax.value_and_grad(lambda p: problem.loss(p, context, scales)[0])(params)

    began = time.perf_counter()
    compiled = jax.jit(gradient).lower(params).compile()
    compiling = time.perf_counter() - began
    jax.block_until_ready(compiled(params))
    began = time.perf_counter()
    jax.block_until_ready(compiled(params))
    seconds = time.perf_counter() - began
    memory = compiled.memory_analysis()
    used = sum(
        getattr(memory, name, 0) for name in ("temp_size_in_bytes", "argument_size_in_bytes", "output_size_in_bytes")
    )
    total = 0.0
    for stage in plan.config.train:
        steps = (stage.steps or 0) * GRADIENTS_PER_STEP.get(stage.optimizer, 1.0) * seconds
        total += min(steps or float("inf"), stage.seconds or float("inf"))
    return plain({
        "recipe": plan.reason, "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "collocation_points": problem.points, "modes": dict(session.place.modes[0]),
        "memory_bytes": used, "compile_seconds": compiling, "seconds_per_gradient": seconds,
        "seconds": total * len(session.growth.planned_ends(session.last)) if total != float("inf") else None,
    })  # fmt: skip


def _by_sweeping(plan: Plan, pde: PDE) -> dict[str, Any]:
    """The same for sweeps over the axes, of which one is made: ranks, and with them costs, may grow later."""
    began = time.perf_counter()
    run = Alternating(plan, pde, pde.domain, SilentReporter(), lambda record: None, lambda warning: None)
    modes = run.start_modes()
    level = run.level(modes, 0)
    preparing, began = time.perf_counter() - began, time.perf_counter()
    sweep = next(run.sweeping(level, None))
    seconds = time.perf_counter() - began
    parameters = sum(core.size for core in sweep.train)
    return plain({
        "recipe": plan.reason, "parameters": parameters, "collocation_points": level.points, "modes": modes,
        "memory_bytes": 8 * parameters, "compile_seconds": preparing, "seconds_per_gradient": seconds,
        "seconds": seconds * (plan.config.train[0].steps or 0) or None,
    })  # fmt: skip
