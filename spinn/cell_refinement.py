"""A decomposed problem solved anew with more modes in every subdomain: how far its solution moves tells its error."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from spinn.evaluation import Piece
from spinn.growth import Place
from spinn.multidomain.growth import padded
from spinn.output.progress import SilentReporter
from spinn.refinement import Refined
from spinn.session import Session
from spinn.solution import Solution
from spinn.truth import relative_l2, scattered

WIDER, MORE = 0.25, 2  # modes beyond those of the first solution: this share of them, and this many
POINTS, SEED = 20_000, 30_000  # where solutions are compared: neither those of training nor those of the error


def refined_cells(session: Session, solution: Solution) -> Refined:
    """The solution of `session` against one with more modes, which starts from it where the problem is nonlinear.

    **Raises:** ValueError for networks that are trained: more features do not contain theirs.
    """
    if not session.plan.is_basis:
        raise ValueError("trained networks of subdomains are not corrected")
    pde, (first,) = session.pde, solution.pieces
    modes = {axis: math.ceil(count * (1.0 + WIDER)) + MORE for axis, count in solution.modes[0].items()}
    finer = Session(dataclasses.replace(session.plan, adaptive=False), pde, SilentReporter(), lambda record: None)
    finer.place = Place(
        modes=(modes,), breaks=({},), maps=({},), shapes=({},), ends=finer.growth.planned_ends(finer.last)
    )
    blank = finer.network(0, modes)
    moved = _with_core(blank, padded(np.asarray(first.network.stacked.core), blank.stacked))
    posed = finer.problem(moved)
    context = posed.problem.draw(jax.random.key(0))
    loss: Any = jax.jit(lambda params: posed.problem.loss(params, context, posed.problem.scales)[0])
    zero, before = (float(loss(params)) for params in (jax.tree.map(jnp.zeros_like, posed.params), posed.params))
    finer.zero_loss = zero
    found = finer.level(blank if posed.problem.linear else moved, None)
    second = dataclasses.replace(solution, pieces=(Piece(found, first.start, first.end),))
    points = scattered(pde, pde.domain, POINTS, seed=SEED)
    here, there = (one.at_points(points) for one in (solution, second))
    sizes = {name: float(value) for name, value in relative_l2(here, there, pde.unknowns).items()}
    whole = math.sqrt(zero) or 1.0
    return Refined(sizes, math.sqrt(before) / whole, math.sqrt(finer.stages[-1]["loss"]) / whole)


def _with_core(network: Any, core: np.ndarray) -> Any:
    return eqx.tree_at(lambda n: n.stacked.core, network, jnp.asarray(core))
