"""How far a solution is from the exact one, estimated without knowing that: one correction in a wider fixed basis.

The correction (see `spinn.correction`) is what lowers the residual of the solution most, and its norm is the estimate.
Where it leaves the share q of the residual, further ones like it would add up to 1 / (1 - q) times as much, and that is
the estimate then. In time windows corrections accumulate as errors do: each starts from the corrected end of the last.
Tensor trains are solved for a second time instead, with more modes and ranks (see `spinn.refinement`).
"""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence

import jax

from spinn.cell_refinement import refined_cells
from spinn.correction import LEFT, Window, corrected
from spinn.growth import MAX_UNKNOWNS
from spinn.refinement import refined
from spinn.session import Session
from spinn.solution import Solution
from spinn.wider import wider_modes

UNRESOLVED = 0.7  # share of the correction, in the norm, that its last modes may carry
MOST_LEFT = 0.9  # and what counts of it, where the estimate is extended by corrections of the same worth
ROUNDING = 1e-10  # relative residual below which a correction is noise in all modes alike, and nothing else is told
FLOOR = 1e-13  # estimates below are those of rounding, which they bound and do not measure
LEAST_SECONDS = 60.0  # that an estimate may take, and at least as long as solving did, unless it was asked for
LARGE = 0.3  # a solution that is further off than this may be near no solution at all
MOST_AXES = 5
MISTAKES = (LookupError, TypeError, AttributeError, AssertionError)  # of ours: their text alone says little


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What summary.json says: relative L2 norms by unknown and of `all`; `note` tells what limits their worth."""

    relative_l2: dict[str, float]
    residual: float  # of the solution on the finer grid, relative to that of the zero field
    reliable: bool
    note: str
    seconds: float


def estimated(session: Session, solution: Solution, status: str) -> Estimate | None:
    """The estimate, or None with a warning that names the reason: it never makes a run fail."""
    if not session.plan.config.output.estimate or not solution.pieces:
        return None
    if status != "ok":
        how = {"diverged": "diverged", "interrupted": "was interrupted"}.get(status, f"ended as {status}")
        session.warnings.append(f"no error estimate: the run {how}")
        return None
    session.reporter.message("estimating the error")
    try:
        return error_estimate(session, solution)
    except KeyboardInterrupt:  # the run itself has ended
        session.warn("no error estimate: it was interrupted")
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        kind = type(error).__name__ if isinstance(error, MISTAKES) or not reason else ""
        session.warn(f"no error estimate: {': '.join(part for part in (kind, reason) if part)}")
    return None


def error_estimate(session: Session, solution: Solution) -> Estimate:
    """The estimate for a run that has ended well. Works in float64, whatever the run was trained in."""
    began = time.perf_counter()
    with jax.enable_x64(True):
        plan = session.plan
        refining = plan.is_alternating or plan.decomposition is not None
        found = _by_refinement(session, solution) if refining else _by_correction(session, solution)
    if not all(math.isfinite(value) for value in found.relative_l2.values()):
        raise ArithmeticError("the correction is not finite")
    return dataclasses.replace(found, seconds=time.perf_counter() - began)


def _by_refinement(session: Session, solution: Solution) -> Estimate:
    """The estimate for a tensor train, a sum of products found by sweeps, or subdomains: from a second solution."""
    found = (refined if session.plan.is_alternating else refined_cells)(session, solution)
    doubts = []
    if found.residual > ROUNDING and found.remaining > LEFT * found.residual:
        doubts.append(f"the finer solution leaves {found.remaining / found.residual:.0%} of the residual")
    if found.relative_l2["all"] > LARGE:
        doubts.append(f"the finer solution is {found.relative_l2['all']:.0%} away, too far to be trusted")
    return Estimate(
        found.relative_l2, found.residual, not doubts, "; ".join([*doubts, *_limits(found.relative_l2)]), 0.0
    )


def _by_correction(session: Session, solution: Solution) -> Estimate:
    """The estimate from the corrections of all time windows."""
    if len(session.pde.coordinates) > MOST_AXES:
        raise ValueError(f"trained networks of more than {MOST_AXES} axes are not corrected: that takes a grid of them")
    if session.plan.grows_ranks:
        _check_size(session, solution)
    limit = max(LEAST_SECONDS, session.seconds) if session.plan.config.output.estimate == "auto" else math.inf
    windows = corrected(session, solution, time.perf_counter() + limit)
    sizes = _relative([window.squares for window in windows])
    of_solution, of_zero = (sum(w.found.residual[i] for w in windows) for i in (0, 1))
    residual = math.sqrt(of_solution / of_zero) if of_zero else math.sqrt(of_solution)
    doubts: list[str] = []
    if residual > ROUNDING:
        left = max(window.found.left for window in windows)
        sizes = {name: size / (1.0 - min(left, MOST_LEFT)) for name, size in sizes.items()}
        doubts = _doubts(windows, sizes["all"], left)
    return Estimate(sizes, residual, not doubts, "; ".join([*doubts, *_limits(sizes)]), 0.0)


def _check_size(session: Session, solution: Solution) -> None:
    """Ranks that were grown may stand on more modes than a correction, which has a whole core, can take.

    **Raises:** ValueError then.
    """
    periodic, count = session.plan.embedding.periodic, len(session.pde.unknowns)
    for modes in solution.modes:
        wider = wider_modes(modes, periodic, count)
        size = count * math.prod(2 * n + 1 if axis in periodic else n for axis, n in wider.items())
        if size > MAX_UNKNOWNS["windows"]:
            raise ValueError(
                f"a correction over all modes has {size:,} unknowns, more than {MAX_UNKNOWNS['windows']:,}"
            )


def _limits(sizes: Mapping[str, float]) -> list[str]:
    """What the estimate cannot tell."""
    return ["at the level of rounding: an upper bound"] if sizes["all"] < FLOOR else []


def _relative(windows: Sequence[Mapping[str, tuple[float, float]]]) -> dict[str, float]:
    """Relative L2 norms of each unknown and of all, from squared norms in every window."""
    sums = {name: [sum(window[name][part] for window in windows) for part in (0, 1)] for name in windows[0]}
    sums["all"] = [sum(one[part] for one in sums.values()) for part in (0, 1)]
    return {
        name: math.sqrt(change / size) if size > 0.0 else math.sqrt(change) for name, (change, size) in sums.items()
    }


def _doubts(windows: Sequence[Window], size: float, left: float) -> list[str]:
    """Why the estimate may be wrong by more than a factor of ten."""
    found: list[str] = []
    if not all(window.found.converged for window in windows):
        found.append("the correction did not converge")
    if size > LARGE:
        found.append(f"the correction is {size:.0%} of the solution, too large to be trusted")
    if left > LEFT:
        found.append(f"the correction leaves {left:.0%} of the residual")
    unresolved = max(window.unresolved for window in windows)
    if unresolved > UNRESOLVED:
        found.append(f"the last modes carry {unresolved:.0%} of the correction")
    return found
