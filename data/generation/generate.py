"""Making a dataset: choose a solver, order the samples, solve the pieces in this process or others, join them."""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from threadpoolctl import threadpool_limits

from spinn.data.formats import native
from spinn.data.generation.choosing import Chosen, Watch, chain_of, choose, named
from spinn.data.generation.parts import Parts
from spinn.data.generation.piece import Piece, solve_piece
from spinn.data.generation.progress import Done
from spinn.data.generation.recipe import Recipe
from spinn.data.generation.space import free, readable, size_of, told
from spinn.errors import SpinnError
from spinn.files.environment import versions
from spinn.files.lock import locked
from spinn.solvers import LinearSolver, SideBySide

AHEAD = 2  # pieces a worker that are handed out


@runtime_checkable
class Executor(Protocol):
    """What `concurrent.futures`, Dask's `client.get_executor()` and their like have."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """A future."""
        ...


@dataclasses.dataclass(frozen=True)
class Result:
    """The file, how many samples it holds, why others are missing, and seconds of this run."""

    file: Path
    samples: int
    failures: dict[int, str]
    solver: str
    seconds: float


def generate(
    recipe: Recipe,
    out: str | Path,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[Done], None] = lambda done: None,
    message: Callable[[str], None] = lambda text: None,
    config: Any = None,
) -> Result:
    """Make the dataset of a recipe in the file `out` (native layout).

    Pieces are solved one after the other here, by `workers` processes, or by any `executor`, and are kept in a folder
    beside the file until all are there: a run that was stopped goes on with `resume`, to the same bytes. `config`:
    plain data that the file is to carry, from which the recipe can be built again.

    On a cluster, by Dask (the extra `dask`); `workers` says for how many processes pieces are handed out at a time:

        client = distributed.Client("scheduler:8786")
        generate(recipe, "darcy.h5", executor=client.get_executor(pure=False), workers=len(client.nthreads()))

    **Raises:** SpinnError where the file exists (and neither `resume` nor `overwrite` is given), where another process
    is at it, where what was begun is another recipe, where the disk refuses, or where a worker dies.
    """
    out, parts = Path(out), Parts(Path(out))
    if not out.parent.is_dir():
        raise SpinnError("the folder does not exist; create it first", file=out.parent)
    with locked(out.with_name(f".{out.name}.lock")), threadpool_limits(1):
        began = time.perf_counter()
        if out.exists() and not overwrite:
            if resume and parts.manifest() is None:
                return _finished(out, recipe)
            if not resume:
                raise SpinnError("exists already; choose another --out, or give --overwrite", file=out)
        chosen = _started(recipe, parts, resume=resume, overwrite=overwrite, message=message)
        run = _Run(recipe, parts, Watch(chosen), message)
        before = parts.done(recipe)
        for now, failed in run.solved(workers, executor):
            progress(Done(before + now, recipe.samples, now, failed, time.perf_counter() - began))
        failures = {k: v for piece in range(recipe.pieces) for k, v in parts.failures(piece).items()}
        needed = parts.size()
        facts = {"solver": run.watch.chosen.name, "versions": json.dumps(versions(), sort_keys=True)}
        facts |= {} if config is None else {"config": json.dumps(config, sort_keys=True)}
        with told(out.parent, needed):
            native.write(out, recipe, map(parts.read, range(recipe.pieces)), failures, facts)
        parts.remove()
        return Result(out, recipe.samples - len(failures), failures, run.watch.chosen.name, time.perf_counter() - began)


def _started(recipe: Recipe, parts: Parts, *, resume: bool, overwrite: bool, message: Callable[[str], None]) -> Chosen:
    """The solver of the run: what the manifest says, or the choice with which a manifest is now begun."""
    manifest = parts.manifest()
    if manifest is not None and resume:
        parts.check(recipe)
        return Chosen(manifest["solver"], manifest["trial"])
    if manifest is not None and not overwrite:
        raise SpinnError(
            "holds pieces of a run that was stopped; continue it with --resume, or start anew with --overwrite",
            file=parts.folder,
        )
    parts.remove()
    chosen = choose(recipe)
    if chosen.reason:
        message(chosen.reason)
    with told(parts.out.parent, None):
        parts.begin(recipe, chosen, chain_of(recipe, chosen.name))
    return chosen


def _finished(out: Path, recipe: Recipe) -> Result:
    """A file that is whole already, if it is of this recipe."""
    with native.Dataset(out) as data:
        found = data.attributes
        if found["fingerprint"] != recipe.fingerprint:
            raise SpinnError("is a finished dataset of other settings; choose another --out", file=out)
        failures = {int(k): v for k, v in found["failures"].items()}
        return Result(out, len(data), failures, str(found["solver"]), 0.0)


@dataclasses.dataclass
class _Run:
    """Solves and keeps what is missing. Not frozen: the watch may choose another solver on the way."""

    recipe: Recipe
    parts: Parts
    watch: Watch
    message: Callable[[str], None]

    def solved(self, workers: int, executor: Executor | None) -> Iterator[tuple[int, int]]:
        """Numbers of samples done and failed so far, after every piece that is kept."""
        chain = self.parts.chain(self.recipe)
        tasks = [(piece, self.recipe.members(chain, piece)) for piece in self.parts.missing(self.recipe)]
        now = failed = 0
        for done, (piece, made) in enumerate(self.pieces(tasks, workers, executor)):
            needed = self.needed(made, len(tasks) - done)
            with told(self.parts.out.parent, needed):
                self.parts.write(piece, made)
                self.look(made.seconds, int(chain[-1]))
            if not done and (left := free(self.parts.out.parent)) < needed:
                self.message(f"the disk may fill up: {readable(needed)} are needed, and {readable(left)} are free")
            now += len(made.indices) + len(made.failures)
            failed += len(made.failures)
            yield now, failed

    def needed(self, made: Piece, left: int) -> float:
        """Bytes, about, of the pieces that are `left` to be kept, and of the file; made out from one of them."""
        samples = max(len(made.indices), 1)
        return size_of(made) / samples * (left * min(self.recipe.piece_size, self.recipe.samples) + self.recipe.samples)

    def look(self, seconds: np.ndarray, following: int) -> None:
        """Whether the solver is still the one to take for the pieces to come; seconds (samples,) of one."""
        seen = self.watch.after(self.recipe, seconds, following)
        if seen.chosen is not self.watch.chosen:
            self.message(f"samples take longer than before: {seen.chosen.reason}")
            self.parts.choose(self.recipe, seen.chosen)
        self.watch = seen

    def pieces(
        self, tasks: Sequence[tuple[int, np.ndarray]], workers: int, executor: Executor | None
    ) -> Iterator[tuple[int, Piece]]:
        """The pieces as they are done, a few at a time under way, each by the solver of the hour when it is begun."""
        if executor is None and workers <= 1:
            name, solver = "", None
            for piece, members in tasks:
                if self.watch.chosen.name != name:
                    name = self.watch.chosen.name
                    solver = _solver(self.recipe, name)
                yield piece, solve_piece(self.recipe, members, solver)
            return
        left, waiting = iter(tasks), dict[Any, int]()
        with contextlib.ExitStack() as stack:
            pool = executor or stack.enter_context(_pool(min(workers, max(len(tasks), 1))))
            try:
                while True:
                    for piece, members in itertools.islice(left, AHEAD * max(workers, 1) - len(waiting)):
                        waiting[pool.submit(work, self.recipe, members, self.watch.chosen.name)] = piece
                    if not waiting:
                        return
                    future = _next(waiting)
                    yield waiting.pop(future), future.result()
            except BrokenProcessPool:
                raise SpinnError(
                    "a worker process died (killed, or out of memory); what was done is kept: go on with --resume, "
                    "with fewer --workers or a smaller grid if memory was short"
                ) from None
            finally:
                for future in waiting:
                    future.cancel()


def _next(waiting: dict[Any, int]) -> Any:
    """A future that is done; of other kinds than `concurrent.futures`, the one that was given first."""
    if all(isinstance(future, concurrent.futures.Future) for future in waiting):
        done = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED).done
        return next(iter(done))
    return next(iter(waiting))


def _pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    """Fresh processes (JAX does not survive a fork), with one thread of linear algebra each."""
    return concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet
    )


def _quiet() -> None:
    """Workers leave an interrupt to the process that started them, and an accelerator's memory to each other."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def work(recipe: Recipe, members: np.ndarray, solver: str) -> Piece:
    """Solve a piece, in whatever process this is."""
    with threadpool_limits(1):
        return solve_piece(recipe, members, _solver(recipe, solver))


def _solver(recipe: Recipe, name: str) -> LinearSolver | SideBySide | None:
    """The solver of a name; None where samples are trajectories."""
    return None if recipe.evolving else named(recipe, name)
