"""A run in order: time windows, levels of resolution within a window, stages within a level."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.alternating import Alternating
from spinn.assembly import build_network, build_objective, build_sampler, first_modes, trainable
from spinn.compilation import CompileClock
from spinn.evaluation import Piece, grid_values
from spinn.lifting import lifted
from spinn.networks.separable import SeparableNetwork
from spinn.objective import SeparableObjective
from spinn.objective.separable import coupling_of
from spinn.pdes import PDE, Box, derivative_orders
from spinn.recipes import Plan
from spinn.sampling import AxisSampler
from spinn.spectrum import (
    ELEMENT_DEGREE,
    MAX_FIRST_UNKNOWNS,
    PROBE_POINTS,
    data_modes,
    limited,
    refined_breaks,
    tails,
    transferred,
)
from spinn.training.loop import LoopSettings, Snapshot, StageRun
from spinn.training.methods import StageSpec
from spinn.training.problem import Problem
from spinn.training.reporting import Reporter
from spinn.truth import relative_l2, truth_on_grid

ENOUGH_LOSS = 1e-22  # relative to the loss of the zero field (residual 1e-11 of the data): no more steps, no more modes
# An axis whose last modes carry less than this needs no more of them; where these are many already, less is asked.
RESOLVED_TAIL, RESOLVED_TAIL_OF_MANY, MANY = 1e-9, 1e-7, 4000
MAX_GLOBAL_MODES = {False: 96, True: 160}  # polynomials, waves: beyond, an axis is cut into elements
MAX_ELEMENTS = 40
# The relative residual of a level at which Newton's method has failed, and the time window is cut. What it becomes.
FAILED = 3e-2
SHORTER, MAX_WINDOWS, FEWEST_TIMES = 4, 512, 12
GROWTH = 1.5
MAX_LEVELS = 8
MAX_UNKNOWNS = 80_000
WORTHWHILE = 1.2  # a level with fewer unknowns than this times the last one's is not worth its compilation
ERROR_POINTS = {1: 401, 2: 101, 3: 25, 4: 11}


def resolved_tail(unknowns: int) -> float:
    """What the last modes of a resolved axis may carry, by how much more of them would cost."""
    return RESOLVED_TAIL if unknowns < MANY else RESOLVED_TAIL_OF_MANY


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run stands between snapshots: window, level, stage, and the modes of every window so far."""

    window: int = 0
    level: int = 0
    stage: int = 0
    modes: tuple[Mapping[str, int], ...] = ()
    breaks: tuple[Mapping[str, tuple[float, ...]], ...] = ()  # of the axes that are cut into elements
    ends: tuple[float, ...] = ()  # of the time windows so far
    steps_before: int = 0
    seconds_before: float = 0.0
    level_loss: float = math.inf  # the loss that the level before ended with


