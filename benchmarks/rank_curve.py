"""How fast does the error of decaying turbulence fall with the rank of a separable approximation?

The reference flow on the torus (both velocities, all times) is cut to multilinear rank r along every axis (HOSVD: what
a Tucker head of rank r can hold, up to a factor sqrt(3)), and fitted by a sum of r products (ALS: what a CP head can
hold, as far as ALS finds it). No network of this rank on the whole interval can do better than the first column.

    python benchmarks/rank_curve.py [--quick] [--out FOLDER]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import described, machine, save, table

from spinn.pdes import get
from spinn.truth import uniform_axes

RANKS = (4, 8, 16, 32, 64, 96, 128)
SWEEPS = 30  # of ALS


def hosvd_errors(values: np.ndarray, ranks: Sequence[int]) -> list[float]:
    """Relative error of cutting every axis but the first to its leading r left singular vectors.

    De Lathauwer, De Moor, Vandewalle, SIAM J. Matrix Anal. Appl. 21, 2000. The projections are orthogonal.
    """
    size = np.linalg.norm(values)
    core = values
    for axis in range(1, values.ndim):
        unfolded = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        vectors = np.linalg.svd(unfolded, full_matrices=False)[0]
        core = np.moveaxis(np.tensordot(vectors.T, core, (1, axis)), 0, axis)

    def outside(rank: int) -> float:
        beyond = core.copy()
        beyond[(slice(None), *(slice(rank),) * (core.ndim - 1))] = 0.0
        return float(np.linalg.norm(beyond) / size)

    return [outside(rank) for rank in ranks]


def cp_error(values: np.ndarray, rank: int, sweeps: int = SWEEPS, seed: int = 0) -> float:
    """Relative error of a sum of `rank` products found by alternating least squares (Kolda and Bader, 2009, sec. 3.4).

    A little damping keeps the terms from growing against each other.
    """
    generator = np.random.default_rng(seed)
    factors = [generator.standard_normal((length, rank)) for length in values.shape]
    letters = "abcdefg"[: values.ndim]
    damping = 1e-12
    for _ in range(sweeps):
        for axis in range(values.ndim):
            others = [(letters[i], factors[i]) for i in range(values.ndim) if i != axis]
            rule = ",".join([letters, *(f"{letter}r" for letter, _ in others)]) + f"->{letters[axis]}r"
            right = np.einsum(rule, values, *(factor for _, factor in others), optimize="greedy")
            gram = np.prod([factor.T @ factor for _, factor in others], axis=0)
            gram += damping * np.trace(gram) / rank * np.eye(rank)
            factors[axis] = np.linalg.solve(gram, right.T).T
            if axis < values.ndim - 1:
                factors[axis] /= np.linalg.norm(factors[axis], axis=0)
    rule = ",".join(f"{letter}r" for letter in letters) + f"->{letters}"
    fit = np.einsum(rule, *factors, optimize="greedy")
    return float(np.linalg.norm(values - fit) / np.linalg.norm(values))


def torus_flow(quick: bool) -> np.ndarray:
    """Velocities of `navier_stokes_2d` by its reference: (unknown, t, x, y)."""
    pde = get("navier_stokes_2d")()
    counts = {"t": 33, "x": 64, "y": 64} if quick else {"t": 65, "x": 160, "y": 160}
    reference = pde.solved(48) if quick else pde.reference()
    found = reference.on_grid(uniform_axes(pde, counts))
    return np.stack([found[name] for name in pde.unknowns])


def curve(quick: bool = False) -> list[dict[str, float | int]]:
    """Rows of the curve."""
    values = torus_flow(quick)
    ranks = [rank for rank in RANKS if rank <= (32 if quick else max(RANKS))]
    errors = hosvd_errors(values, ranks)
    return [{"rank": r, "tucker": e, "cp": cp_error(values, r)} for r, e in zip(ranks, errors, strict=True)]


def readable(rows: Sequence[dict[str, float | int]]) -> str:
    """The curve for people."""
    names = {"rank": "rank an axis", "tucker": "Tucker (HOSVD)", "cp": "CP (ALS, sum of as many products)"}
    return table(
        [{n: str(r[k]) if k == "rank" else f"{r[k]:.1e}" for k, n in names.items()} for r in rows]
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Compute, print and save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="an under-resolved flow, low ranks")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    options = parser.parse_args(argv)
    facts, rows = machine(), curve(options.quick)
    text = described(facts) + "\n\n" + readable(rows)
    print(text)
    save(options.out, "rank_curve" + ("_quick" if options.quick else ""), text, {"machine": facts, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
