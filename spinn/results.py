"""What a run leaves behind: the summary, the solution on a grid, figures and the report."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spinn.error_estimate import Estimate
from spinn.evaluation import Piece, device_context, train_arrays
from spinn.files.environment import versions
from spinn.multidomain.planning import summary_of
from spinn.networks.separable import SeparableNetwork
from spinn.output.folder import RunFolder
from spinn.pdes import PDE
from spinn.recipes import Plan
from spinn.rounding import multilinear_ranks
from spinn.session import Session
from spinn.solution import Solution
from spinn.training.reporting import Reporter
from spinn.truth import (
    SCATTERED_POINTS,
    relative_l2,
    scattered,
    truth_at_points,
    truth_kind,
    truth_on_grid,
    uniform_axes,
)

# Points an axis, by number of axes: an independent uniform grid for errors, and the grid that is saved and drawn.
ERROR_COUNTS = {1: 2001, 2: 401, 3: 100, 4: 24}
SAVED_COUNTS = {1: 501, 2: 201, 3: 65, 4: 33}
SAVED_TIMES = 21
MOST_GRID_AXES = 4  # beyond, errors are measured at scattered points, and what is saved is a cut through the centre
# Relative tolerances of the Tucker ranks in a summary, besides the accuracy of the run: that, where nothing tells it,
# and the least one that is not rounding.
RANK_TOLERANCES, RANK_TOLERANCE, LEAST_TOLERANCE = (1e-4, 1e-8), 1e-10, 1e-13
SCATTERED_SEED = 20_000  # not that of training


def summarise(
    solution: Solution,
    session: Session,
    plan: Plan,
    status: str,
    device: str,
    trained: float,
    estimate: Estimate | None = None,
) -> dict[str, Any]:
    """summary.json: errors against the truth and as estimated, seconds, sizes, and how it was solved."""
    pde, config = solution.pde, plan.config
    errors, note = _errors(solution, session.reporter)
    if errors is not None and not math.isfinite(errors["all"]):
        status = "diverged"
    return {
        "pde": config.pde.name,
        "parameters_of_pde": dict(pde.parameters),
        "status": status,
        "relative_l2": errors,
        "truth": truth_kind(pde),
        "truth_note": note,
        "error_estimate": dataclasses.asdict(estimate) if estimate else None,
        "loss": session.stages[-1]["loss"] if session.stages else None,
        "seconds": {"compile": session.compile_seconds, "solve": max(trained - session.compile_seconds, 0.0),
                    "estimate": estimate.seconds if estimate else None,
                    "total": trained + (estimate.seconds if estimate else 0.0)},
        "programs": {"compiled": session.clock.compiled, "from_cache": session.clock.from_cache},
        "collocation_points": session.points,
        "parameters": session.parameters,
        "modes": [dict(modes) for modes in solution.modes],
        "tucker_ranks": tucker_ranks(solution, _accuracy(session, estimate)),
        "windows": [[piece.start, piece.end] for piece in solution.pieces],
        "domains": summary_of(plan.decomposition, plan.arm) if plan.decomposition else None,
        "precision": config.precision,
        "device": device,
        "seed": config.seed,
        "recipe": plan.reason,
        "stages": session.stages,
        "warnings": session.warnings,
        "versions": versions(),
    }  # fmt: skip


def _accuracy(session: Session, estimate: Estimate | None) -> float:
    """The relative error of a run as far as it is known: as estimated, else the relative residual."""
    if estimate is not None:
        return estimate.relative_l2["all"]
    loss = session.stages[-1]["loss"] if session.stages else 0.0
    return math.sqrt(loss / session.zero_loss) if session.zero_loss > 0.0 and loss > 0.0 else RANK_TOLERANCE


def tucker_ranks(solution: Solution, accuracy: float) -> list[dict[str, Any]] | None:
    """Multilinear ranks of the solution in every window, at a few relative L2 tolerances and at its own accuracy, which
    comes last; None for heads that are no Tucker cores.
    """
    networks = [piece.network for piece in solution.pieces]
    if not networks or not all(isinstance(one, SeparableNetwork) and one.core is not None for one in networks):
        return None
    accuracy = min(max(accuracy, LEAST_TOLERANCE), 1.0) if math.isfinite(accuracy) else RANK_TOLERANCE
    with device_context(str(solution.config.precision)):
        found = [multilinear_ranks(network, (*RANK_TOLERANCES, accuracy)) for network in networks]
    return [
        {"tolerance": tolerance, "ranks": [ranks[number] for ranks in found]}
        for number, tolerance in enumerate((*RANK_TOLERANCES, accuracy))
    ]


def _errors(solution: Solution, reporter: Reporter) -> tuple[dict[str, float] | None, str | None]:
    """Relative L2 errors on an independent uniform grid, and what they were measured against."""
    pde = solution.pde
    kind = truth_kind(pde)
    if kind is None or not solution.pieces:
        return None, None
    if kind == "reference":
        reporter.message("comparing with the reference solution (computed once, then cached)")
    if len(pde.coordinates) > MOST_GRID_AXES:
        return _scattered_errors(solution)
    count = ERROR_COUNTS[len(pde.coordinates)]
    axes = covered(solution, uniform_axes(pde, dict.fromkeys(pde.coordinates, count)))
    truth = truth_on_grid(pde, axes)
    if truth is None:
        return None, None
    grid = " x ".join(str(len(axes[axis])) for axis in pde.coordinates)
    note = f"{kind} solution on a uniform grid of {grid} points"
    reference = pde.reference() if kind == "reference" else None
    if reference is not None:
        note += f", good to about {reference.digits:.1f} digits"
    return relative_l2(solution.on_grid(axes), truth, pde.unknowns), note


def _scattered_errors(solution: Solution) -> tuple[dict[str, float] | None, str | None]:
    """Relative L2 errors at random points that training has not seen: no grid of many axes is formed."""
    pde = solution.pde
    if not pde.has_exact:
        return None, None
    points = scattered(pde, pde.domain, SCATTERED_POINTS, seed=SCATTERED_SEED)
    values, truth = solution.at_points(points, derived=False), truth_at_points(pde, points)
    note = f"exact solution at {SCATTERED_POINTS:,} random points of the domain (uniform, seed {SCATTERED_SEED})"
    return relative_l2(values, truth, pde.unknowns), note


def covered(solution: Solution, axes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Axes cut to the times that were solved: an interrupted run may have stopped before the last window."""
    pieces: tuple[Piece, ...] = solution.pieces
    if len(pieces) and "t" in axes and pieces[-1].end > pieces[-1].start:
        times, end = axes["t"], pieces[-1].end
        return {**axes, "t": times[times <= end + 1e-12 * (end - pieces[0].start)]}
    return dict(axes)