@dataclasses.dataclass(eq=False)
class Session:
    """Trains the networks of a plan. `record` gets metrics; listeners get the place and the snapshot after every chunk.

    Not frozen: it gathers finished windows, compile times, stage summaries and warnings while it runs.
    """

    plan: Plan
    pde: PDE
    reporter: Reporter
    record: Callable[[dict[str, Any]], None]
    listeners: list[Callable[[Place, Snapshot], None]] = dataclasses.field(default_factory=list)
    pieces: list[Piece] = dataclasses.field(default_factory=list)
    place: Place = dataclasses.field(default_factory=Place)
    began: float = dataclasses.field(default_factory=time.perf_counter)
    seconds_before: float = 0.0  # spent on the run before it was resumed
    clock: CompileClock = dataclasses.field(default_factory=CompileClock)
    compiled_before: float = 0.0  # seconds of compiling before the run was resumed
    stages: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    compiled: dict[Any, Any] = dataclasses.field(default_factory=dict)
    points: int = 0
    parameters: int = 0
    zero_loss: float = 0.0  # loss of the zero field: the size of the data
    current: Any = None  # how to put the network together from the parameters being trained, and these parameters

    def train(self, resumed: "Resumed | None" = None) -> None:
        """All windows from the start, or from where a checkpoint stands; results are in `pieces`."""
        if self.plan.is_alternating:
            self.alternate()
            return
        if resumed:
            self.place = resumed.place
        else:
            self.place = Place(modes=(self.start_modes(),), breaks=({},), ends=self.planned_ends())
        self.pieces = list(resumed.pieces) if resumed else []
        while len(self.pieces) < len(self.place.ends) or (self.pieces and self.pieces[-1].end < self.last):
            number = len(self.pieces)
            if number > self.place.window:
                self.place = dataclasses.replace(
                    self.place, window=number, level=0, stage=0, level_loss=math.inf, ends=self.next_ends(),
                    modes=(*self.place.modes, self.place.modes[-1]), breaks=(*self.place.breaks, self.place.breaks[-1]),
                )  # fmt: skip
            network = self.window(resumed)
            resumed = None
            self.keep(network)

    def alternate(self) -> None:
        """A linear problem by sweeps over the axes. They take seconds, so nothing is saved on the way."""
        run = Alternating(
            self.plan, self.pde, self.pde.domain, self.reporter, self.record, self.warn, stages=self.stages
        )
        try:
            found = run.solve()
        except KeyboardInterrupt:
            if run.newest is not None:
                self.place = Place(modes=(run.modes,))
                self.keep(run.finished(*run.newest))
            raise
        self.place = Place(modes=(found.modes,))
        self.points, self.parameters, self.zero_loss = found.points, found.parameters, found.zero_loss
        self.keep(found.network)

    @property
    def seconds(self) -> float:
        """Spent on training so far, compiling included, before and after interruptions."""
        return self.seconds_before + time.perf_counter() - self.began

    @property
    def compile_seconds(self) -> float:
        """Spent on tracing and compiling so far, whoever asked for it."""
        return self.compiled_before + self.clock.seconds

    @property
    def last(self) -> float:
        """The end of time."""
        return self.pde.domain["t"][1] if "t" in self.pde.coordinates else 0.0

    def planned_ends(self) -> tuple[float, ...]:
        """Ends of the time windows, as far as they are known beforehand."""
        count = self.plan.config.windows
        if count in (1, "auto"):
            return (self.last,)
        assert isinstance(count, int)
        return tuple(float(end) for end in np.linspace(*self.pde.domain["t"], count + 1)[1:])

    def next_ends(self) -> tuple[float, ...]:
        """The same, with an end for the window that begins: where windows are left to us, about as long as the last."""
        ends = self.place.ends
        if len(ends) > len(self.pieces):
            return ends
        done = self.pieces[-1]
        count = math.ceil((self.last - done.end) / (done.end - done.start) - 1e-6)
        return (*ends, self.last if count <= 1 else done.end + (self.last - done.end) / count)

    def keep(self, network: Any) -> None:
        """The network of the present window is done."""
        low, high = self.domain(self.place.window)["t"] if "t" in self.pde.coordinates else (0.0, 0.0)
        self.pieces.append(Piece(network, low, high))
        self.current = None

    def keep_current(self, params: Any) -> None:
        """Keep the network in training as it stands (with `params`, or its newest ones): a run that did not end."""
        if self.current is not None and len(self.pieces) <= self.place.window:
            combine, newest = self.current
            self.keep(combine(newest if params is None else params))

    def domain(self, window: int) -> Box:
        """The box of a time window (the whole one, before windows are known)."""
        ends = self.place.ends
        if "t" not in self.pde.coordinates or (len(ends) <= 1 and ends in ((), (self.last,))) or window >= len(ends):
            return self.pde.domain
        return self.pde.domain.replace(t=(ends[window - 1] if window else self.pde.domain["t"][0], ends[window]))

    def start_modes(self) -> dict[str, int]:
        """Modes of the first level: from the spectrum of the data where they are left to us."""
        modes = first_modes(self.plan, self.pde)
        if not self.plan.adaptive:
            return modes
        axes = len(self.pde.coordinates)
        probe = dict.fromkeys(self.pde.coordinates, PROBE_POINTS.get(axes, 10))
        sampler = dataclasses.replace(build_sampler(self.plan, self.pde, modes), counts=probe)
        network = self.network(0, modes)
        batch = sampler.draw(self.domain(0), key=jax.random.key(0))
        objective = build_objective(self.plan, self.pde, sampler)
        assert isinstance(objective, SeparableObjective)
        data = {
            name for traces in self.plan.embedding.traces.values() for one in traces for name in one.blocks.values()
        }
        evaluate: Any = dataclasses.replace(objective, skip=objective.skip - data).blocks
        blocks = eqx.filter_jit(evaluate)(network, batch)
        arrays = {name: np.asarray(block) for name, block in blocks.items()}
        self.zero_loss = 0.5 * sum(float(np.sum(array**2)) for array in arrays.values())
        found = data_modes(arrays, self.pde.coordinates, self.plan.embedding.periodic, modes)
        return limited(found, self.plan.embedding.periodic, len(self.pde.unknowns), MAX_FIRST_UNKNOWNS)

    def lifted(self, network: Any) -> Any:
        """The network with what conditions prescribe exactly, read at the points of the present level."""
        if not self.plan.is_core:
            return network
        plan = self.planned(self.place.window)
        sampler = build_sampler(plan, self.pde, self.place.modes[-1])
        objective = build_objective(plan, self.pde, sampler)
        assert isinstance(sampler, AxisSampler) and isinstance(objective, SeparableObjective)
        batch = sampler.draw(self.domain(self.place.window), key=jax.random.key(0))
        previous = self.pieces[-1].network if self.pieces else None
        return lifted(network, self.plan.embedding.traces, objective, batch, previous)

    def network(self, window: int, modes: Mapping[str, int]) -> Any:
        """A fresh network for a window; the seed and the window fix it."""
        key = jax.random.fold_in(jax.random.key(self.plan.config.seed), window)
        return build_network(self.planned(window), self.pde, self.domain(window), modes, key=key)

    def planned(self, window: int) -> Plan:
        """The plan with the elements of a window."""
        breaks = self.place.breaks[window] if window < len(self.place.breaks) else {}
        return dataclasses.replace(self.plan, breaks=breaks)

    def window(self, resumed: "Resumed | None") -> Any:
        """Levels of growing resolution until the last modes are small (one level where modes are fixed)."""
        network = self.lifted(self.network(self.place.window, self.place.modes[-1]))
        snapshot = None
        if resumed is not None:
            network, snapshot = self.with_params(network, resumed.snapshot.params), resumed.snapshot
        elif self.pieces and not self.plan.is_basis:
            network = self.continued(self.pieces[-1].network, network)
        first = self.place
        while True:
            network = self.level(network, snapshot)
            grown = self.grown(network)
            if (shorter := self.shortened(first)) is not None:
                self.place, snapshot = shorter, None
                network = self.lifted(self.network(shorter.window, shorter.modes[-1]))
                continue
            if grown is None:
                return network
            self.reporter.message(
                f"not resolved yet (last modes carry {max(tails(network).values()):.1e}): {self.changes(grown)}"
            )
            self.place = dataclasses.replace(
                grown, level=self.place.level + 1, stage=0, level_loss=self.stages[-1]["loss"]
            )
            wider = self.lifted(self.network(self.place.window, self.place.modes[-1]))
            network = eqx.tree_at(lambda n: n.core, wider, jnp.asarray(transferred(network, wider), wider.core.dtype))
            snapshot = None

    def grown(self, network: Any) -> Place | None:
        """The place with more modes, or elements, on the axes that need them; None where all are resolved or the budget
        is spent.
        """
        if not self.plan.adaptive or self.stages[-1]["loss"] < ENOUGH_LOSS * self.zero_loss:
            return None
        found, tail = tails(network), resolved_tail(self.parameters)
        short = {axis: one for axis, one in found.items() if one > max(tail, 0.1 * max(found.values()))}
        if not short:
            return None
        loss, before = self.stages[-1]["loss"], self.place.level_loss
        if loss > 0.5 * before:
            self.warn(f"more modes lowered the loss only from {before:.2e} to {loss:.2e}: the solution may be rough")
            return None
        modes, breaks = dict(self.place.modes[-1]), dict(self.place.breaks[-1])
        for axis in short:
            if axis in breaks or modes[axis] * GROWTH > self.most_global(axis):
                breaks[axis] = refined_breaks(network, axis, tail, MAX_ELEMENTS)
                modes[axis] = ELEMENT_DEGREE
            else:
                modes[axis] = -(-int(modes[axis] * GROWTH * 2) // 2)
        modes = self.within_budget(modes, breaks)
        gain = self.size(modes, breaks) / self.size(self.place.modes[-1], self.place.breaks[-1])
        cut = breaks != self.place.breaks[-1]
        if (gain < WORTHWHILE and not cut) or self.place.level + 1 >= MAX_LEVELS:
            listed = ", ".join(f"{axis} {tail:.1e}" for axis, tail in short.items())
            self.warn(f"the last modes still carry {listed} of the solution: give network.modes, or train networks")
            return None
        return dataclasses.replace(
            self.place, modes=(*self.place.modes[:-1], modes), breaks=(*self.place.breaks[:-1], breaks)
        )

    def most_global(self, axis: str) -> float:
        """Modes beyond which an axis is cut; elements of high order need joints so smooth that this comes later."""
        return MAX_GLOBAL_MODES[axis in self.plan.embedding.periodic] * (
            1 if derivative_orders(self.pde)[axis] < 3 else 3
        )

    def shortened(self, first: Place) -> Place | None:
        """The place with a shorter window, to be solved anew, where Newton's method fails on this one."""
        residual = math.sqrt(self.stages[-1]["loss"] / self.zero_loss) if self.zero_loss > 0 else 0.0
        if self.plan.config.windows != "auto" or residual < FAILED:
            return None
        begin, end = self.domain(self.place.window)["t"]
        if end - begin < (self.last - self.pde.domain["t"][0]) / MAX_WINDOWS:
            return None
        cut = begin + (end - begin) / SHORTER
        self.reporter.message(f"residual {residual:.1e} on t in [{begin:g}, {end:g}]: shorter window, to {cut:g}")
        modes = {**first.modes[-1], "t": max(FEWEST_TIMES, -(-first.modes[-1]["t"] * 3 // 4))}
        return dataclasses.replace(
            first, level=0, stage=0, level_loss=math.inf, ends=(*self.place.ends[:-1], cut),
            modes=(*first.modes[:-1], modes), steps_before=self.place.steps_before,
            seconds_before=self.place.seconds_before,
        )  # fmt: skip

    def within_budget(self, modes: Mapping[str, int], breaks: Mapping[str, tuple[float, ...]]) -> dict[str, int]:
        """Modes of the axes that are not cut, fewer if there would be too many unknowns, but never fewer than now."""
        pieces = math.prod((len(breaks[axis]) - 1) * (modes[axis] + 1) for axis in breaks)
        whole = {axis: count for axis, count in modes.items() if axis not in breaks}
        if not whole:
            return dict(modes)
        room = max(MAX_UNKNOWNS // pieces, 1)
        fewer = limited(whole, self.plan.embedding.periodic, len(self.pde.unknowns), room)
        now = self.place.modes[-1]
        return {**modes, **{axis: max(count, now[axis]) for axis, count in fewer.items()}}

    def size(self, modes: Mapping[str, int], breaks: Mapping[str, tuple[float, ...]]) -> int:
        """About how many features all axes have together."""
        return math.prod(n * (len(breaks[axis]) - 1) if axis in breaks else n for axis, n in modes.items())

    def changes(self, grown: Place) -> str:
        """What grows, in words."""
        old, cuts, modes, breaks = self.place.modes[-1], self.place.breaks[-1], grown.modes[-1], grown.breaks[-1]
        more = [f"{axis} {old[axis]} -> {n}" for axis, n in modes.items() if axis not in breaks and n != old[axis]]
        parts = [
            f"{axis} {len(cuts.get(axis, (0, 1))) - 1} -> {len(ends) - 1}"
            for axis, ends in breaks.items()
            if ends != cuts.get(axis)
        ]
        named = (f"{what} {', '.join(found)}" for what, found in (("modes", more), ("elements", parts)) if found)
        return "; ".join(named)

    def level(self, network: Any, snapshot: Snapshot | None) -> Any:
        """All stages at one resolution."""
        problem, combine, params = self.problem(network)
        self.points, self.parameters = problem.points, sum(leaf.size for leaf in jax.tree.leaves(params))
        self.current = (combine, params)
        for number in range(self.place.stage, len(self.plan.config.train)):
            self.place = dataclasses.replace(self.place, stage=number)
            run = self.stage_run(problem, number)
            params = self.stage(run, snapshot or run.start(params), combine)
            snapshot = None
        return combine(params)

    def stage(self, run: StageRun, first: Snapshot, combine: Callable[[Any], Any]) -> Any:
        """One stage; returns the parameters at its end."""
        self.reporter.stage(run.name, run.spec.steps)
        compiled = self.compile_seconds
        place, last = self.place, first
        for last, metrics in run.run(first):
            steps, seconds = place.steps_before + last.step, place.seconds_before + last.seconds
            self.record({**metrics, "step": steps, "seconds": seconds})
            self.current = (combine, last.params)
            for listener in self.listeners:
                listener(place, last)
        compiling = self.compile_seconds - compiled
        self.stages.append(self.stage_summary(run, last, compiling))
        self.place = dataclasses.replace(
            place, steps_before=place.steps_before + last.step, seconds_before=place.seconds_before + last.seconds
        )
        return last.params

    def stage_run(self, problem: Problem, number: int) -> StageRun:
        """A stage, named after its optimiser and place."""
        config, place = self.plan.config, self.place
        stage = config.train[number]
        rate = None if stage.learning_rate == "auto" else float(stage.learning_rate)
        spec = StageSpec(stage.optimizer, stage.steps, stage.seconds, stage.tolerance, rate, stage.schedule,
                         stage.warmup, stage.weight_decay)  # fmt: skip
        windows = self.window_name() if len(place.ends) > 1 or place.ends[:1] != (self.last,) else ""
        level = f" level {place.level + 1}" if self.plan.adaptive else ""
        floor = ENOUGH_LOSS * self.zero_loss
        settings = LoopSettings(config.seed, config.sampling.resample_every, config.loss.weighting, floor)
        return StageRun(problem, spec, settings, f"{windows}{stage.optimizer}{level}", self.reporter,
                        self.compiled)  # fmt: skip

    def window_name(self) -> str:
        """Which window this is, and of how many."""
        begin, end = self.domain(self.place.window)["t"]
        left = math.ceil((self.last - end) / (end - begin) - 1e-6) if self.plan.config.windows == "auto" else 0
        about = len(self.place.ends) + left
        return f"window {self.place.window + 1}/{'~' if left else ''}{about} "

    def problem(self, network: Any) -> tuple[Problem, Callable[[Any], Any], Any]:
        """Pure functions for the loop, how to put a network together again, and the parameters to start from."""
        domain, modes, pieces = self.domain(self.place.window), self.place.modes[-1], self.pieces
        plan = self.planned(self.place.window)
        sampler = build_sampler(plan, self.pde, modes)
        objective = build_objective(plan, self.pde, sampler)
        params, frozen = eqx.partition(network, trainable(network, self.plan))
        frozen, static = eqx.partition(frozen, eqx.is_array)
        before, before_static = eqx.partition(pieces[-1].network if pieces else None, eqx.is_array)

        def call(which: str, params: Any, context: Any, scales: Any) -> Any:
            frozen, batch, before = context
            whole = eqx.combine(params, frozen, static)
            previous = eqx.combine(before, before_static) if pieces else None
            return getattr(objective, which)(whole, batch, scales, previous)

        drawn: dict[bytes, Any] = {}

        def draw(key: Any) -> Any:
            data = np.asarray(jax.random.key_data(key)).tobytes()
            if data not in drawn:
                drawn.clear()
                drawn[data] = (frozen, sampler.draw(domain, key=key), before)
            return drawn[data]

        def combine(params: Any) -> Any:
            return eqx.combine(params, frozen, static)

        context = draw(jax.random.key(0))
        names = tuple(jax.eval_shape(lambda p: call("loss", p, context, {})[1], params))
        points = int(np.prod(list(sampler.counts.values())))
        problem = Problem(
            lambda p, c, s: call("loss", p, c, s), lambda p, c, s: call("blocks", p, c, s), draw,
            self.error_of(combine, domain), points, names,
        )  # fmt: skip
        if self.plan.is_core:
            kept = coupling_of(network)
            problem = dataclasses.replace(problem, normal=functools.partial(call, "normal"), kept=kept)
        return problem, combine, params

    def error_of(self, combine: Callable[[Any], Any], domain: Box) -> Callable[[Any], float | None]:
        """Relative L2 error on a coarse grid while training, where the exact solution is known."""
        if not self.pde.has_exact:
            return lambda params: None
        count = ERROR_POINTS.get(len(self.pde.coordinates), 7)
        axes = {axis: np.linspace(*domain[axis], count) for axis in self.pde.coordinates}
        truth = truth_on_grid(self.pde, axes, derived=False)
        assert truth is not None

        def error(params: Any) -> float:
            values = grid_values(self.pde, Piece(combine(params), 0.0, 0.0), axes, derived=False)
            return float(relative_l2(values, truth, self.pde.unknowns)["all"])

        return error

    def continued(self, before: Any, fresh: Any) -> Any:
        """A trained network starts the next window where the last one ended."""

        def ends(network: Any) -> list[Any]:
            owners = network.features if isinstance(network, SeparableNetwork) else (network,)
            return [end for owner in owners for end in (owner.low, owner.high)]

        return eqx.tree_at(ends, before, ends(fresh))

    def with_params(self, network: Any, params: Any) -> Any:
        """The network with trained parameters put in."""
        _, frozen = eqx.partition(network, trainable(network, self.plan))
        return eqx.combine(params, frozen)

    def stage_summary(self, run: StageRun, last: Snapshot, compiling: float) -> dict[str, Any]:
        """What summary.json says of a stage."""
        return {
            "name": run.name, "optimizer": run.spec.optimizer, "steps": last.step, "seconds": last.seconds,
            "compile_seconds": compiling, "loss": last.loss, "rollbacks": last.rollbacks,
        }  # fmt: skip

    def warn(self, text: str) -> None:
        """A warning for the user and for the summary."""
        self.warnings.append(text)
        self.reporter.message(text, "warning")


@dataclasses.dataclass(frozen=True, eq=False)
class Resumed:
    """What a checkpoint gives back."""

    place: Place
    pieces: list[Piece]
    snapshot: Snapshot
