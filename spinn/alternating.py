"""Linear problems by sweeps over the axes: levels of growing modes, in each of them alternating least squares.

Everything but the axis features is NumPy: a run compiles next to nothing, whatever the number of axes.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from spinn.assembly import build_network, build_objective, build_sampler, first_modes
from spinn.networks.separable import SeparableNetwork, product_head
from spinn.networks.tabulated import compiled_tables
from spinn.objective import SeparableObjective
from spinn.objective.kronecker import data_trains, linear_blocks
from spinn.pdes import PDE, Box
from spinn.recipes import Plan
from spinn.sampling import AxisSampler
from spinn.spectrum import change_of_features, mode_energies, needed_modes, tail_share
from spinn.tensortrain import (
    Block,
    Limits,
    Sweep,
    Train,
    applied,
    axis_energies,
    described,
    factors_of,
    least_bases,
    product_sweeps,
    projected,
    train_sweeps,
    tucker_core,
)
from spinn.training.reporting import Progress, Reporter
from spinn.truth import SCATTERED_POINTS, scattered, truth_at_points

DATA_TAIL = 1e-12  # relative size of the data beyond the first modes
# Points an axis, for spectra and for residuals, unless configured or too few for the modes: compressed by QR, points
# are free, and arrays of one length compile once.
POINTS = 160
LEAST_MODES, MOST_MODES = 4, 200
FIRST_RANK = 8  # largest rank of the first guess
MOST_RANK = 64
ENOUGH = 1e-10  # relative residual at which neither modes nor data are worth another level
RESOLVED_TAIL = 1e-10  # an axis whose last modes carry less than this needs no more of them
GROWTH = 1.5
MOST_CORE = 2_000_000  # entries of a Tucker core; a train takes its place where it would have more
WORTHWHILE = 0.25  # a level that leaves more than this of the residual was not worth it: no further one
MAX_LEVELS = 6
ERROR_POINTS = 2000  # of as many as the final error is measured at: arrays of that length are compiled once


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The network, the modes it ended with, and what summary.json says of the levels."""

    network: SeparableNetwork
    modes: dict[str, int]
    stages: list[dict[str, Any]]
    points: int
    parameters: int
    zero_loss: float


