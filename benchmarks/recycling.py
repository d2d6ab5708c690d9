"""When does recycling a Krylov space pay, and against what? Sequences of systems, each solved in every way there is.

Per family, grid and tolerance: GMRES(40); GCRO-DR(40, 20) on each system alone ("cold"), with its space handed on
("recycled"), and so along a chain of near systems ("sorted"); direct and multigrid solvers, CG and GCRO-DR with fast
Poisson solves, SciPy's `gcrotmk` (space carried) and `spsolve`, and our automatic choice, after a trial on other
systems. All solve the same systems in turns. Seconds are medians a system, with set-up; residuals are recomputed.
Cells that are measured replace those of the results file; the others stay.

    python benchmarks/recycling.py [--only NAME,...] [--grids 64^2,32^3] [--tolerances 1e-5,1e-8] [--systems 12]
        [--limit 60] [--clock cpu] [--quick] [--out FOLDER]
    python benchmarks/recycling.py --paper [--only NAME,...] [--points 6400] [--systems 12] ...

`--paper` is another question, at the settings of the paper that proposed this: see paper_recycling.py.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paper_recycling
from contenders import (
    CLOCKS,
    Contender,
    System,
    cell_of,
    conditions,
    contenders,
    counted,
    duels,
    merged,
    race,
    ratio,
    trial,
)
from measuring import described, machine, save, table

from spinn.data.families import get_family
from spinn.solvers import Stopping, chain

# Unknowns along each axis, by number of dimensions.
GRIDS = {2: (64, 128, 256), 3: (32, 64)}
FAMILIES = {"darcy_2d": 2, "poisson_2d": 2, "helmholtz_2d": 2, "convection_diffusion_2d": 2, "darcy_3d": 3}
TOLERANCES = (1e-5, 1e-8)
# The automatic choice may take this many times the seconds of the fastest by hand.
CLOSE = 1.15
TRIAL_SEED = 1
TICK = 1e-9  # of a clock, in seconds
AUTOMATIC = "automatic choice"


def sequence(name: str, unknowns: int, systems: int) -> tuple[list[System], np.ndarray]:
    """Systems of a family, `unknowns` along each axis, and the order of a chain through them."""
    family = get_family(name)(grid=(unknowns + 2,) * FAMILIES[name])
    parameters = [family.parameters(0, index) for index in range(systems)]
    order = chain(np.stack([family.features(one) for one in parameters]))
    return [family.system(one) for one in parameters], order


def others(name: str, unknowns: int) -> Iterator[System]:
    """Systems of the same family from another seed, without end."""
    family = get_family(name)(grid=(unknowns + 2,) * FAMILIES[name])
    return (family.system(family.parameters(TRIAL_SEED, index)) for index in itertools.count())


def measure(name: str, unknowns: int, tolerance: float, systems: int, limit: float, clock: str) -> dict[str, Any]:
    """One cell: all methods on the same systems."""
    read, stopping = CLOCKS[clock], Stopping(relative=tolerance)
    given, order = sequence(name, unknowns, systems)
    chosen = trial(others(name, unknowns), given[0], stopping, read)
    automatic = Contender(AUTOMATIC, chosen.choice, "automatic")
    entries = [*contenders(given[0], stopping), automatic]
    rows = race(entries, given, order.tolist(), tolerance, limit, clock, {AUTOMATIC: chosen.space})
    return {
        "family": name,
        "unknowns": f"{unknowns}^{FAMILIES[name]}",
        "tolerance": tolerance,
        "systems": systems,
        "limit": limit,
        "clock": clock,
        "chosen": chosen.winner,
        "trial_seconds": chosen.seconds,
        "trial_systems": chosen.systems,
        "rows": rows,
    }


def fastest(cell: Mapping[str, Any], *kinds: str) -> Mapping[str, Any] | None:
    """The row with the fewest seconds, of these kinds or (with none given) of all by hand, that solved everything."""
    wanted = [
        row for row in cell["rows"] if counted(row) and (row["kind"] in kinds if kinds else row["kind"] != "automatic")
    ]
    return min(wanted, key=lambda row: row["seconds"], default=None)


def title(cell: Mapping[str, Any]) -> dict[str, str]:
    """The columns that say which cell this is."""
    return {"family": cell["family"], "unknowns": cell["unknowns"], "tol": f"{cell['tolerance']:.0e}"}


def other_rows(cell: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is neither, for people."""
    return [
        {
            **title(cell),
            "method": row["method"],
            "ms (iterations)": cell_of(row),
            "solved": f"{row['systems'] - row['unconverged']} of {cell['systems']}",
            "note": row["failure"],
        }
        for row in cell["rows"]
        if not row["preconditioner"]
    ]


def verdict_row(cell: Mapping[str, Any]) -> dict[str, str]:
    """Recycling and the automatic choice against the fastest by hand."""
    best, own, recycled = fastest(cell), fastest(cell, "automatic"), fastest(cell, "recycled", "sorted")
    share = ratio(own, best, "seconds") if own and best else None
    return {
        **title(cell),
        "fastest by hand": "-" if best is None else f"{best['method']} {1e3 * best['seconds']:.3g} ms",
        "best recycled": "-" if recycled is None else f"{recycled['method']} {1e3 * recycled['seconds']:.3g} ms",
        "automatic": cell["chosen"] + ("" if own is None else f" {1e3 * own['seconds']:.3g} ms"),
        "automatic/fastest": "-" if share is None else f"{share:.2f}",
        "trial s": f"{cell['trial_seconds']:.2g} ({cell['trial_systems']})",
    }


