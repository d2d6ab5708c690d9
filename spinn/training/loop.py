"""The one training loop. Objectives, samplers, methods and listeners vary; this does not."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spinn.optim.gauss_newton import ENOUGH_CHANGE, MAX_ITERATIONS
from spinn.training.balance import EVERY_STEPS, balanced_scales
from spinn.training.methods import Controls, Method, StageSpec, method
from spinn.training.problem import Problem
from spinn.training.reporting import Progress, Reporter

MAX_ROLLBACKS = 6
DIVERGED = 1e6  # a loss this many times the best one counts as divergence
CHUNK = 50  # steps between looks at the loss, at most
CHUNKS = {"lbfgs": 20}  # where a step costs more
# Refused Gauss-Newton steps in a row after which the stage ends; the same where a shorter time window can be tried.
PATIENCE, IMPATIENCE = 8, 3
SLOW = 2  # what a step counts that gains little
# Levenberg-Marquardt steps of little gain after which a stage ends (refused ones count twice): less is left below.
LONG_PATIENCE, LITTLE_GAIN = 16, 0.95
LEFT_FLOAT32 = (
    "precision mixed: float32 resolved too little of a linear solve, so float64 went on with it; the result is that of "
    "precision float64, which may take less time here"
)


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """What holds for all stages of a run."""

    seed: int = 0
    resample_every: int = 0
    weighting: str = "fixed"
    floor: float = 0.0  # a Gauss-Newton stage ends below this loss: the rest is rounding
    change: float = ENOUGH_CHANGE  # a Gauss-Newton stage ends where the next step would change less, relative
    max_iterations: int = MAX_ITERATIONS  # of the linear solve of a Gauss-Newton step
    impatient: bool = False  # a Gauss-Newton stage ends where a linear solve needs them all, or three steps fail


@dataclasses.dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything that training needs to go on from a step: saved in checkpoints, returned to on divergence."""

    params: Any
    state: Any
    scales: dict[str, Any]
    rate: Any
    step: int
    seconds: float
    best: float
    rollbacks: int = 0
    stalled: int = 0
    loss: float = math.inf

    def arrays(self) -> dict[str, Any]:
        """The array part."""
        return {"params": self.params, "state": self.state, "scales": self.scales, "rate": self.rate}

    def position(self) -> dict[str, Any]:
        """The part that goes into JSON."""
        names = ("step", "seconds", "best", "rollbacks", "stalled", "loss")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True, eq=False)
