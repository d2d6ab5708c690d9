"""Optimisers as methods of one shape: `init`, and `advance` by a fixed number of steps inside one compiled call."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from spinn.errors import SpinnError
from spinn.optim.gauss_newton import ENOUGH_CHANGE, MAX_ITERATIONS, gauss_newton_init, gauss_newton_step
from spinn.optim.levenberg_marquardt import dense_normal, levenberg_marquardt_init, levenberg_marquardt_step
from spinn.optim.schedules import UNKNOWN_STEPS, schedule
from spinn.optim.soap import soap
from spinn.training.problem import Problem

LEARNING_RATES = {"adam": 1e-3, "adamw": 1e-3, "soap": 3e-3}


@dataclasses.dataclass(frozen=True)
class StageSpec:
    """One stage in plain values; the limits that are None do not apply."""

    optimizer: str
    steps: int | None = None
    seconds: float | None = None
    tolerance: float | None = None
    learning_rate: float | None = None
    schedule: str = "constant"
    warmup: int = 0
    weight_decay: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
    """`advance(params, state, context, scales, rate, step, controls)` makes `chunk` steps: (params, state, losses,
    parts).

    `rate` multiplies the updates: rollbacks lower it (Gauss-Newton damps itself). `step` is the number of the first
    step, for random draws. `losses` are those before the first and after the last step; `parts` belong to the last.
    """

    init: Callable[[Any, Any, Mapping[str, Any]], Any]
    advance: Callable[..., tuple[Any, Any, Any, dict[str, Any]]]
    chunk: int


# Of the first Gauss-Newton step; where the problem is linear there is nothing to be careful about.
DAMPING, UNDAMPED = 1e-6, 1e-14


class Controls(NamedTuple):
    """Of Gauss-Newton's method: the seed of random draws, the loss and the relative change that are small enough, and
    the most iterations of a linear solve. Arguments of the compiled step: another seed needs no other program.
    """

    seed: int = 0
    floor: float = 0.0
    change: float = ENOUGH_CHANGE
    max_iterations: int = MAX_ITERATIONS


DEFAULT = Controls()


def method(problem: Problem, stage: StageSpec, chunk: int) -> Method:
    """The method of a stage.

    **Raises:** SpinnError for an unknown optimiser.
    """
    if stage.optimizer == "gauss_newton":
        return _gauss_newton(problem)
    if stage.optimizer == "levenberg_marquardt":
        return _levenberg_marquardt(problem)
    if stage.optimizer == "lbfgs":
        return _lbfgs(problem, chunk)
    if stage.optimizer not in LEARNING_RATES:
        raise SpinnError(f"unknown optimizer '{stage.optimizer}'; expected {', '.join(LEARNING_RATES)}, lbfgs, ...")
    return _first_order(problem, _transformation(stage), chunk)


def _transformation(stage: StageSpec) -> optax.GradientTransformation:
    rate = stage.learning_rate or LEARNING_RATES[stage.optimizer]
    rates = schedule(stage.schedule, rate, stage.steps or UNKNOWN_STEPS, stage.warmup)
    if stage.optimizer == "adam":
        return optax.adam(rates)
    if stage.optimizer == "adamw":
        return optax.adamw(rates, weight_decay=stage.weight_decay)
    return soap(rates, weight_decay=stage.weight_decay)


def _first_order(problem: Problem, transformation: optax.GradientTransformation, chunk: int) -> Method:
    def advance(
        params: Any, state: Any, context: Any, scales: Any, rate: Any, step: Any, controls: Controls = DEFAULT
    ) -> Any:
        def moved(carry: Any, here: Any) -> tuple[Any, Any]:
            params, state = carry
            (value, parts), slope = jax.value_and_grad(problem.loss, has_aux=True)(params, here, scales)
            updates, after = transformation.update(slope, state, params)
            return (optax.apply_updates(params, _slowed(updates, rate)), after), (value, parts)

        def one(carry: Any, moving: Any) -> tuple[Any, Any]:
            after, found = moved(carry, context)
            return jax.tree.map(lambda new, old: jnp.where(moving, new, old), after, carry), found

        if problem.batches is not None:  # the mean over the chunk says more than the loss of its last batch
            (params, state), (values, parts) = jax.lax.scan(moved, (params, state), context)
            return params, state, jnp.stack([values[0], jnp.mean(values)]), jax.tree.map(jnp.mean, parts)

        # One evaluation more than steps: the loss of the parameters that are kept, without compiling it on its own.
        moving = jnp.arange(chunk + 1) < chunk
        (params, state), (values, parts) = jax.lax.scan(one, (params, state), moving)
        return params, state, values[jnp.array([0, -1])], jax.tree.map(lambda part: part[-1], parts)

    return Method(lambda params, context, scales: transformation.init(params), advance, chunk)


def _lbfgs(problem: Problem, chunk: int) -> Method:
    optimizer = optax.lbfgs(memory_size=20)

    def advance(
        params: Any, state: Any, context: Any, scales: Any, rate: Any, step: Any, controls: Controls = DEFAULT
    ) -> Any:
        def value_of(params: Any) -> Any:
            return problem.loss(params, context, scales)[0]

        def one(carry: Any, _: None) -> tuple[Any, Any]:
            params, state = carry
            value, slope = optax.value_and_grad_from_state(value_of)(params, state=state)
            updates, state = optimizer.update(slope, state, params, value=value, grad=slope, value_fn=value_of)
            state = _without_value(state, rate < 1.0)
            return (optax.apply_updates(params, _slowed(updates, rate)), state), value

        # The points or the weights may have changed since the last chunk.
        state = _without_value(state, jnp.asarray(True))
        (params, state), values = jax.lax.scan(one, (params, state), None, chunk)
        value, parts = problem.loss(params, context, scales)
        return params, state, jnp.stack([values[0], value]), parts

    return Method(lambda params, context, scales: optimizer.init(params), advance, chunk)


def _slowed(updates: Any, rate: Any) -> Any:
    """Updates times the rate that rollbacks lower."""
    return jax.tree.map(lambda update: update * rate.astype(update.dtype), updates)


def _without_value(state: Any, stale: Any) -> Any:
    """The line search's state; where `stale`, its value and gradient are computed anew before they are used."""
    value = optax.tree.get(state, "value")
    return optax.tree.set(state, value=jnp.where(stale, jnp.asarray(jnp.inf, value.dtype), value))


