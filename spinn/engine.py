"""Solving a configured problem from start to finish: train, compare, write."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import jax

from spinn.compilation import kept_programs
from spinn.config import Config, check_resumable
from spinn.error_estimate import estimated
from spinn.errors import SpinnError
from spinn.evaluation import device_context
from spinn.metalic.choosing import chosen
from spinn.output.folder import RunFolder
from spinn.output.metrics import MetricsWriter
from spinn.pdes import PDE
from spinn.recipes import Plan
from spinn.results import summarise, write_results
from spinn.resuming import Saver, finished, restored
from spinn.session import Resumed, Session
from spinn.sizing import planned
from spinn.solution import Solution
from spinn.training.checkpoints import Checkpoints
from spinn.training.loop import DivergenceError
from spinn.training.reporting import Reporter


def solve(
    config: Config,
    pde: PDE,
    *,
    out: Path | None = None,
    resume: bool = False,
    reporter: Reporter,
    write: bool = True,
) -> Solution:
    """Train on a problem and write the run's folder.

    **Arguments:** `out`: the folder (a new one under runs/ if None); `resume`: continue the run in `out`; `write=False`
    keeps everything in memory.

    **Raises:** SpinnError for settings that do not fit, a folder that cannot be written, or a run to resume that was
    made with another configuration. Divergence is no exception: the summary's status says so.
    """
    device, name = choose_device(str(config.device))
    with jax.default_device(device), kept_programs():
        config = chosen(config, pde, reporter)
    plan = planned(config, pde, name)
    precision = str(plan.config.precision)
    with (
        jax.default_device(device), device_context(precision), jax.default_matmul_precision("highest"), kept_programs()
    ):  # fmt: skip
        if not write and not resume:
            return _trained(plan, pde, reporter, None, None, None, name)
        folder = _folder(plan, pde, out, resume)
        ended = finished(plan, pde, folder) if resume else None
        if ended is not None:
            reporter.message(f"this run has ended already ({ended.summary['status']}): there is nothing to resume")
            reporter.finish()
            return ended
        with folder.lock():
            if not resume:
                folder.write_config(plan.config.model_dump(mode="json"))
            folder.write_environment(name)
            checkpoint = plan.config.checkpoint
            checkpoints = Checkpoints(folder.checkpoints, checkpoint.every_seconds, checkpoint.keep)
            with contextlib.closing(checkpoints):
                after = _resume_step(checkpoints) if resume else None
                with folder.append_metrics(after_step=after) as metrics:
                    return _trained(plan, pde, reporter, folder, checkpoints, metrics, name, resume)


def choose_device(wanted: str) -> tuple[Any, str]:
    """The jax device and its kind, `cpu` or `gpu`.

    **Raises:** SpinnError if a GPU is asked for and none is there.
    """
    if wanted in ("auto", "gpu"):
        with contextlib.suppress(RuntimeError):
            return jax.devices("gpu")[0], "gpu"
        if wanted == "gpu":
            raise SpinnError(
                "device: expected a GPU, found none; install jax[cuda13] on a machine that has one, or use device: cpu"
            )
    return jax.devices("cpu")[0], "cpu"


def _folder(plan: Plan, pde: PDE, out: Path | None, resume: bool) -> RunFolder:
    if not resume:
        return RunFolder.create(out, pde=plan.config.pde.name.split(":")[-1])
    if out is None:
        raise SpinnError("resume needs the folder of the run: give it with --out")
    folder = RunFolder.open(out)
    check_resumable(folder.config, plan.config)
    return folder


def _resume_step(checkpoints: Checkpoints) -> int:
    position = checkpoints.position()
    return -1 if position is None else int(position["total_steps"])


def _trained(
    plan: Plan,
    pde: PDE,
    reporter: Reporter,
    folder: RunFolder | None,
    checkpoints: Checkpoints | None,
    metrics: MetricsWriter | None,
    device: str,
    resume: bool = False,
) -> Solution:
    """Train, then compare with the truth and write what there is, also after an interruption or divergence."""
    reporter.message(plan.reason)
    session = Session(plan, pde, reporter, metrics.write if metrics else lambda record: None)
    saver = Saver(session, checkpoints)
    session.listeners.append(saver.offer)
    if resume and checkpoints is not None:
        resumed = restored(session, checkpoints)
        reporter.message("nothing was saved yet: starting anew" if resumed is None else _continuing(resumed))
    else:
        resumed = None
    status = "ok"
    try:
        with session.clock.running():
            session.train(resumed)
    except DivergenceError as error:
        status = "diverged"
        session.warn(f"{error}; lower the learning rate, or use the default recipe")
        session.keep_current(error.snapshot.params)
    except KeyboardInterrupt:  # what was trained so far is kept, and can be resumed
        status = "interrupted"
        saver.flush()
        session.keep_current(None)
    finally:
        reporter.finish()
    pieces = session.pieces
    modes = tuple(session.place.modes[: len(pieces)])
    trained = session.seconds
    solution = Solution(pde, plan.config, {}, tuple(pieces), modes, folder.path if folder else None)
    estimate = estimated(session, solution, status)
    summary = summarise(solution, session, plan, status, device, trained, estimate)
    solution = dataclasses.replace(solution, summary=summary)
    if folder is not None:
        summary = write_results(solution, folder, summary, session, reporter)
    return dataclasses.replace(solution, summary=summary)


def _continuing(resumed: Resumed) -> str:
    place, step = resumed.place, resumed.snapshot.step
    return f"resuming after step {place.steps_before + step} (window {place.window + 1}, stage {place.stage + 1})"


def estimate(config: Config, pde: PDE) -> dict[str, Any]:
    """What a run would take: parameters, collocation points, memory in bytes, and seconds of one measured step."""
    from spinn.estimation import estimated as cost

    device, name = choose_device(str(config.device))
    plan = planned(chosen(config, pde, None), pde, name)
    with jax.default_device(device), device_context(str(plan.config.precision)):
        return cost(plan, pde)