@dataclasses.dataclass(eq=False)
class Alternating:
    """Solves a linear problem on a box. `record` gets metrics, `warn` what the user should know of the outcome.

    Not frozen: it gathers levels while it runs, and holds the newest network for a run that is interrupted.
    """

    plan: Plan
    pde: PDE
    domain: Box
    reporter: Reporter
    record: Callable[[dict[str, Any]], None]
    warn: Callable[[str], None]
    began: float = dataclasses.field(default_factory=time.perf_counter)
    stages: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    sweeps: int = 0
    modes: dict[str, int] = dataclasses.field(default_factory=dict)
    newest: tuple["Level", Train] | None = None

    def solve(self) -> Outcome:
        """Levels until the residual is small or the last modes are."""
        modes = self.start_modes()
        before, start, last = None, None, math.inf
        for number in range(MAX_LEVELS):
            self.modes = modes
            level = self.level(modes, number)
            if before is not None and start is not None:
                start = transferred(start, before, level.network)
            start, residual = self.swept(level, start)
            network = self.finished(level, start)
            grown = self.grown(modes, level, start, residual, last)
            if grown is None:
                break
            before, modes, last = level.network, grown, residual
        parameters = sum(core.size for core in start or ())
        if self.plan.config.network.head == "tucker":
            assert start is not None
            network = self.cored(level, start, network)
            parameters = parameters if network.core is None else network.core.size
        return Outcome(network, modes, self.stages, level.points, parameters, 0.5 * level.size**2)

    def start_modes(self) -> dict[str, int]:
        """Modes that resolve the data, off the spectra of their tensor trains along each axis."""
        modes = first_modes(self.plan, self.pde)
        if not self.plan.adaptive:
            return modes
        modes = {axis: max(LEAST_MODES, min(n, LEAST_MODES)) for axis, n in modes.items()}
        sampler = dataclasses.replace(self.sampler(modes), counts=dict.fromkeys(modes, POINTS))
        objective = self.objective(sampler)
        trains = data_trains(objective, self.network(modes), sampler.draw(self.domain, key=jax.random.key(0)))
        for train in trains.values():
            for axis, rows in zip(modes, axis_energies(train), strict=True):
                if rows.shape[0] > 1:
                    found = needed_modes(mode_energies(rows, 0, axis in self.plan.embedding.periodic), DATA_TAIL)
                    modes[axis] = min(max(modes[axis], found), MOST_MODES)
        return modes

    def level(self, modes: Mapping[str, int], number: int) -> "Level":
        """The least-squares system at one resolution, and scattered points to tell the error at."""
        network = self.network(modes)
        sampler = self.sampler(modes)
        objective = self.objective(sampler)
        blocks = linear_blocks(objective, network, sampler.draw(self.domain, key=jax.random.key(self.plan.config.seed)))
        name = f"als level {number + 1}" if self.plan.adaptive else "als"
        points = math.prod(sampler.counts.values())
        return Level(name, network, blocks, self.scales(blocks), points, self.telling(network))

    def scales(self, blocks: Mapping[str, Block]) -> dict[str, float]:
        """What the equations of a block are multiplied with, unless `loss.weights` names it: all as strong as the
        strongest. The solution is the same where the equations can be met; but values on a face beside second
        derivatives inside are a system so badly scaled that sweeps hardly converge.
        """
        weights, strongest = self.plan.config.loss.weights, max(block.strength for block in blocks.values())
        given = [name for name in blocks if any(name == w or name.startswith(w + "_") for w in weights)]
        return {name: 1.0 if name in given else strongest / (block.strength or strongest)
                for name, block in blocks.items()}  # fmt: skip

    def swept(self, level: "Level", start: Train | None) -> tuple[Train, float]:
        """Sweeps at one resolution, each reported and recorded; the best train and its relative residual."""
        spec, began, compile_began = self.plan.config.train[0], time.perf_counter(), self.sweeps
        self.reporter.stage(level.name, spec.steps)
        best: Sweep | None = None
        for sweep in self.sweeping(level, start):
            sweep = level.unscaled(sweep)
            loss, seconds = 0.5 * sum(sweep.squares), time.perf_counter() - began
            best = sweep if best is None or sweep.residual < best.residual else best
            self.sweeps += 1
            self.newest = (level, best.train)
            self.tell(level, sweep, loss, seconds, spec.steps)
            if spec.seconds is not None and seconds >= spec.seconds:
                break
            if spec.tolerance is not None and math.sqrt(2.0 * loss) < spec.tolerance:
                break
        assert best is not None
        self.stages.append({
            "name": level.name, "optimizer": "als", "steps": self.sweeps - compile_began,
            "seconds": time.perf_counter() - began, "compile_seconds": 0.0, "loss": 0.5 * sum(best.squares),
            "relative_residual": best.residual, "ranks": described(best.train), "rollbacks": 0,
        })  # fmt: skip
        return best.train, best.residual

    def sweeping(self, level: "Level", start: Train | None) -> Iterator[Sweep]:
        """The sweeps that the head asks for."""
        spec, rank = self.plan.config.train[0], self.plan.config.network.rank
        most = rank if isinstance(rank, int) else MOST_RANK
        limits = Limits(sweeps=spec.steps or 1000, rank=most)
        blocks = [block.scaled(level.scales[name]) for name, block in level.blocks.items()]
        if self.plan.config.network.head == "cp":
            return product_sweeps(blocks, start, limits)
        return train_sweeps(blocks, projected(blocks, min(FIRST_RANK, most)) if start is None else start, limits)

    def tell(self, level: "Level", sweep: Sweep, loss: float, seconds: float, total: int | None) -> None:
        """One sweep is done."""
        error = level.error(sweep.train)
        left = seconds / sweep.number * (total - sweep.number) if total else None
        self.reporter.update(Progress(level.name, sweep.number, total, loss, error, 0.0, seconds, left))
        self.record({
            "stage": level.name, "step": self.sweeps, "seconds": time.perf_counter() - self.began, "loss": loss,
            "error": error, "relative_residual": sweep.residual, "ranks": described(sweep.train),
            "blocks": {name: 0.5 * square for name, square in zip(level.blocks, sweep.squares, strict=True)},
        })  # fmt: skip

    def grown(
        self, modes: Mapping[str, int], level: "Level", train: Train, residual: float, before: float
    ) -> dict[str, int] | None:
        """More modes for the axes that need them, or None where the residual is small or they would not help."""
        if not self.plan.adaptive or residual < ENOUGH:
            return None
        tails = level.tails(train)
        least = max(RESOLVED_TAIL, 0.1 * max(tails.values()), 1e-3 * residual)  # beside the residual: ranks, not modes
        short = {axis: tail for axis, tail in tails.items() if tail > least}
        grown = {axis: min(math.ceil(n * GROWTH), MOST_MODES) if axis in short else n for axis, n in modes.items()}
        if residual > WORTHWHILE * before or not short or grown == dict(modes) or len(self.stages) >= MAX_LEVELS:
            self.warn(
                f"the relative residual stays at {residual:.1e}: the solution may be rough, or its ranks large; see "
                "network.rank and network.modes"
            )
            return None
        listed = ", ".join(f"{axis} {modes[axis]} -> {n}" for axis, n in grown.items() if n != modes[axis])
        self.reporter.message(f"not resolved yet (relative residual {residual:.1e}): modes {listed}")
        return grown

    def network(self, modes: Mapping[str, int]) -> SeparableNetwork:
        """The zero field over orthonormal combinations of the axis features."""
        key = jax.random.key(self.plan.config.seed)
        network = build_network(self.plan, self.pde, self.domain, modes, key=key)
        assert isinstance(network, SeparableNetwork)
        return network

    def finished(self, level: "Level", train: Train) -> SeparableNetwork:
        """The network with the head that was asked for."""
        if self.plan.config.network.head == "cp":
            return product_head(level.network, factors_of(train))
        return eqx.tree_at(lambda n: n.cores, level.network, tuple(jnp.asarray(core) for core in train))

    def cored(self, level: "Level", train: Train, otherwise: SeparableNetwork) -> SeparableNetwork:
        """The field under a Tucker core of the least ranks that leave its residual nearly as it is.

        `otherwise`: the network where that core would be too large.
        """
        blocks = [block.scaled(level.scales[name]) for name, block in level.blocks.items()]
        bases = least_bases(blocks, train, len(level.network.axes))
        size = len(level.network.unknowns) * math.prod(basis.shape[1] for basis in bases)
        if size > MOST_CORE:
            self.warn(f"the Tucker core would have {size:,} entries: the solution stays a tensor train")
            return otherwise
        return cored_network(level.network, bases, tucker_core(train, bases))

    def sampler(self, modes: Mapping[str, int]) -> AxisSampler:
        """The plan's sampler, with more points where their number is left to us."""
        sampler = build_sampler(self.plan, self.pde, modes)
        assert isinstance(sampler, AxisSampler)
        given = self.plan.config.sampling.points_per_axis
        free = [axis for axis in modes if given == "auto" or (isinstance(given, Mapping) and axis not in given)]
        return dataclasses.replace(sampler, counts={
            axis: max(count, POINTS) if axis in free else count for axis, count in sampler.counts.items()
        })  # fmt: skip

    def objective(self, sampler: AxisSampler) -> SeparableObjective:
        """The plan's objective."""
        objective = build_objective(self.plan, self.pde, sampler)
        assert isinstance(objective, SeparableObjective)
        return objective

    def telling(self, network: SeparableNetwork) -> Callable[[Train], float | None]:
        """The relative L2 error of a train at scattered points, where the exact solution is known."""
        if not self.pde.has_exact:
            return lambda train: None
        points = scattered(self.pde, self.domain, SCATTERED_POINTS, seed=self.plan.config.seed)
        exact = truth_at_points(self.pde, points)
        truth = np.stack([exact[name][:ERROR_POINTS] for name in self.pde.unknowns], 1)
        few = {axis: jnp.asarray(p[:ERROR_POINTS]) for axis, p in points.items()}
        tables = compiled_tables(network, few, dict.fromkeys(network.axes, 0))
        rows = [np.asarray(tables[axis][0, :, 0], float) for axis in network.axes]
        return lambda train: float(np.linalg.norm(_at(train, rows, truth.shape[1]) - truth) / np.linalg.norm(truth))


