"""A tensor train solved for anew with more modes and ranks: how far its solution moves tells how far off the first is.

The second solution starts from the data and not from the first, so that what the first sweeps missed shows. A linear
problem of many axes takes a second or less, and the residual of the first is evaluated in the finer system as well.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spinn.alternating import MOST_MODES, MOST_RANK, Alternating, Level, transferred
from spinn.evaluation import Piece
from spinn.networks.separable import SeparableNetwork
from spinn.output.progress import SilentReporter
from spinn.recipes import Plan
from spinn.session import Session
from spinn.solution import Solution
from spinn.tensortrain import Train, residual_squares
from spinn.truth import relative_l2, scattered

WIDER, MORE = 0.25, 4  # modes beyond those of the first solution: this share of them, and this many
RANKS = 1.5  # and as many times the ranks it may have
POINTS, SEED = 5_000, 30_000  # where the solutions are compared: neither those of training nor those of the error


@dataclasses.dataclass(frozen=True)
class Refined:
    """Relative L2 norms of the difference, and the relative residuals of the first solution and of the second."""

    relative_l2: dict[str, float]
    residual: float
    remaining: float


def refined(session: Session, solution: Solution) -> Refined:
    """The solution of `session` against a finer one."""
    pde = session.pde
    (first,) = solution.pieces
    run = Alternating(_finer(session.plan), pde, pde.domain, SilentReporter(), _nobody, _nobody)
    level = run.level(more_modes(solution.modes[0]), 0)
    train, remaining = run.swept(level, None)
    second = dataclasses.replace(solution, pieces=(Piece(run.finished(level, train), first.start, first.end),))
    points = scattered(pde, pde.domain, POINTS, seed=SEED)
    found, finer = (one.at_points(points) for one in (solution, second))
    sizes = {name: float(value) for name, value in relative_l2(found, finer, pde.unknowns).items()}
    return Refined(sizes, _residual(session, level, first.network), remaining)


def more_modes(modes: Mapping[str, int]) -> dict[str, int]:
    """Modes of the second solution."""
    return {axis: max(min(math.ceil(n * (1.0 + WIDER)) + MORE, MOST_MODES), n) for axis, n in modes.items()}


def _finer(plan: Plan) -> Plan:
    """The plan of the second solution: a tensor train whatever the first was, with the usual sweeps."""
    rank = plan.config.network.rank
    most = math.ceil(RANKS * (rank if isinstance(rank, int) else MOST_RANK))
    network = plan.config.network.model_copy(update={"head": "tt", "rank": most})
    (stage,) = plan.config.train
    stages = [stage.model_copy(update={"steps": 40, "seconds": None, "tolerance": None})]
    return dataclasses.replace(plan, config=plan.config.model_copy(update={"network": network, "train": stages}))


def _residual(session: Session, level: Level, network: SeparableNetwork) -> float:
    """The residual of the first solution in the finer system; of a sum of products as its last sweep gave it."""
    if network.cores is None:
        return float(session.stages[-1]["relative_residual"])
    train: Train = transferred(tuple(np.asarray(core, float) for core in network.cores), network, level.network)
    return math.sqrt(sum(residual_squares(list(level.blocks.values()), train))) / (level.size or 1.0)


def _nobody(_: Any) -> None:
    """Nobody needs to know."""
