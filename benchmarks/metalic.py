"""What do learned interface conditions gain? METALIC's bandits on exhaustive tables of parametric families.

All arms x contexts x seeds of a family are trained once (`results/metalic/FAMILY.npz`; goes on where it stopped), with
initial and boundary data only. Bandits are replayed on the table and judged on held-out contexts against the best fixed
arm of the training contexts and the best arm of each held-out context.

    python benchmarks/metalic.py [--families burgers reaction] [--quick] [--replays N] [--out FOLDER]
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import described, machine, save, table
from metalic_replay import (
    CPINN,
    XPINN,
    Setting,
    arm_named,
    bandits,
    interval,
    oracle_gap,
    played,
    setting_of,
    variance_of,
)
from metalic_table import CONDITIONS, Size, Table, built
from threadpoolctl import threadpool_limits

from spinn.metalic.families import FAMILIES
from spinn.metalic.training import Schedule

PLAYS = (16, 32, 64, 96)
POOR = 0.5  # digits that the oracle should have at least
DEFAULT = ("burgers", "advection", "reaction")
QUICK = Size(contexts=3, training=2, seeds=2, schedule=Schedule(4, 1))


def baselines(at: Setting, made: Table) -> dict[str, np.ndarray]:
    """Rewards (held-out contexts,) of choices that need no plays."""
    held = at.rewards[at.training :].mean(2)
    fixed, oracle = oracle_gap(at)
    single = -np.log10(made.single[at.training :]).mean(1)
    return {
        "single network": single, "random arm": held.mean(1),
        "all conditions": held[:, arm_named(CONDITIONS, at.arms)],
        "cPINN arm": held[:, arm_named(CPINN, at.arms)], "XPINN arm": held[:, arm_named(XPINN, at.arms)],
        "best fixed arm of training": fixed, "oracle by context": oracle,
    }  # fmt: skip


def replayed(at: Setting, replays: int, plays: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Rewards (replays, plays) of every bandit on held-out contexts."""
    held = at.rewards[at.training :].mean(2)
    rows = np.arange(len(held))
    found: dict[str, list[list[float]]] = {}
    for seed in range(replays):
        for name, bandit in bandits(at.arms, seed).items():
            taken = played(at, bandit, plays, seed)
            found.setdefault(name, []).append([float(held[rows, arms].mean()) for arms in taken])
    return {name: np.array(values) for name, values in found.items()}


def told(values: np.ndarray) -> str:
    mean, low, high = interval(values)
    return f"{-mean:.2f} [{-high:.2f}, {-low:.2f}]"


def verdict(at: Setting, fixed: np.ndarray, oracle: np.ndarray) -> str:
    """One honest sentence on what the context buys."""
    parts = variance_of(at.rewards)
    mean, low, high = interval(oracle - fixed)
    text = (
        f"variance in digits^2: seed {parts.seed:.4f}, arm {parts.arm:.4f}, arm x context {parts.interaction:.4f}; the "
        f"oracle gains {mean:+.3f} [{low:+.3f}, {high:+.3f}] digits on the best fixed arm"
    )
    buys = low > 0.0 and parts.interaction > parts.seed
    nothing = "context buys nothing that exceeds the noise of seeds here: one fixed arm does for the family"
    poor = ""
    if oracle.mean() < POOR:
        poor = " Even the oracle's error is over 30 %: trainings this short say little of converged ones."
    return f"{text}; {'context matters here' if buys else nothing}.{poor}"


def reported(name: str, made: Table, replays: int, plays: tuple[int, ...], training: int) -> tuple[str, dict[str, Any]]:
    """The text and the numbers of a family."""
    at = setting_of(made, FAMILIES[name].vary, training)
    fixed_ones = baselines(at, made)
    fixed, oracle = fixed_ones["best fixed arm of training"], fixed_ones["oracle by context"]
    begun = time.perf_counter()
    with threadpool_limits(1):  # matrices are small
        learned = replayed(at, replays, plays)
    seconds = time.perf_counter() - begun
    gap, least, _ = interval(oracle - fixed)
    is_gap = least > 0.0  # a share of what may be nothing says nothing
    rows = [{"choice": key, "log10 relative L2": told(value)} for key, value in fixed_ones.items()]
    curves = []
    for key, values in learned.items():
        row = {"bandit": key}
        for number, count in enumerate(plays):
            share = f", {(values[:, number].mean() - fixed.mean()) / gap:+.0%}" if is_gap else ""
            row[f"{count} plays"] = told(values[:, number]) + share
        curves.append(row)
    agreement = np.mean([
        np.corrcoef(-np.log10(e).mean(1), -np.log10(s).mean(1))[0, 1]
        for e, s in zip(made.errors, made.scores, strict=True)
    ])  # fmt: skip
    count = made.errors.size
    cost = f"table: {count} trainings, {made.seconds:.0f} s, {made.seconds / count:.2f} s each; replays {seconds:.0f} s"
    said = f"label-free score against true error, over arms within a context: correlation {agreement:.2f}"
    best = at.arms[int(np.argmax(at.rewards[:training].mean((0, 2))))]
    names = ", ".join(n for n, on in zip(CONDITIONS, best, strict=True) if on)
    lines = [f"== {name}", verdict(at, fixed, oracle), f"best fixed arm: {names or 'none'}", said, cost]
    text = "\n".join([*lines, "", table(rows), "", table(curves)])
    data = {"variance": variance_of(at.rewards)._asdict(), "gap": gap, "agreement": float(agreement)}
    data |= {"baselines": rows, "bandits": curves, "seconds": made.seconds, "solves": count}
    return text, data


def main(argv: Sequence[str] | None = None) -> int:
    """Build what is missing, replay, print and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=DEFAULT, help="which")
    parser.add_argument("--quick", action="store_true", help="a table that says nothing, in a minute")
    parser.add_argument("--replays", type=int, default=6, help="of every bandit")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    options = parser.parse_args(argv)
    size, plays = (QUICK, (8,)) if options.quick else (Size(), PLAYS)
    texts, data = [], {}
    for name in options.families:
        made = built(name, size, options.out / "metalic" / f"{name}{'-quick' if options.quick else ''}.npz")
        text, data[name] = reported(name, made, 2 if options.quick else options.replays, plays, size.training)
        texts.append(text)
        print(text, "\n", file=sys.stderr, flush=True)
    facts = machine()
    text = "\n\n".join([described(facts), *texts])
    save(options.out, "metalic", text, {"machine": facts, "families": data})
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