def conclusions(cells: Sequence[Mapping[str, Any]]) -> str:
    """In plain words, from the rows alone."""
    lines = ["Recycling against direct and multigrid solvers (fastest of each, of those that solved every system):"]
    lines += [f"- {' '.join(title(cell).values())}: {against(cell)}" for cell in cells]
    beyond = [line for cell in cells if (line := astray(cell))]
    if beyond:
        lines += [
            "",
            f"The automatic choice is NOT within {100 * (CLOSE - 1):.0f} % of the fastest everywhere:",
            *beyond,
        ]
    elif cells:
        lines += ["", f"The automatic choice is within {100 * (CLOSE - 1):.0f} % of the fastest in every cell."]
    return "\n".join(lines)


def against(cell: Mapping[str, Any]) -> str:
    """Whether recycling loses to a direct or multigrid solver."""
    recycled, rival = fastest(cell, "recycled", "sorted"), fastest(cell, "direct", "multigrid")
    if rival is None:
        return "no direct or multigrid solver solved every system"
    if recycled is None:
        return f"loses: no recycling solver solved every system within the limit; {rival['method']} did"
    factor = recycled["seconds"] / max(rival["seconds"], TICK)
    verb = f"loses by {factor:.2g} x" if factor > 1 else f"wins by {1 / factor:.2g} x"
    pair = f"{recycled['method']} {1e3 * recycled['seconds']:.3g} ms, {rival['method']} {1e3 * rival['seconds']:.3g} ms"
    best = fastest(cell)
    beaten = best is not None and best["kind"] not in ("recycled", "sorted", rival["kind"])
    return f"{verb} ({pair})" + (
        f"; but {best['method']} takes {1e3 * best['seconds']:.3g} ms" if best and beaten else ""
    )


def astray(cell: Mapping[str, Any]) -> str:
    """Where the automatic choice is too slow: by how much, and whether it is the fastest solver after all."""
    best, own = fastest(cell), fastest(cell, "automatic")
    if best is None:
        return ""
    where = f"- {' '.join(title(cell).values())}: "
    if own is None:
        return where + f"{cell['chosen']} did not solve every system within the limit, {best['method']} did"
    share = own["seconds"] / max(best["seconds"], TICK)
    if share <= CLOSE:
        return ""
    same = cell["chosen"] == best["method"]
    why = "the same solver: what the choice adds to it, or noise" if same else f"fastest: {best['method']}"
    return where + f"{cell['chosen']} takes {share:.2f} x the seconds ({why})"


def report(cells: Sequence[Mapping[str, Any]]) -> str:
    """Everything but the machine."""
    parts = [
        f"{conditions(cells)}\n*: not all reached the tolerance; >: over the limit, medians of the systems before. "
        "Ratios are GMRES over GCRO-DR, seconds / iterations; with > GMRES failed and had taken so much.",
        table([line for cell in cells for line in duels(title(cell), cell["rows"])]),
        table([line for cell in cells for line in other_rows(cell)]),
        table([verdict_row(cell) for cell in cells]),
        conclusions(cells),
    ]
    return "\n\n".join(parts)


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--paper", action="store_true", help="the paper's settings and figures instead")
    parser.add_argument("--only", default="", help="families, comma-separated")
    parser.add_argument("--grids", default="", help="unknowns along the axes, as in 64^2,32^3")
    parser.add_argument("--tolerances", default="", help="relative residuals, comma-separated")
    parser.add_argument("--preconditioners", default="", help="with --paper: some of them, comma-separated")
    parser.add_argument("--points", type=int, default=0, help="with --paper: at most so many unknowns")
    parser.add_argument("--systems", type=int, default=12, help="systems in a sequence")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a method may take in a cell")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: of one thread, for a busy machine")
    parser.add_argument("--note", default="", help="a line for the head of the table")
    parser.add_argument("--quick", action="store_true", help="the smallest grid, four systems")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    return parser.parse_args(argv)


def grids_of(name: str, options: argparse.Namespace) -> list[int]:
    """Unknowns along an axis to measure: `64^2` asks for families in two dimensions, `64` for all."""
    usual, dimensions = GRIDS[FAMILIES[name]], str(FAMILIES[name])
    if not options.grids:
        return list(usual[:1] if options.quick else usual)
    asked = [grid.partition("^") for grid in options.grids.split(",")]
    return [int(number) for number, _, power in asked if power in ("", dimensions)]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and save; 1 if a name is unknown."""
    options = arguments_of(argv)
    if options.paper:
        return paper_recycling.run(options)
    wanted = [name for name in options.only.split(",") if name] or list(FAMILIES)
    strange = [name for name in wanted if name not in FAMILIES]
    if strange:
        print(f"unknown: {', '.join(strange)}; the families are {', '.join(FAMILIES)}", file=sys.stderr)
        return 1
    systems = 4 if options.quick else options.systems
    tolerances = [float(value) for value in options.tolerances.split(",") if value] or TOLERANCES
    facts, cells = machine() | ({"note": options.note} if options.note else {}), []
    for name, tolerance in itertools.product(wanted, tolerances):
        for grid in grids_of(name, options):
            cells.append(measure(name, grid, tolerance, systems, options.limit, options.clock))
            print(" ".join(title(cells[-1]).values()) + ": done", file=sys.stderr, flush=True)
            # After every cell: later ones may take hours.
            every = merged(options.out / "recycling.json", cells, ("family", "unknowns", "tolerance"))
            text = described(facts) + "\n\n" + report(every)
            save(options.out, "recycling", text, {"machine": facts, "cells": every})
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
