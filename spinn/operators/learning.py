"""Learning an operator from a file of samples: stages of the one training loop, and a run's folder at the end."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.compilation import CompileClock, kept_programs
from spinn.config.learning import LearnConfig, OperatorStage
from spinn.data.families import Family
from spinn.data.formats.samples import Samples, joined, opened
from spinn.errors import SpinnError
from spinn.evaluation import device_context
from spinn.operators import physics, sharding
from spinn.operators.building import build
from spinn.operators.checkpointing import Saver, restored
from spinn.operators.layout import Layout, layout_of
from spinn.operators.origin import family_of
from spinn.operators.problem import Task
from spinn.operators.streaming import Order, Stream, split
from spinn.operators.surrogate import FILE, Learned, Normaliser, Surrogate, trained
from spinn.operators.symmetries import Symmetry, symmetries_of
from spinn.operators.writing import Outcome, write_results
from spinn.output.folder import RunFolder
from spinn.training.checkpoints import Checkpoints
from spinn.training.loop import DivergenceError, LoopSettings, Snapshot, StageRun
from spinn.training.methods import StageSpec
from spinn.training.reporting import Reporter

RATE = 3e-3
FILES = ("data", "finer")  # settings that name files
NORMALISED = 64  # samples from which means and scales are taken


@dataclasses.dataclass(frozen=True, eq=False)
class Course:
    """What stays the same from stage to stage."""

    config: LearnConfig
    samples: Samples
    layout: Layout
    family: Family | None
    symmetries: tuple[Symmetry, ...]
    rows: np.ndarray
    held_out: np.ndarray

    def stream(self, points: int | None = None) -> Stream:
        """The samples, thinned out to `points` nodes an axis."""
        return Stream(self.samples, self.layout, points, 1e6 * self.config.memory, self.config.precision)

    def blank(self) -> Surrogate:
        """The operator before training: random weights by the seed, normalised by the first samples."""
        few = self.stream().batch(self.rows[:NORMALISED])
        key = jax.random.key(self.config.seed)
        normaliser = Normaliser.of(few.inputs, few.outputs, shifted=not self.layout.zero_somewhere)
        return Surrogate(build(self.config.model, self.layout, key=key), normaliser, self.layout)

    def task(self, number: int, frozen: Any) -> Task:
        """What a stage minimises."""
        stage, config = self.config.train[number], self.config
        size = min(stage.batch, len(self.rows))
        sharding.check(size)
        stream = self.stream(stage.points)
        residual = self._residual(stream) if config.loss.physics else None
        order = Order(self.rows, size, config.seed + number)
        return Task(frozen, stream, order, config.loss, self.symmetries, self.held_out.tolist(), residual)

    def _residual(self, stream: Stream) -> Callable[[Surrogate, Any], Any]:
        if self.family is None:
            raise SpinnError("loss.physics: the file does not tell its family; it needs one of `spinn generate`")
        if self.config.model.kind == "separable_deeponet":
            return physics.by_jets(self.family, self.layout, stream.nodes)
        if any(len(np.unique(np.diff(kept))) > 1 for kept in stream.chosen.values()):
            raise SpinnError("loss.physics: thinned nodes are not equidistant; leave `points` out, or give a divisor")
        read = physics.on_grid(self.family, self.layout, stream.shape)
        nodes = tuple(jnp.asarray(x, stream.dtype) for x in stream.nodes)
        return lambda surrogate, inputs: read(inputs, surrogate(inputs, nodes))


def learn(
    config: LearnConfig,
    *,
    base: Path = Path("."),
    out: Path | None = None,
    resume: bool = False,
    reporter: Reporter,
) -> Outcome:
    """Train an operator and write the run's folder: the model, errors, metrics, figures, a report.

    **Arguments:** `base`: the folder that names of files refer to; `out`: the run's folder (a new one under runs/ if
    None); `resume`: go on with the run in `out`, to the same numbers.

    **Raises:** SpinnError for a file that does not fit, or settings that do not.
    """
    if not config.data:
        raise SpinnError("expected a file of samples: give it with --data, or as `data:` in the YAML file")
    with contextlib.ExitStack() as stack:
        stack.enter_context(device_context(config.precision))
        stack.enter_context(kept_programs())
        samples = joined([stack.enter_context(opened(base / file)) for file in config.data])
        course = begun(config, samples)
        folder = RunFolder.open(_needed(out)) if resume else RunFolder.create(out, pde=f"{samples.path.stem}-operator")
        stack.enter_context(folder.lock())
        if not resume:
            files = {name: [str((base / file).resolve()) for file in getattr(config, name)] for name in FILES}
            folder.write_config({**config.model_dump(mode="json"), **files})
        folder.write_environment(jax.default_backend())
        saves = config.checkpoint
        checkpoints = stack.enter_context(
            contextlib.closing(Checkpoints(folder.checkpoints, saves.every_seconds, saves.keep))
        )
        return _run(course, folder, checkpoints, resume, reporter, [base / one for one in config.finer])


def _needed(out: Path | None) -> Path:
    if out is None:
        raise SpinnError("--resume needs the folder of the run: give it with --out")
    return out


def begun(config: LearnConfig, samples: Samples) -> Course:
    """What training works with: rows that are kept, the layout, the family and its symmetries."""
    rows, held_out = split(len(samples), config.held_out, config.seed)
    layout = layout_of(
        samples, rows.tolist(), inputs=config.inputs, outputs=config.outputs, last=config.frames == "last",
        periodic=config.periodic,
    )  # fmt: skip
    family = family_of(samples.attributes)
    found = symmetries_of(family, samples, layout) if config.symmetries == "auto" else ()
    return Course(config, samples, layout, family, found, rows, held_out)


def _run(
    course: Course, folder: RunFolder, checkpoints: Checkpoints, resume: bool, reporter: Reporter, others: list[Path]
) -> Outcome:
    blank = course.blank()
    params, frozen = trained(blank)
    clock, status, stages, before = CompileClock(), "ok", list[dict[str, Any]](), 0.0
    began = time.perf_counter()
    saver = Saver(checkpoints)
    at = (
        restored(checkpoints, lambda number: _stage(course, number, frozen, reporter).start(params)) if resume else None
    )
    if at is not None:
        stages, before = at.stages, at.seconds
        reporter.message(f"resuming after step {at.total_steps} (stage {at.stage + 1})")
    reporter.message(described(course, params))
    after = None if not resume else (at.total_steps if at else -1)
    with folder.append_metrics(after_step=after) as metrics, clock.running():
        try:
            first = at.stage if at else 0
            for number in range(first, len(course.config.train)):
                run = _stage(course, number, frozen, reporter)
                snapshot = at.snapshot if at and number == first else run.start(sharding.everywhere(params))
                for last, record in _steps(run, snapshot, stages):
                    snapshot, params = last, last.params
                    metrics.write(record)
                    saver.offer(number, last, stages, before + time.perf_counter() - began)
                params = snapshot.params
                stages = [*stages, _summary(run, snapshot)]
        except DivergenceError as error:
            status, params = "diverged", error.snapshot.params
            reporter.message(f"{error}; lower the learning rate", "warning")
        except KeyboardInterrupt:
            status = "interrupted"
            saver.flush()
        finally:
            reporter.finish()
    surrogate = eqx.combine(jax.device_get(params), frozen)
    source = course.samples
    facts = {"data": source.path.name, "samples": len(course.rows), "seed": source.attributes.get("seed"),
             "next": int(source.index.max()) + 1}  # fmt: skip
    learned = Learned(surrogate, course.config.model, source.attributes.get("config"), facts)
    learned.save(folder.path / FILE)
    seconds = {"compile": clock.seconds, "solve": before + time.perf_counter() - began - clock.seconds}
    return write_results(learned, folder, course, others, status, stages, seconds, reporter)


def _stage(course: Course, number: int, frozen: Any, reporter: Reporter) -> StageRun:
    """A stage, ready for the loop."""
    stage, task = course.config.train[number], course.task(number, frozen)
    spec = specified(stage, task.order)
    settings = LoopSettings(seed=course.config.seed)
    name = f"stage {number + 1} {stage.optimizer} on {'x'.join(map(str, task.stream.shape))}"
    reporter.stage(name, spec.steps)
    return StageRun(task.problem(), spec, settings, name, reporter, {})


def specified(stage: OperatorStage, order: Order) -> StageSpec:
    """In steps; a number that chunks of ten divide where that is a matter of a few."""
    steps = stage.steps or (stage.epochs * order.steps if stage.epochs else None)
    if steps is not None and steps > 100:
        steps = -(-steps // 10) * 10
    rate = RATE if stage.learning_rate == "auto" else float(stage.learning_rate)
    decay = stage.weight_decay if stage.optimizer == "adamw" else 0.0
    return StageSpec(stage.optimizer, steps, stage.seconds, None, rate, stage.schedule, stage.warmup, decay)


def _steps(run: StageRun, snapshot: Snapshot, stages: Sequence[dict[str, Any]]) -> Iterator[tuple[Snapshot, Any]]:
    """Snapshots, and metrics whose steps and seconds count from the first stage on."""
    steps, seconds = (sum(stage[name] for stage in stages) for name in ("steps", "seconds"))
    for after, record in run.run(snapshot):
        yield after, {**record, "step": steps + after.step, "seconds": seconds + after.seconds}


def _summary(run: StageRun, last: Snapshot) -> dict[str, Any]:
    return {
        "name": run.name, "optimizer": run.spec.optimizer, "steps": last.step, "seconds": last.seconds,
        "loss": last.loss, "rollbacks": last.rollbacks,
    }  # fmt: skip


def described(course: Course, params: Any) -> str:
    """One line: what is learned, from how much, by what."""
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    layout = course.layout
    zero = ", zero faces held exactly" if layout.zero_somewhere else ""
    ways = f", each in {len(course.symmetries) + 1} reflections" if course.symmetries else ""
    return (
        f"{course.config.model.kind} of {count:,} parameters: {', '.join(layout.inputs)} -> "
        f"{', '.join(layout.outputs)} on {', '.join(layout.axes)}; {len(course.rows)} samples{ways}, "
        f"{len(course.held_out)} held out{zero}"
    )
