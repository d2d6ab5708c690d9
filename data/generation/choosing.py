"""Which solver makes a family's samples, and in which order they are solved."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from spinn.data.families import SteadyFamily
from spinn.data.generation.accelerating import accelerated, refusal, side_by_side, timed
from spinn.data.generation.recipe import Recipe
from spinn.data.stencil import System
from spinn.errors import SpinnError
from spinn.solvers import Candidate, Choice, LinearSolver, SideBySide, Stopping, candidates, chain

TIMED = 2  # systems a round of the trial
TRIAL_SYSTEMS = 24  # a trial that has not ended then is left with what it knows
SLOWER = 1.5  # a piece whose median sample takes so many times what the trial found leads to a new trial
INTEGRATION = "integration in time"  # in place of a solver's name


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The name of a solver; seconds a system of those that were tried, by name; what to tell the user."""

    name: str
    trial: dict[str, float]
    reason: str = ""

    @property
    def seconds(self) -> float:
        """Of the one chosen, a system; nan where nothing was tried."""
        return self.trial.get(self.name, math.nan)


def choose(recipe: Recipe, first: int = 0) -> Chosen:
    """The solver that is asked for, or the fastest on a few systems from sample `first` on.

    **Raises:** SpinnError for a name that does not suit the family's matrices.
    """
    check_solver(recipe)
    if recipe.evolving:
        return Chosen(INTEGRATION, {})
    if recipe.solver != "auto":
        return Chosen(recipe.solver, {})
    choice = Choice(suitable(recipe, system_of(recipe, 0)), timed=TIMED)
    space = choice.start()
    for system in sound(recipe, first, TRIAL_SYSTEMS):
        if space.settled:
            break
        _, space, _ = choice.solve(system.matrix, system.rhs, space)
    trial = {name: seconds for name, (seconds, _) in choice.report(space).items() if math.isfinite(seconds)}
    name = choice.winner(space)
    if accelerated():
        together = side_by_side(recipe, system_of(recipe, first), stopping_of(recipe))
        width = max((solver.width for solver in together.values()), default=0)
        trial |= timed(together, list(sound(recipe, first, width)), recipe.tolerance)
        name = min((name, *(one for one in together if one in trial)), key=lambda one: trial.get(one, math.inf))
    listed = ", ".join(f"{one} {1e3 * seconds:.3g}" for one, seconds in sorted(trial.items(), key=lambda item: item[1]))
    return Chosen(name, trial, f"solver {name}, by a trial (ms a system: {listed})" if trial else f"solver {name}")


def check_solver(recipe: Recipe) -> None:
    """That the solver asked for, if one is, suits the family.

    **Raises:** SpinnError where it does not.
    """
    if recipe.solver == "auto":
        return
    if recipe.evolving:
        raise SpinnError(
            f"solver: {recipe.family.name} evolves in time and solves no linear systems of ours; leave solver: auto"
        )
    named(recipe, recipe.solver)


def named(recipe: Recipe, name: str) -> LinearSolver | SideBySide:
    """The solver of a name, for the matrices of a recipe.

    **Raises:** SpinnError where it does not suit them, or is not installed.
    """
    system = system_of(recipe, 0)
    found: dict[str, LinearSolver | SideBySide] = {one.name: one.solver for one in suitable(recipe, system)}
    found |= side_by_side(recipe, system, stopping_of(recipe))
    if name not in found:
        raise refusal(recipe, name, list(found))
    return found[name]


def stopping_of(recipe: Recipe) -> Stopping:
    """Half the tolerance: what the solver calls done must still be so when the residual is computed anew."""
    return Stopping(relative=0.5 * recipe.tolerance)


def suitable(recipe: Recipe, system: System) -> tuple[Candidate, ...]:
    """Solvers of single systems that suit the matrices of a recipe, of which one is given."""
    layout = getattr(recipe.family, "layout", None)
    box = layout is not None and not any(axis.periodic for axis in layout.axes)
    size = len(system.rhs)
    shape = system.shape if box and math.prod(system.shape) == size else None
    return candidates(system.symmetric, system.definite, shape, size, stopping=stopping_of(recipe))


def sound(recipe: Recipe, first: int, count: int) -> Iterator[System]:
    """Of the systems of `count` samples from `first` on, those whose numbers are finite."""
    for index in range(first, first + count):
        system = system_of(recipe, index)
        if np.all(np.isfinite(system.rhs)) and np.all(np.isfinite(system.matrix.data)):
            yield system


def system_of(recipe: Recipe, index: int) -> System:
    """The linear system of a sample."""
    assert isinstance(recipe.family, SteadyFamily)
    return recipe.family.system(recipe.family.parameters(recipe.seed, index))


def chain_of(recipe: Recipe, solver: str) -> np.ndarray:
    """Sample indices (samples,) in the order in which they are solved."""
    recycles = "gcrodr" in solver or "deflated" in solver
    if recipe.order == "given" or (recipe.order == "auto" and not recycles):
        return recipe.numbers
    family = recipe.family
    rows = [family.features(family.parameters(recipe.seed, index)) for index in recipe.numbers.tolist()]
    return recipe.numbers[np.asarray(chain(np.stack(rows), seed=recipe.seed), dtype=np.int64)]


@dataclasses.dataclass(frozen=True)
class Watch:
    """Looks at the pieces as they come, and chooses anew where samples have come to take longer.

    `usual`: median seconds a sample of the first piece by the solver; None before there is one.
    """

    chosen: Chosen
    usual: float | None = None

    def after(self, recipe: Recipe, seconds: np.ndarray, following: int) -> "Watch":
        """With the seconds (samples,) of a piece, and the number of a sample that is still to be made."""
        if recipe.solver != "auto" or recipe.evolving or not seconds.size:
            return self
        now = float(np.median(seconds))
        if self.usual is None or now <= SLOWER * self.usual:
            return dataclasses.replace(self, usual=now if self.usual is None else self.usual)
        return Watch(choose(recipe, following))
