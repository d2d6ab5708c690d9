"""How much does choosing omega online cost, and gain, over a long sequence of systems solved by SSOR-CG?

The setting of Khodak, Chow, Balcan, Talwalkar (2024): Learning to relax, ICLR: (A + c I) x = b with A the five-point
Laplacian on a square, a shift c that differs from system to system, and random b. The cost is iterations of CG with
SSOR(omega); a bandit chooses omega from a grid before each solve and pays for all of its plays.

- Best fixed: the omega of the grid with the fewest iterations in total, in hindsight. Regret is against this.
- Tsallis-INF and successive halving know nothing about a system; ChebCB knows c.
- Instance-optimal: the best omega of the grid for each system, in hindsight. No method can do better on this grid.

So that all of it takes minutes, the systems of a sequence are drawn from `--distinct` different ones, each of which is
solved once with every omega; from then on costs are looked up. Iterations are exact counts, so that the sequence costs
what it would cost if every system were solved anew. Small grids need few iterations, and have less to gain.

    python benchmarks/relaxation.py [--grids 16,24,32] [--rounds 5000] [--distinct 400] [--runs 3] [--quick]
        [--out FOLDER]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from measuring import described, machine, save, table

from spinn.solvers import CG, SSOR, Bandit, ChebCB, Stopping, SuccessiveHalving, TsallisINF

OMEGAS = tuple(round(1.0 + 0.1 * step, 1) for step in range(10))  # 1.0, ..., 1.9
TOLERANCE = 1e-8
# Shifts are so many times the smallest eigenvalue of A, spread evenly in the logarithm: from hard systems to easy ones.
SHIFTS = (0.1, 1000.0)


class Pool(NamedTuple):
    """Different systems: shifts over the smallest eigenvalue, as log10 (systems,), and iterations (systems, omegas)."""

    contexts: np.ndarray
    iterations: np.ndarray


def laplacian(grid: int) -> scipy.sparse.csr_array:
    """The five-point Laplacian with zero boundary values, times the squared spacing: (grid^2, grid^2)."""
    line = scipy.sparse.diags_array([-np.ones(grid - 1), np.full(grid, 2.0), -np.ones(grid - 1)], offsets=[-1, 0, 1])
    one = scipy.sparse.eye_array(grid)
    return scipy.sparse.csr_array(scipy.sparse.kron(line, one) + scipy.sparse.kron(one, line))


def smallest_eigenvalue(grid: int) -> float:
    """Of that Laplacian."""
    return float(8.0 * np.sin(np.pi / (2 * (grid + 1))) ** 2)


def solved(grid: int, distinct: int, seed: int = 0) -> Pool:
    """Solve each of the different systems with every omega. RuntimeError where one does not converge."""
    random = np.random.default_rng([seed, grid])
    matrix, one = laplacian(grid), scipy.sparse.eye_array(grid**2, format="csr")
    contexts = random.uniform(*np.log10(SHIFTS), distinct)
    counts = np.zeros((distinct, len(OMEGAS)), dtype=int)
    for row, context in enumerate(contexts):
        shifted = scipy.sparse.csr_array(matrix + 10.0**context * smallest_eigenvalue(grid) * one)
        rhs = random.standard_normal(grid**2)
        for column, omega in enumerate(OMEGAS):
            info = CG(SSOR(omega), Stopping(TOLERANCE)).solve(shifted, rhs)[2]
            if not info.converged:
                raise RuntimeError(f"SSOR-CG with omega {omega} ended as {info.status}")
            counts[row, column] = info.iterations
    return Pool(contexts, counts)


def played(bandit: Bandit, contexts: np.ndarray, costs: np.ndarray) -> tuple[int, int]:
    """Iterations in total, and solves, over a sequence with contexts (rounds,) and costs (rounds, omegas)."""
    state, total, solves = bandit.start(), 0, 0
    for context, row in zip(contexts.tolist(), costs, strict=True):
        for _ in range(bandit.plays(state)):
            arm = bandit.choose(state, context)
            state = bandit.learn(state, arm, float(row[arm]), context)
            total, solves = total + int(row[arm]), solves + 1
    return total, solves


def bandits(seed: int) -> dict[str, Bandit]:
    """The methods that learn; the seed is of their draws."""
    low, high = (float(np.log10(bound)) for bound in SHIFTS)
    return {
        "Tsallis-INF": TsallisINF(OMEGAS, seed=seed),
        "ChebCB": ChebCB(OMEGAS, (low, high), seed=seed),
        "successive halving": SuccessiveHalving(OMEGAS),
        "successive halving, unpaired": SuccessiveHalving(OMEGAS, paired=False),
    }


def measure(grid: int, rounds: int, distinct: int, runs: int) -> list[dict[str, Any]]:
    """One row a method; bandits are run on `runs` sequences, each against the best fixed omega of its own."""
    begun = time.perf_counter()
    pool = solved(grid, distinct)
    seconds = time.perf_counter() - begun
    totals: dict[str, list[tuple[int, int, float]]] = {}
    for run in range(runs):
        drawn = np.random.default_rng([run, 1]).integers(0, distinct, rounds)
        contexts, costs = pool.contexts[drawn], pool.iterations[drawn]
        sums = costs.sum(axis=0)
        best = int(np.argmin(sums))
        spent = {
            f"best fixed omega ({OMEGAS[best]})": (int(sums[best]), rounds),
            "omega = 1": (int(sums[OMEGAS.index(1.0)]), rounds),
            "instance-optimal": (int(costs.min(axis=1).sum()), rounds),
        }
        spent |= {name: played(bandit, contexts, costs) for name, bandit in bandits(run).items()}
        for name, (total, solves) in spent.items():
            totals.setdefault(name, []).append((total, solves, 100.0 * (total / int(sums[best]) - 1.0)))
    return [
        {
            "grid": grid,
            "method": name,
            "iterations": statistics.median(total for total, _, _ in found),
            "solves": statistics.median(solves for _, solves, _ in found),
            "regret_percent": [regret for _, _, regret in found],
            "rounds": rounds,
            "distinct": distinct,
            "pool_seconds": seconds,
        }
        for name, found in totals.items()
    ]


def readable(row: Mapping[str, Any]) -> dict[str, str]:
    """A row for people; regret as its range over the sequences."""
    regrets = row["regret_percent"]
    return {
        "grid": f"{row['grid']}^2",
        "method": row["method"],
        "iterations": f"{row['iterations']:.0f}",
        "a system": f"{row['iterations'] / row['rounds']:.1f}",
        "solves": f"{row['solves']:.0f}",
        "regret %": f"{min(regrets):+.1f} to {max(regrets):+.1f}",
    }


def head(rounds: int, distinct: int, runs: int) -> str:
    """How the systems were made."""
    return (
        f"Sequences of {rounds} systems, drawn from {distinct} different ones a grid, each solved once with every "
        f"omega ({OMEGAS[0]} to\n{OMEGAS[-1]} by 0.1; relative residual {TOLERANCE:g}); then costs are looked up. "
        f"(A + c I) x = b with A the\nfive-point Laplacian, c from {SHIFTS[0]:g} to {SHIFTS[1]:g} times its "
        f"smallest eigenvalue, even in the logarithm, b normal.\n{runs} sequences; medians of totals, the range of "
        "regrets against the best fixed omega of each, exploration included."
    )


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--grids", default="16,24,32", help="unknowns along each axis, comma-separated")
    parser.add_argument("--rounds", type=int, default=5000, help="systems in a sequence")
    parser.add_argument("--distinct", type=int, default=400, help="different systems they are drawn from")
    parser.add_argument("--runs", type=int, default=3, help="sequences")
    parser.add_argument("--note", default="", help="a line for the head of the table")
    parser.add_argument("--quick", action="store_true", help="one grid, 300 systems from 40")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save."""
    options = arguments_of(argv)
    if options.quick:
        options.grids, options.rounds, options.distinct = options.grids.split(",")[0], 300, 40
    facts, rows = machine() | ({"note": options.note} if options.note else {}), []
    for grid in options.grids.split(","):
        rows += measure(int(grid), options.rounds, options.distinct, options.runs)
        print(f"{grid}^2: done", file=sys.stderr, flush=True)
    said = head(options.rounds, options.distinct, options.runs)
    text = "\n\n".join([described(facts), said, table([readable(row) for row in rows])])
    print(text)
    save(options.out, "relaxation", text, {"machine": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