@dataclasses.dataclass(frozen=True, eq=False)
class Level:
    """One resolution: the features, the system in them, and how the error is told."""

    name: str
    network: SeparableNetwork
    blocks: dict[str, Block]
    scales: dict[str, float]
    points: int
    error: Callable[[Train], float | None]

    @functools.cached_property
    def size(self) -> float:
        """The norm of the data."""
        return math.sqrt(sum(block.size**2 for block in self.blocks.values()))

    def unscaled(self, sweep: Sweep) -> Sweep:
        """The sweep with its residuals as the objective counts them."""
        squares = tuple(square / scale**2 for square, scale in zip(sweep.squares, self.scales.values(), strict=True))
        return dataclasses.replace(sweep, squares=squares, residual=math.sqrt(sum(squares)) / (self.size or 1.0))

    def tails(self, train: Train) -> dict[str, float]:
        """The share of the last modes of every axis."""
        mixings = [np.asarray(mixing, float) for mixing in self.network.mixings]
        energies = axis_energies(applied(mixings, _axes_only(train, self.network)))
        return {
            axis: tail_share(np.sum(rows**2, 1), features.body)
            for axis, features, rows in zip(self.network.axes, self.network.features, energies, strict=True)
        }


def cored_network(
    network: SeparableNetwork, bases: Sequence[Float[np.ndarray, "_ _"]], core: Float[np.ndarray, "..."]
) -> SeparableNetwork:
    """A Tucker core over a few combinations of the features of a network; `core` has axes for these, after one for the
    unknowns where there are several.
    """
    mixings = tuple(
        jnp.asarray(np.asarray(mixing, float) @ basis) for mixing, basis in zip(network.mixings, bases, strict=True)
    )
    values = jnp.asarray(core.reshape(len(network.unknowns), *(basis.shape[1] for basis in bases)))
    return SeparableNetwork(
        network.axes, network.unknowns, network.features, mixings, network.biases, values, restricted=True
    )


