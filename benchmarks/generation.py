"""How many samples a second does `spinn.data.generation.generate` make, and how many the script that one writes anew?

The script draws the same samples, assembles the five- or seven-point matrix by whole arrays (harmonic means on the
faces of cells), calls `scipy.sparse.linalg.spsolve` and stores the result by h5py, in as many processes. Both sides
take turns, a round of samples each, so that whatever else the machine does hits both. Ours also checks the residual of
every sample, and keeps what is done so that it can resume. Its trial of solvers happens once a dataset: it is timed on
its own, and counted in the column `with trial` only.

    python benchmarks/generation.py [--grid2 128] [--grid3 48] [--samples2 200] [--samples3 8] [--workers 1]
"""

import argparse
import concurrent.futures
import contextlib
import cProfile
import dataclasses
import functools
import multiprocessing
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg
from measuring import described, machine, save, table
from threadpoolctl import threadpool_limits

from spinn.data import Darcy2D, Darcy3D
from spinn.data.families import StencilFamily
from spinn.data.formats.native import Dataset
from spinn.data.generation import Recipe, generate

Array = np.ndarray
Pool = concurrent.futures.Executor | None
TARGETS = {"darcy_2d": 5.0, "darcy_3d": 10.0}  # times the script
# Where the seconds of a sample go: a name, and the function whose cumulative seconds it is, with the one that calls it.
SHARES = {
    "sampling": ("parameters", "posed"),
    "assembly": ("system", "posed"),
    "solve": ("solve", "solution"),
    "residual": ("residual", "accepted"),
    "keeping pieces": ("write", "solved"),
    "writing the file": ("write", "generate"),
}


def matrix_of(a: Array, spacing: float) -> sp.csc_matrix:
    """-div(a grad u) on a uniform grid with u = 0 on the faces, for the interior nodes."""
    inner = tuple(length - 2 for length in a.shape)
    number = np.arange(np.prod(inner)).reshape(inner)
    diagonal = np.zeros(inner)
    rows, columns, values = [number.ravel()], [number.ravel()], [diagonal.ravel()]
    for axis in range(a.ndim):
        here = np.moveaxis(a, axis, 0)
        face = 2 * here[1:] * here[:-1] / (here[1:] + here[:-1]) / spacing**2
        face = face[(slice(None), *[slice(1, -1)] * (a.ndim - 1))]
        diagonal += np.moveaxis(face[1:] + face[:-1], 0, axis)
        order = np.moveaxis(number, axis, 0)
        low, high, value = order[:-1].ravel(), order[1:].ravel(), -face[1:-1].ravel()
        rows += [low, high]
        columns += [high, low]
        values += [value, value]
    where = np.concatenate(rows), np.concatenate(columns)
    return sp.coo_matrix((np.concatenate(values), where), shape=(number.size, number.size)).tocsc()


def scripted(family: StencilFamily, seed: int, indices: Sequence[int]) -> list[tuple[Array, Array]]:
    """(a, u) of some samples as a script makes them, one after the other."""
    made = []
    with threadpool_limits(1):
        for index in indices:
            a = family.parameters(seed, index)["a"]
            matrix = matrix_of(a, 1 / (a.shape[0] - 1))
            u = np.zeros(a.shape)
            inside = (slice(1, -1),) * a.ndim
            u[inside] = scipy.sparse.linalg.spsolve(matrix, np.ones(matrix.shape[0])).reshape(u[inside].shape)
            made.append((a, u))
    return made


def script(family: StencilFamily, seed: int, samples: int, file: Path, pool: Pool, workers: int) -> None:
    """A dataset without us."""
    shares = [part.tolist() for part in np.array_split(np.arange(samples), workers) if part.size]
    one = functools.partial(scripted, family, seed)
    parts = map(one, shares) if pool is None else pool.map(one, shares)
    with h5py.File(file, "w") as out:
        for name in ("a", "u"):
            out.create_dataset(name, (samples, *family.grid), "f8")
        for indices, part in zip(shares, parts, strict=True):
            for index, (a, u) in zip(indices, part, strict=True):
                out["a"][index], out["u"][index] = a, u