def write_results(
    solution: Solution, folder: RunFolder, summary: dict[str, Any], session: Session, reporter: Reporter
) -> dict[str, Any]:
    """Write the model, solution.h5, figures, summary.json and report.html; the total time includes all of it."""
    from spinn.output.figures import draw_solution
    from spinn.output.grid_file import write_solution
    from spinn.output.loss_figure import draw_loss
    from spinn.output.report import write_report

    reporter.message("writing the solution, figures and report")
    wanted, pde = solution.config.output, solution.pde
    if solution.pieces:
        solution.save(folder.path)
    folder.write_summary(summary)  # now already: what follows takes a while, and may be interrupted
    if solution.pieces:
        axes = covered(solution, uniform_axes(pde, saved_counts(solution)))
        centre = _cut_through_centre(solution, axes)
        with device_context(str(solution.config.precision)):
            train = train_arrays(solution.pieces[0].network, axes)
        axes = {**axes, **centre}
        values, truth = solution.on_grid(axes), truth_on_grid(pde, axes)
        if centre:
            axes, values, truth = ({n: p for n, p in axes.items() if n not in centre},
                                   *(_without_axes(pde, arrays, centre) for arrays in (values, truth)))  # fmt: skip
        unknowns = {name: values[name] for name in pde.unknowns}
        derived = {name: value for name, value in values.items() if name not in unknowns}
        attributes = {"title": f"spinn: {summary['pde']}", "pde": summary["pde"],
                      "parameters": dict(pde.parameters), "relative_l2": summary["relative_l2"] or {}}  # fmt: skip
        if summary["domains"]:
            attributes["cuts"] = summary["domains"]["cuts"]
        if centre:
            attributes["cut"] = {axis: float(points[0]) for axis, points in centre.items()}
        spatial = len(axes) - ("t" in axes) <= 3
        write_solution(folder.solution, axes, unknowns, reference=truth, derived=derived, attributes=attributes,
                       train=train, vtkhdf=bool(wanted.vtkhdf) and spatial)  # fmt: skip
        if wanted.figures:
            shown = {**unknowns, **derived}
            draw_solution(axes, shown, truth, folder.figures, (summary["domains"] or {}).get("cuts", {}))
    if wanted.figures:
        draw_loss(folder.read_metrics(), folder.figures / "loss.png")
    summary["seconds"]["total"] = session.seconds
    folder.write_summary(summary)
    if wanted.report:
        write_report(folder)
    return summary


def _cut_through_centre(solution: Solution, axes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Where axes that are not saved are held: beyond four axes all but time and three of space, at their centres."""
    pde = solution.pde
    if len(pde.coordinates) <= MOST_GRID_AXES:
        return {}
    kept = {"t", *pde.domain.space[:3]}
    return {axis: np.array([sum(pde.domain[axis]) / 2.0]) for axis in axes if axis not in kept}


def _without_axes(pde: PDE, arrays: Mapping[str, np.ndarray] | None, held: Mapping[str, Any]) -> Any:
    """Arrays on a grid with its axes of one point left out."""
    if arrays is None:
        return None
    where = tuple(index for index, axis in enumerate(pde.coordinates) if axis in held)
    return {name: np.squeeze(array, where) for name, array in arrays.items()}


def saved_counts(solution: Solution) -> dict[str, int]:
    """Points an axis of the grid that is saved."""
    names, grid = solution.pde.coordinates, solution.config.output.grid
    if isinstance(grid, list):
        return dict(zip(names, grid, strict=True))
    count = SAVED_COUNTS.get(len(names), 33)
    return {axis: min(count, SAVED_TIMES) if axis == "t" and len(names) > 2 else count for axis in names}