def _axes_only(train: Train, network: SeparableNetwork) -> Train:
    """The train without its core of unknowns; energies are summed over these."""
    if len(network.unknowns) == 1:
        return train
    chosen, first, *rest = train
    return (np.tensordot(chosen[0], first, 1), *rest)


def transferred(train: Train, before: SeparableNetwork, after: SeparableNetwork) -> Train:
    """The same field in the features of another network, which has at least the modes of the one before."""
    changes = [
        change_of_features(old.body, new.body, np.asarray(a, float), np.asarray(b, float))
        for old, new, a, b in zip(before.features, after.features, before.mixings, after.mixings, strict=True)
    ]
    if len(before.unknowns) > 1:
        return (train[0], *applied(changes, train[1:]))
    return applied(changes, train)


def _at(train: Train, rows: list[Float[np.ndarray, "n _"]], unknowns: int) -> Float[np.ndarray, "n unknowns"]:
    """A train at scattered points: (points, unknowns)."""
    states = [train[0][:, j] for j in range(unknowns)] if unknowns > 1 else [np.ones((1, 1))]
    columns = []
    for state in states:
        state = np.repeat(state, len(rows[0]), 0)
        for core, row in zip(train[-len(rows) :], rows, strict=True):
            state = np.einsum("na,nab->nb", state, np.tensordot(row, core, (1, 1)))
        columns.append(state[:, 0])
    return np.stack(columns, 1)