@dataclasses.dataclass(frozen=True)
class Turn:
    """One round: samples, seconds and processor seconds (of this process) of both, and what came of it.

    `difference`: the largest relative L2 distance of a sample of ours from the script's; `residual`: our worst.
    """

    samples: int
    ours: float
    script: float
    ours_processor: float
    script_processor: float
    trial: float
    solver: str
    residual: float
    difference: float


def turn(
    family: StencilFamily, seed: int, samples: int, solver: str, folder: Path, pool: Pool, workers: int, first: bool
) -> Turn:
    """The same samples by both: ours first, or the script."""
    ours, theirs = folder / f"ours-{seed}.h5", folder / f"script-{seed}.h5"
    recipe = Recipe(family=family, samples=samples, seed=seed, solver=solver, piece=-(-samples // workers))
    chosen: list[float] = []  # when the trial was over

    def make() -> Any:
        return generate(
            recipe, ours, executor=pool, workers=workers, message=lambda _: chosen.append(time.perf_counter())
        )

    sides = {"ours": make, "script": functools.partial(script, family, seed, samples, theirs, pool, workers)}
    found = {name: timed(sides[name]) for name in (("ours", "script") if first else ("script", "ours"))}
    mine, other = found["ours"], found["script"]
    with Dataset(ours) as one, h5py.File(theirs) as two:
        residual = max(row.residual for row in one.rows())
        pairs = [(row.fields["u"], two["u"][row.index]) for row in one.rows()]
    difference = max(float(np.linalg.norm(u - v) / np.linalg.norm(v)) for u, v in pairs)
    ours.unlink()
    theirs.unlink()
    trial = chosen[0] - mine.began if chosen else 0.0
    return Turn(
        samples, mine.seconds, other.seconds, mine.processor, other.processor, trial, mine.result.solver, residual,
        difference,
    )  # fmt: skip


class Timed(NamedTuple):
    """What a call returned, when it began, and its seconds on the wall and of this process on a processor."""

    result: Any
    began: float
    seconds: float
    processor: float


def timed(call: Callable[[], Any]) -> Timed:
    """Call it."""
    began, processor = time.perf_counter(), time.process_time()
    result = call()
    return Timed(result, began, time.perf_counter() - began, time.process_time() - processor)


def compared(family: StencilFamily, samples: int, rounds: int, workers: int, seed: int, folder: Path) -> dict[str, Any]:
    """Some rounds of a family: our solver is chosen in the first, and kept."""
    sizes = [part.size for part in np.array_split(np.arange(samples), min(rounds, samples))]
    turns: list[Turn] = []
    with started(workers) as pool:
        for place, size in enumerate(sizes):
            solver = turns[0].solver if turns else "auto"
            turns.append(turn(family, seed + place, size, solver, folder, pool, workers, place % 2 == 0))
            print(f"{family.name}: round {place + 1} of {len(sizes)}", file=sys.stderr, flush=True)
    return summary(family, workers, turns)


@contextlib.contextmanager
def started(workers: int) -> Iterator[Pool]:
    """Processes that are up and have imported what they need; None for one worker: this process."""
    if workers == 1:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        list(pool.map(functools.partial(scripted, Darcy2D(grid=(9, 9)), 0), [[0]] * workers))
        yield pool


def summary(family: StencilFamily, workers: int, turns: Sequence[Turn]) -> dict[str, Any]:
    """A row: sums over all rounds."""
    trial = sum(one.trial for one in turns)
    with_trial, theirs, count = sum(t.ours for t in turns), sum(t.script for t in turns), sum(t.samples for t in turns)
    ours = with_trial - trial
    target = TARGETS[family.name]
    # In other processes than this one, seconds of processors are not seen.
    processor = (
        sum(t.script_processor for t in turns[1:]) / sum(t.ours_processor for t in turns[1:])
        if workers == 1 and len(turns) > 1
        else None
    )
    return {
        "family": family.name,
        "grid": list(family.grid),
        "samples": count,
        "workers": workers,
        "solver": turns[0].solver,
        "ours_per_second": count / ours,
        "script_per_second": count / theirs,
        "ratio": theirs / ours,
        "ratio_by_round": [t.script / (t.ours - t.trial) for t in turns],
        "ratio_of_processor_seconds": processor,
        "trial_seconds": trial,
        "ratio_with_trial": theirs / with_trial,
        "worst_residual": max(t.residual for t in turns),
        "largest_difference": max(t.difference for t in turns),
        "target": target,
        "met": theirs / ours >= target,
    }


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A row for people."""
    processor = row["ratio_of_processor_seconds"]
    return {
        "family": f"{row['family']} {'x'.join(map(str, row['grid']))}",
        "samples": str(row["samples"]),
        "solver": row["solver"],
        "ours /s": f"{row['ours_per_second']:.3g}",
        "script /s": f"{row['script_per_second']:.3g}",
        "ratio": f"{row['ratio']:.2f}",
        "by round": f"{min(row['ratio_by_round']):.2f} to {max(row['ratio_by_round']):.2f}",
        "processor": "-" if processor is None else f"{processor:.2f}",
        "trial s": f"{row['trial_seconds']:.1f}",
        "with trial": f"{row['ratio_with_trial']:.2f}",
        "residual": f"{row['worst_residual']:.1e}",
        "difference": f"{row['largest_difference']:.1e}",
    }


def verdict(row: Mapping[str, Any]) -> str:
    """Whether the target is met, in a sentence."""
    said = "met" if row["met"] else "MISSED"
    return f"{row['family']}: target {row['target']:g}x the script, measured {row['ratio']:.2f}x: {said}"


def shares(family: StencilFamily, samples: int, solver: str, seed: int, folder: Path) -> dict[str, float]:
    """Milliseconds a sample of our side by what they are for, under cProfile (which adds a little to each)."""
    recipe = Recipe(family=family, samples=samples, seed=seed, solver=solver)
    profile = cProfile.Profile()
    profile.runcall(generate, recipe, folder / "profiled.h5")
    (folder / "profiled.h5").unlink()
    found = pstats.Stats(profile).stats  # type: ignore[attr-defined]

    def milliseconds(function: str, caller: str) -> float:
        """Of a function, where it is called from another."""
        callers = [times[4] for place, times in found.items() if place[2] == function]
        return 1e3 * sum(spent[3] for one in callers for place, spent in one.items() if place[2] == caller) / samples

    parts = {name: milliseconds(*places) for name, places in SHARES.items()}
    whole = 1e3 * max(times[3] for place, times in found.items() if place[2] == "generate") / samples
    return {**parts, "all else": whole - sum(parts.values()), "in all": whole}


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--grid2", type=int, default=128, help="nodes an axis of darcy_2d")
    parser.add_argument("--grid3", type=int, default=48, help="nodes an axis of darcy_3d")
    parser.add_argument("--samples2", type=int, default=200, help="of darcy_2d; 0 leaves it out")
    parser.add_argument("--samples3", type=int, default=8, help="of darcy_3d; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=4, help="in which the samples are made, by both sides in turn")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next has the next")
    parser.add_argument("--note", default="", help="what else the results are to say of the machine")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save."""
    options = arguments_of(argv)
    facts = machine() | {"workers": options.workers} | ({"note": options.note} if options.note else {})
    families: list[tuple[StencilFamily, int]] = [
        (Darcy2D(grid=(options.grid2,) * 2), options.samples2),
        (Darcy3D(grid=(options.grid3,) * 3), options.samples3),
    ]
    rows, profiled = [], {}
    with tempfile.TemporaryDirectory() as name:
        for family, samples in families:
            if not samples:
                continue
            rows.append(compared(family, samples, options.rounds, options.workers, options.seed, Path(name)))
            few = min(samples, 64)
            profiled[family.name] = shares(family, few, rows[-1]["solver"], options.seed + 1, Path(name))
    lines = [
        {"ms a sample": part, **{name: f"{spent[part]:.2f}" for name, spent in profiled.items()}}
        for part in (*SHARES, "all else", "in all")
    ]
    text = "\n\n".join(
        [described(facts), table([readable(row) for row in rows]), "\n".join(map(verdict, rows)), table(lines)]
    )
    print(text)
    save(options.out, "generation", text, {"machine": facts, "rows": rows, "profile": profiled})
    return 0


if __name__ == "__main__":
    sys.exit(main())
