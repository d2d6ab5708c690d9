"""A decomposed problem solved anew with more modes in every subdomain: how far its solution moves tells its error."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from spinn.growth import Place
from spinn.output.progress import SilentReporter
from spinn.refinement import Refined
from spinn.session import Session
from spinn.solution import Solution
from spinn.stagewise import with_field_of
from spinn.truth import relative_l2, scattered

WIDER, MORE = 0.25, 2  # modes beyond those of the first solution: this share of them, and this many
POINTS, SEED = 20_000, 30_000  # where solutions are compared: neither those of training nor those of the error


def refined_cells(session: Session, solution: Solution) -> Refined:
    """The solution of `session` against one with more modes, which starts from it where the problem is nonlinear.

    **Raises:** ValueError for networks that are trained: more features do not contain theirs.
    """
    if not session.plan.is_basis:
        raise ValueError("trained networks of subdomains are not corrected")
    pde, pieces = session.pde, solution.pieces
    finer = Session(dataclasses.replace(session.plan, adaptive=False), pde, SilentReporter(), lambda record: None)
    modes = tuple(
        {axis: math.ceil(n * (1.0 + WIDER)) + MORE for axis, n in solution.modes[k].items()} for k in range(len(pieces))
    )
    ends = tuple(piece.end for piece in pieces)
    cuts: tuple[dict[str, Any], ...] = ({},) * len(pieces)
    before = left = 0.0
    for number, piece in enumerate(pieces):
        finer.place = Place(number, modes=modes[: number + 1], breaks=cuts, maps=cuts, shapes=cuts, ends=ends)
        blank = finer.network(number, modes[number])
        moved = with_field_of(piece.network, blank)
        posed = finer.problem(moved)
        context = posed.problem.draw(jax.random.key(0))
        loss: Any = jax.jit(lambda p, c, posed=posed: posed.problem.loss(p, c, posed.problem.scales)[0])
        if number == 0:
            finer.zero_loss = float(loss(jax.tree.map(jnp.zeros_like, posed.params), context))
        before += float(loss(posed.params, context))
        finer.keep(finer.level(blank if posed.problem.linear else moved, None))
        left += finer.stages[-1]["loss"]
    second = dataclasses.replace(solution, pieces=tuple(finer.pieces))
    points = scattered(pde, pde.domain, POINTS, seed=SEED)
    here, there = (one.at_points(points) for one in (solution, second))
    sizes = {name: float(value) for name, value in relative_l2(here, there, pde.unknowns).items()}
    whole = math.sqrt(finer.zero_loss) or 1.0
    return Refined(sizes, math.sqrt(before) / whole, math.sqrt(left) / whole)
