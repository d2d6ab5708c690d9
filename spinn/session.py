"""A run in order: time windows, levels of resolution within a window, stages within a level."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax

from spinn.alternating import Alternating
from spinn.assembly import build_network, build_objective, build_sampler, trainable
from spinn.compilation import CompileClock
from spinn.continuation import ENOUGH, PASSABLE, easier, next_value, posed_plan, routed, value_name
from spinn.evaluation import Piece
from spinn.growth import ENOUGH_LOSS, SETTLED, CellGrowth, Growth, Outcome, Place, changes, resolved_tail, unresolved
from spinn.lifting import lifted
from spinn.objective import SeparableObjective
from spinn.optim.gauss_newton import ENOUGH_CHANGE
from spinn.pdes import PDE, Box
from spinn.polishing import polishing_plan
from spinn.posing import Posed, continued, pose
from spinn.ranking import first_whole, level_change, ranked
from spinn.recipes import Plan
from spinn.sampling import AxisSampler
from spinn.stagewise import better, further, given_up, judged, prepared, stages_of, with_field_of
from spinn.starting import start_modes
from spinn.training.loop import LEFT_FLOAT32, LoopSettings, Snapshot, StageRun
from spinn.training.methods import StageSpec
from spinn.training.problem import Problem
from spinn.training.reporting import Reporter

# A linear solve that needs more shows that the time window is too long; there is only one where the problem is linear.
MAX_ITERATIONS_OF_A_WINDOW = {False: 150, True: 300}


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
    iterations: int = 0  # of the hardest linear solve of the level
    exhausted: bool = False  # whether one was cut off
    refused: bool = False  # whether the level ended with steps refused
    kept: Any = None  # the polished network that further axis networks are being added to
    current: Any = None  # how to put the network together from the parameters being trained, and these parameters

    def train(self, resumed: "Resumed | None" = None) -> None:
        """All windows from the start, or from where a checkpoint stands; results are in `pieces`."""
        if self.plan.is_alternating:
            self.alternate()
            return
        if resumed:
            self.place = resumed.place
        else:
            wanted = self.start_modes()
            modes, ends = first_whole(self.plan, self.pde, wanted), self.growth.planned_ends(self.last)
            self.place = Place(
                modes=(modes,), breaks=({},), maps=({},), ends=ends, shapes=({},), ahead=len(self.plan.continuation),
                wanted=wanted if self.plan.grows_ranks else {},
            )  # fmt: skip
        self.pieces = list(resumed.pieces) if resumed else []
        while len(self.pieces) < len(self.place.ends) or (self.pieces and self.pieces[-1].end < self.last):
            number = len(self.pieces)
            if number > self.place.window:
                self.place = dataclasses.replace(
                    self.place, window=number, level=0, stage=0, level_loss=math.inf, uncut=None, ends=self.next_ends(),
                    shapes=(*self.place.shapes, {}), gradient=False, doublings=0, ahead=len(self.plan.continuation),
                    modes=(*self.place.modes, self.next_modes()), breaks=(*self.place.breaks, self.place.breaks[-1]),
                    maps=(*self.place.maps, self.place.maps[-1]),
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

    def next_ends(self) -> tuple[float, ...]:
        """The same, with an end for the window that begins: where windows are left to us, about as long as the last."""
        ends = self.place.ends
        if len(ends) > len(self.pieces):
            return ends
        done = self.pieces[-1]
        count = math.ceil((self.last - done.end) / (done.end - done.start) - 1e-6)
        return (*ends, self.last if count <= 1 else done.end + (self.last - done.end) / count)

    def next_modes(self) -> Mapping[str, int]:
        """Modes that the window which begins starts with: those that the last one ended with, unless ranks grow."""
        return first_whole(self.plan, self.pde, self.place.modes[-1])

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
        """Modes of the first level (see `spinn.starting`); the loss of the zero field is kept."""
        modes, self.zero_loss = start_modes(self)
        return modes

    def lifted(self, network: Any) -> Any:
        """The network with what conditions prescribe exactly, read at the points of the present level."""
        plan = self.active()
        if not plan.is_core:
            return network
        sampler = build_sampler(plan, self.posed_pde, self.active_modes(network))
        objective = build_objective(plan, self.posed_pde, sampler)
        assert isinstance(sampler, AxisSampler) and isinstance(objective, SeparableObjective)
        batch = sampler.draw(self.domain(self.place.window), key=jax.random.key(0))
        previous = self.pieces[-1].network if self.pieces else None
        return lifted(network, plan.embedding.traces, objective, batch, previous)

    def active(self) -> Plan:
        """The plan of the present window and stage."""
        plan = self.planned(self.place.window)
        polishing = stages_of(plan, self.place)[self.place.stage].optimizer == "polish"
        return polishing_plan(plan, self.pde) if polishing else plan

    def active_modes(self, network: Any) -> Mapping[str, int]:
        """Modes an axis of the present stage: of a polished network, the features of its core."""
        if not self.active().polishing:
            return self.place.modes[-1]
        return dict(zip(network.axes, network.core.shape[1:], strict=True))

    def network(self, window: int, modes: Mapping[str, int]) -> Any:
        """A fresh network for a window; the seed and the window fix it."""
        key = jax.random.fold_in(jax.random.key(self.plan.config.seed), window)
        return build_network(self.planned(window), self.posed_pde, self.domain(window), modes, key=key)

    def planned(self, window: int) -> Plan:
        """The plan with the elements and the maps of a window."""
        breaks = self.place.breaks[window] if window < len(self.place.breaks) else {}
        maps = self.place.maps[window] if window < len(self.place.maps) else {}
        posed, _ = posed_plan(routed(self.plan, self.place), self.pde, self.place.ahead)
        return dataclasses.replace(posed, breaks=breaks, maps=maps)

    @property
    def posed_pde(self) -> PDE:
        """The PDE with the parameters that are solved with at present."""
        return posed_plan(routed(self.plan, self.place), self.pde, self.place.ahead)[1]

    def window(self, resumed: "Resumed | None") -> Any:
        """Levels of growing resolution until the last modes are small (one level where modes are fixed)."""
        network = self.network(self.place.window, self.place.modes[-1])
        network = self.lifted(network) if not self.plan.is_second_order else network
        snapshot = None
        if resumed is not None:
            network = network if resumed.network is None else resumed.network
            self.kept = resumed.kept
            network, snapshot = self.with_params(network, resumed.snapshot.params), resumed.snapshot
        elif self.pieces and not self.plan.is_basis:
            network = continued(self.pieces[-1].network, network)
        first, growth = self.place, self.growth
        while True:
            network = self.level(network, snapshot)
            snapshot, outcome = None, self.outcome()
            if (shorter := growth.shortened(self.place, first, outcome)) is not None:
                what = f"{outcome.trouble}, and shorter windows do not help" if shorter.patient else outcome.trouble
                self.reporter.message(f"{what}: {changes(self.place, shorter)}")
                self.place = shorter
                network = self.lifted(self.network(shorter.window, shorter.modes[-1]))
                continue
            by_modes = self.plan.adaptive and not self.plan.grows_ranks
            grown, doubts = growth.grown(self.place, network, outcome) if by_modes else (None, [])
            if self.place.ahead and (grown is None or outcome.residual < PASSABLE):
                self.place = next_value(self, outcome.residual)
                network = self.moved(network)
                continue
            if self.plan.grows_ranks:
                after = ranked(self, network, outcome)
                if after.place is None:
                    return after.network
                self.place, network = after.place, after.network
                continue
            if (anew := easier(self, grown, outcome)) is not None:
                self.place = anew
                network = self.lifted(self.network(anew.window, anew.modes[-1]))
                continue
            # Where too few modes left the residual, more of them are tried first.
            stuck = grown is None or outcome.refused
            if stuck and (anew := given_up(self, outcome.residual)) is not None:
                self.place = anew
                continue
            for doubt in doubts:
                self.warn(doubt)
            if grown is None:
                network, snapshot = better(self, network), None
                wider = further(self, network)
                if wider is None:
                    return network
                self.kept, network = network, wider
                continue
            self.reporter.message(
                f"not resolved yet (last modes carry {unresolved(network):.1e}): {changes(self.place, grown)}"
            )
            self.place = dataclasses.replace(grown, level=self.place.level + 1, stage=0, level_loss=outcome.loss)
            network = self.moved(network)

    def moved(self, network: Any) -> Any:
        """The field of a network in the basis of the present place, with what conditions prescribe there."""
        wider = self.lifted(self.network(self.place.window, self.place.modes[-1]))
        return with_field_of(network, wider)

    def outcome(self) -> Outcome:
        """How the level that has just ended went."""
        return Outcome(
            self.stages[-1]["loss"], self.zero_loss, self.parameters, self.iterations, self.exhausted, self.refused
        )

    def grows(self, network: Any, loss: float) -> bool:
        """Whether the present level would be followed by one with more modes if it ended here, or is no use."""
        if loss > self.place.level_loss:
            return True
        outcome = Outcome(loss, self.zero_loss, self.parameters, self.iterations, self.exhausted)
        asking = dataclasses.replace(self.growth, fits=False)
        return asking.grown(self.place, network, outcome)[0] is not None

    @property
    def growth(self) -> Growth:
        """What decides how the run goes on."""
        return (Growth if self.plan.decomposition is None else CellGrowth)(self.plan, self.pde)

    def level(self, network: Any, snapshot: Snapshot | None) -> Any:
        """All stages at one resolution."""
        self.iterations, self.exhausted = 0, False
        while self.place.stage < len(stages_of(self.plan, self.place)):
            number = self.place.stage
            if snapshot is None:
                network = prepared(self, network)
            problem, combine, params = self.problem(network)
            self.points, self.parameters = problem.points, sum(leaf.size for leaf in jax.tree.leaves(params))
            self.current = (combine, params)
            run = self.stage_run(problem, number)
            network = combine(self.stage(run, snapshot or run.start(params), combine))
            snapshot = None
            before = self.place
            self.place = judged(self, dataclasses.replace(before, stage=number + 1))
            if self.place.modes != before.modes:
                network = self.network(self.place.window, self.place.modes[-1])
        self.place = dataclasses.replace(self.place, stage=number)
        return network

    def stage(self, run: StageRun, first: Snapshot, combine: Callable[[Any], Any]) -> Any:
        """One stage; returns the parameters at its end."""
        self.reporter.stage(run.name, run.spec.steps)
        compiled = self.compile_seconds
        place, last = self.place, first
        for last, metrics in run.run(first):
            steps, seconds = place.steps_before + last.step, place.seconds_before + last.seconds
            self.record({**metrics, "step": steps, "seconds": seconds})
            self.current = (combine, last.params)
            self.iterations = max(self.iterations, run.iterations(last))
            self.exhausted, self.refused = self.exhausted or run.exhausted(last), run.refused(last)
            for listener in self.listeners:
                listener(place, last)
        if run.left_float32(last) and LEFT_FLOAT32 not in self.warnings:
            self.warn(LEFT_FLOAT32)
        compiling = self.compile_seconds - compiled
        self.stages.append(self.stage_summary(run, last, compiling))
        self.place = dataclasses.replace(
            place, steps_before=place.steps_before + last.step, seconds_before=place.seconds_before + last.seconds
        )
        return last.params

    def stage_run(self, problem: Problem, number: int) -> StageRun:
        """A stage, named after its optimiser and place."""
        config, place = self.plan.config, self.place
        stage = stages_of(self.plan, place)[number]
        rate = None if stage.learning_rate == "auto" else float(stage.learning_rate)
        optimizer = "gauss_newton" if stage.optimizer == "polish" else stage.optimizer
        spec = StageSpec(optimizer, stage.steps, stage.seconds, stage.tolerance, rate, stage.schedule,
                         stage.warmup, stage.weight_decay)  # fmt: skip
        windows = self.window_name() if len(place.ends) > 1 or place.ends[:1] != (self.last,) else ""
        value = value_name(routed(self.plan, place), place.ahead)
        several = self.plan.adaptive or self.plan.grows_ranks
        level = f" level {place.level + 1}" if place.level or (several and not value) else ""
        # Conditions of subdomains weigh so much that the loss says little about the last digits.
        floor = ENOUGH_LOSS * self.zero_loss if self.plan.decomposition is None else 0.0
        change = SETTLED * resolved_tail(self.parameters) if self.plan.adaptive else ENOUGH_CHANGE
        change = ENOUGH if place.ahead else level_change(self, problem.linear) if self.plan.grows_ranks else change
        settings = LoopSettings(config.seed, config.sampling.resample_every, config.loss.weighting, floor, change)
        if config.windows == "auto" and not place.patient:
            most = MAX_ITERATIONS_OF_A_WINDOW[problem.linear]
            settings = dataclasses.replace(settings, max_iterations=most, impatient=True)
        # Programs may hold parameters of the PDE (see `spinn.objective.parametric`).
        compiled = self.compiled.setdefault(value, {}) if value else self.compiled
        return StageRun(problem, spec, settings, f"{windows}{value}{stage.optimizer}{level}", self.reporter, compiled)

    def window_name(self) -> str:
        """Which window this is, and of how many."""
        begin, end = self.domain(self.place.window)["t"]
        left = math.ceil((self.last - end) / (end - begin) - 1e-6) if self.plan.config.windows == "auto" else 0
        about = len(self.place.ends) + left
        return f"window {self.place.window + 1}/{'~' if left else ''}{about} "

    def problem(self, network: Any, modes: Mapping[str, int] | None = None) -> Posed:
        """What the stages of a level minimise; `modes`: of the level, where it is not the present one."""
        domain, modes = self.domain(self.place.window), modes or self.active_modes(network)
        posed = pose(
            self.active(), self.posed_pde, network, domain, modes, self.pieces[-1].network if self.pieces else None
        )
        if self.plan.grows_ranks:
            return posed._replace(problem=dataclasses.replace(posed.problem, grows=lambda params, loss: True))
        if not self.plan.adaptive or self.place.ahead:
            return posed
        grows = lambda params, loss: self.grows(posed.combine(params), loss)  # noqa: E731
        return posed._replace(problem=dataclasses.replace(posed.problem, grows=grows))

    def with_params(self, network: Any, params: Any) -> Any:
        """The network with trained parameters put in."""
        _, frozen = eqx.partition(network, trainable(network, self.active()))
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
    network: Any = None  # all of it, where training changes its structure
    kept: Any = None  # the one that further axis networks are being added to