def _levenberg_marquardt(problem: Problem) -> Method:
    def init(params: Any, context: Any, scales: Any) -> Any:
        value = jax.eval_shape(problem.loss, params, context, scales)[0]
        return levenberg_marquardt_init(jnp.zeros((), value.dtype))

    def advance(
        params: Any, state: Any, context: Any, scales: Any, rate: Any, step: Any, controls: Controls = DEFAULT
    ) -> Any:
        def normal(params: Any) -> Any:
            if problem.matrix is not None:
                return problem.matrix(params, context, scales)
            return dense_normal(lambda p: problem.blocks(p, context, scales), params)

        params, state, parts = levenberg_marquardt_step(
            lambda p: problem.loss(p, context, scales), normal, params, state
        )
        return params, state, jnp.stack([state.loss, state.loss]), parts

    return Method(init, advance, 1)


def _gauss_newton(problem: Problem) -> Method:
    def init(params: Any, context: Any, scales: Any) -> Any:
        value = jax.eval_shape(problem.loss, params, context, scales)[0]
        return gauss_newton_init(jnp.zeros((), value.dtype), UNDAMPED if problem.linear else DAMPING)

    def advance(
        params: Any, state: Any, context: Any, scales: Any, rate: Any, step: Any, controls: Controls = DEFAULT
    ) -> Any:
        key = jax.random.fold_in(jax.random.key(controls.seed), step)

        def blocks(params: Any) -> Any:
            return problem.blocks(params, context, scales)

        def at(known: Callable[..., Any] | None) -> Callable[[Any], Any] | None:
            return None if known is None else lambda params: known(params, context, scales)

        params, state, parts = gauss_newton_step(
            blocks,
            params,
            state,
            key=key,
            normal=at(problem.normal),
            kept=problem.kept,
            root=at(problem.root),
            linear=problem.linear,
            mixed=problem.mixed,
            floor=controls.floor,
            change=controls.change,
            max_iterations=controls.max_iterations,
        )
        return params, state, jnp.stack([state.loss, state.loss]), parts

    return Method(init, advance, 1)
