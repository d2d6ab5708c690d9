"""The exhaustive table of a family: errors and scores of all arms x contexts x seeds, part by part on disk."""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from spinn.files.atomic import replacing
from spinn.metalic.families import DEFAULT_CONDITIONS, shipped_family
from spinn.metalic.family import ParametricFamily
from spinn.metalic.scoring import LabelFree, TrueError
from spinn.metalic.training import ArmTrainer, Schedule
from spinn.networks.decomposition import Decomposition
from spinn.solvers.bandits.contextual import all_arms

CONDITIONS = DEFAULT_CONDITIONS


class Size(NamedTuple):
    """How large a table is; `training` of the `contexts` are played on, the others held out."""

    contexts: int = 10
    training: int = 6
    seeds: int = 3
    schedule: Schedule = Schedule(200, 80)


class Table(NamedTuple):
    """`errors`, `scores`, `early` (errors after Adam): (contexts, arms, seeds); `single`: of one network, (contexts,
    seeds).
    """

    contexts: np.ndarray
    arms: np.ndarray
    errors: np.ndarray
    scores: np.ndarray
    early: np.ndarray
    single: np.ndarray
    seconds: float


def contexts_of(family: ParametricFamily, size: Size) -> np.ndarray:
    """Training contexts first, then those held out: evenly spread where there is one parameter, else random."""
    if family.numbers > 1:
        return family.drawn(size.contexts, (2023,))
    low, high = next(iter(family.ranges.values()))
    spread = low + (high - low) * (np.arange(size.contexts) + 0.5) / size.contexts
    order = np.random.default_rng(2023).permutation(size.contexts)
    return spread[order][:, None]


def built(name: str, size: Size, file: Path) -> Table:
    """The table, from the file as far as it is there."""
    family = shipped_family(name, CONDITIONS)
    arms, contexts = all_arms(len(CONDITIONS)), contexts_of(family, size)
    shape = (len(contexts), len(arms), size.seeds)
    blank = {part: np.full(shape, np.nan) for part in ("errors", "scores", "early")}
    parts = {**blank, "single": np.full((len(contexts), size.seeds), np.nan), "seconds": np.zeros(())}
    if file.is_file():
        parts = {part: np.array(array) for part, array in np.load(file).items()}
    trainer = ArmTrainer(family, schedule=size.schedule)
    for number in range(len(contexts)):
        if np.isfinite(parts["errors"][number]).all():
            continue
        begun = time.perf_counter()
        lanes = np.repeat(contexts[number : number + 1], len(arms) * size.seeds, 0)
        lane_arms, seeds = np.repeat(arms, size.seeds, 0), np.tile(np.arange(size.seeds), len(arms))
        early = trainer.adam(trainer.start(seeds), lanes, lane_arms)
        late = jax.block_until_ready(trainer.lbfgs(early, lanes, lane_arms))
        spent = time.perf_counter() - begun
        truth = TrueError(trainer)
        found = {"early": truth.errors(early, lanes), "errors": truth.errors(late, lanes)}
        found["scores"] = LabelFree(trainer).errors(late, lanes)
        for part, values in found.items():
            parts[part][number] = values.reshape(len(arms), size.seeds)
        parts["seconds"] = parts["seconds"] + spent
        _stored(file, parts)
        print(f"{name}: context {number + 1}/{len(contexts)}, {spent:.0f} s", file=sys.stderr, flush=True)
    if not np.isfinite(parts["single"]).all():
        parts["single"] = _single(family, contexts, size)
        _stored(file, parts)
    return Table(contexts, arms, **{**parts, "seconds": float(parts["seconds"])})


def _single(family: ParametricFamily, contexts: np.ndarray, size: Size) -> np.ndarray:
    """Errors of one network for the whole box, with the same steps."""
    whole = ParametricFamily(family.pde, family.ranges, Decomposition(family.pde.domain, {}), family.conditions)
    trainer = ArmTrainer(whole, schedule=size.schedule)
    lanes, seeds = np.repeat(contexts, size.seeds, 0), np.tile(np.arange(size.seeds), len(contexts))
    params = trainer.trained(lanes, np.zeros((len(lanes), len(family.conditions))), seeds)
    return TrueError(trainer).errors(params, lanes).reshape(len(contexts), size.seeds)


def _stored(file: Path, parts: dict[str, np.ndarray]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **parts)