class StageRun:
    """One stage of a problem, ready to run; iterating yields a snapshot and a metrics record after every chunk."""

    problem: Problem
    spec: StageSpec
    settings: LoopSettings
    name: str
    reporter: Reporter
    compiled: dict[Any, Any]  # compiled steps by stage and shapes, shared by the stages and windows of a run

    def method(self) -> Method:
        """The optimiser; chunks divide the stage and the periods of what changes within it."""
        balance = EVERY_STEPS if self.settings.weighting == "gradient_norm" else 0
        common = math.gcd(self.settings.resample_every, self.spec.steps or 0, balance)
        longest = self.problem.longest or CHUNKS.get(self.spec.optimizer, CHUNK)
        chunk = next(size for size in range(longest, 0, -1) if common % size == 0)
        return method(self.problem, self.spec, chunk)

    def _arguments(self, good: Snapshot, context: Any, scales: Any) -> tuple[Any, ...]:
        """What a compiled chunk of steps is called with."""
        settings = self.settings
        controls = Controls(settings.seed, settings.floor, settings.change, settings.max_iterations)
        step = jnp.asarray(good.step, jnp.int32)
        return good.params, good.state, context, scales, good.rate, step, controls

    def start(self, params: Any) -> Snapshot:
        """The state before the first step."""
        context = self._context(0)
        scales = {name: jnp.asarray(self.problem.scales.get(name, 1.0)) for name in self.problem.names}
        state = self.method().init(params, context, scales)
        return Snapshot(params, state, scales, jnp.ones(()), 0, 0.0, math.inf)

    def run(self, snapshot: Snapshot) -> Iterator[tuple[Snapshot, dict[str, Any]]]:
        """Steps until a limit of the stage is reached. A bad chunk is undone and retried at a lower rate."""
        chosen = self.method()
        advance = self._compile(chosen, snapshot)
        began = time.perf_counter() - snapshot.seconds
        good = snapshot
        while not self._ended(good):
            context = self._context(good.step)
            scales = self._scales(good, context)
            arguments = self._arguments(good, context, scales)
            chunk_began = time.perf_counter()
            params, state, losses, parts = advance(*arguments)
            before, value = map(float, losses)
            now = time.perf_counter()
            if not math.isfinite(value) or value > DIVERGED * min(good.best, before):
                good = self._rolled_back(good, value)
                if good.rollbacks > MAX_ROLLBACKS:
                    raise DivergenceError(self.name, good, value)
                continue
            done = good.step + chosen.chunk
            stalled = self._stalled(good, value)
            good = dataclasses.replace(
                good, params=params, state=state, scales=scales, step=done, seconds=now - began,
                best=min(good.best, value), stalled=stalled, loss=value,
            )  # fmt: skip
            rate = self.problem.points * chosen.chunk / max(now - chunk_began, 1e-9)
            yield good, self._record(good, parts, rate)

    def _context(self, step: int) -> Any:
        if self.problem.batches is not None:
            return self.problem.batches(step, self.method().chunk)
        every = self.settings.resample_every
        draw = step // every if every else 0
        return self.problem.draw(jax.random.fold_in(jax.random.key(self.settings.seed), draw))

    def _scales(self, good: Snapshot, context: Any) -> dict[str, Any]:
        if self.settings.weighting != "gradient_norm" or good.step % EVERY_STEPS:
            return good.scales
        arguments = (good.params, context, good.scales)
        key = ("balance", _shapes(arguments))
        if key not in self.compiled:
            self.compiled[key] = jax.jit(lambda p, c, s: balanced_scales(self.problem, p, c, s))
        return self.compiled[key](*arguments)

    def _compile(self, chosen: Method, snapshot: Snapshot) -> Callable[..., Any]:
        """Compile ahead of time, before the stage's clock starts; equal stages of other windows reuse it."""
        arguments = self._arguments(snapshot, self._context(snapshot.step), snapshot.scales)
        key = (self.spec, chosen.chunk, _shapes(arguments))
        if key not in self.compiled:
            self.compiled[key] = jax.jit(chosen.advance).lower(*arguments).compile()
        return self.compiled[key]

    def _ended(self, good: Snapshot) -> bool:
        spec = self.spec
        if spec.tolerance is not None and good.best < math.inf and math.sqrt(2.0 * good.best) < spec.tolerance:
            return True
        if spec.optimizer == "levenberg_marquardt" and (
            good.stalled >= LONG_PATIENCE or good.loss < self.settings.floor
        ):
            return True
        if spec.optimizer == "gauss_newton" and good.step and self._settled(good):
            return True
        over_time = spec.seconds is not None and good.seconds >= spec.seconds
        return over_time or (spec.steps is not None and good.step >= spec.steps)

    def _settled(self, good: Snapshot) -> bool:
        """Whether Gauss-Newton's method has converged, or is given up."""
        if good.stalled >= PATIENCE or good.loss < self.settings.floor or bool(good.state.converged):
            return True
        if good.stalled >= SLOW and self.problem.grows(good.params, good.loss):
            return True
        return self.settings.impatient and (self.refused(good) or self.exhausted(good))

    def refused(self, good: Snapshot) -> bool:
        """Whether Newton's method fails: several steps were refused in a row, and not for want of something to gain."""
        if self.spec.optimizer != "gauss_newton" or bool(good.state.converged):
            return False
        return good.stalled >= IMPATIENCE and not bool(good.state.accepted)

    def iterations(self, good: Snapshot) -> int:
        """Of the last linear solve."""
        return int(good.state.iterations) if self.spec.optimizer == "gauss_newton" else 0

    def exhausted(self, good: Snapshot) -> bool:
        """Whether the last linear solve was cut off."""
        return self.iterations(good) >= self.settings.max_iterations

    def left_float32(self, good: Snapshot) -> bool:
        """Whether linear solves in float32 gained too little, so that float64 went on."""
        return self.problem.mixed and self.spec.optimizer == "gauss_newton" and bool(good.state.stalled)

    def _stalled(self, good: Snapshot, value: float) -> int:
        """Refused steps count one (the damping is still growing), those that gain little `SLOW`. Levenberg-Marquardt
        tries all dampings at once: there, refused steps count more.
        """
        if self.spec.optimizer == "levenberg_marquardt":
            return 0 if value <= LITTLE_GAIN * good.loss else good.stalled + (1 if value < good.loss else SLOW)
        if self.spec.optimizer != "gauss_newton" or value <= 0.9 * good.loss:
            return 0
        return good.stalled + (SLOW if value < good.loss else 1)

    def _rolled_back(self, good: Snapshot, value: float) -> Snapshot:
        text = "became not a number" if math.isnan(value) else f"rose to {value:.3g}"
        self.reporter.message(
            f"{self.name}: the loss {text} after step {good.step}; back to that step with half the step size", "warning"
        )
        return dataclasses.replace(good, rate=good.rate / 2, rollbacks=good.rollbacks + 1)

    def _record(self, good: Snapshot, parts: dict[str, Any], points_per_second: float) -> dict[str, Any]:
        error = self.problem.error(good.params)
        blocks = {name: float(np.asarray(part)) for name, part in parts.items()}
        self.reporter.update(
            Progress(self.name, good.step, self.spec.steps, good.loss, error, points_per_second, good.seconds,
                     self._left(good))
        )  # fmt: skip
        return {
            "stage": self.name, "step": good.step, "seconds": good.seconds, "loss": good.loss, "error": error,
            "points_per_second": points_per_second, "blocks": blocks,
        }  # fmt: skip

    def _left(self, good: Snapshot) -> float | None:
        """Seconds until the first limit of the stage, as far as limits tell."""
        limits = []
        if self.spec.steps:
            limits.append(good.seconds / good.step * (self.spec.steps - good.step))
        if self.spec.seconds is not None:
            limits.append(self.spec.seconds - good.seconds)
        return max(min(limits), 0.0) if limits else None


def _shapes(arguments: Any) -> Any:
    """What a compiled function depends on: the structure of its arguments (all that is static), shapes and types."""
    leaves, tree = jax.tree.flatten(arguments)
    return tree, tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


class DivergenceError(Exception):
    """Training could not go on; carries the last good snapshot."""

    def __init__(self, stage: str, snapshot: Snapshot, value: float):
        self.snapshot = snapshot
        Exception.__init__(self, f"stage {stage} diverged at step {snapshot.step} (loss {value}) after all rollbacks")
