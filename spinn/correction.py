"""The correction of a solution in a wider fixed basis: what lowers the residual of u + e most while u stays as it is.

The correction e is a Tucker core over Fourier and Legendre features (or polynomials on the solution's own elements),
more of them than u has modes, with collocation points and conditions of its own. It is found by Gauss-Newton, in one
step where that tells: a defect correction, as in Bohmer, Hemker, Stetter 1984, by least squares. The residual of u
itself is evaluated, not that of a copy, so a solution that is good to rounding gets a correction of the size that
rounding makes. In time windows a correction starts from the corrected end of the window before.
"""

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from spinn.assembly import build_network, build_sampler, point_counts
from spinn.config import Loss, Network, Sampling
from spinn.evaluation import Piece, device_context, grid_values
from spinn.lifting import blocks_of, prescribed
from spinn.networks.separable import SeparableNetwork
from spinn.networks.tabulated import Tabulated, tabulated
from spinn.objective import SeparableObjective, Weighting
from spinn.objective.equilibration import equation_scales
from spinn.objective.frozen import FrozenNetwork, frozen
from spinn.objective.parametric import Parametric, parametric
from spinn.objective.separable import coupling_of
from spinn.optim.gauss_newton import cgls, preconditioner
from spinn.pdes import PDE, Box, derivative_orders
from spinn.posing import starts_free
from spinn.recipes import Plan, resolve
from spinn.sampling import AxisSampler
from spinn.sampling.separable import AxisBatch
from spinn.session import Session
from spinn.solution import Solution
from spinn.spectrum import PROBE_POINTS, data_modes, limited, mode_weights
from spinn.wider import Basis, wider_bases

TRAINED_MODES = {1: 64, 2: 32, 3: 12, 4: 7}  # of the correction of a trained network, by number of axes, at least
TRAINED_UNKNOWNS = 12_000  # and at most so many unknowns
MAX_PROBE = 400_000  # points at which the residual of a trained network is looked at
RESIDUAL_TAIL = 0.05  # relative size of a trained network's residual beyond the modes of its correction
RESOLVED = 0.3  # share that the last modes of such a correction may carry; it gets more of them otherwise
LINEAR = 0.1  # change of the residual that the linear model may get wrong before another step is made
STEPS = 6  # at most, where the problem is not linear around the solution
TOLERANCE, LEAST_TOLERANCE, ITERATIONS, DAMPING = 1e-3, 1e-9, 150, 1e-16
LEFT = 0.7  # share of the residual that a correction may leave: it is blind to what it cannot lower


class Found(NamedTuple):
    """A correction, and what was seen on the way."""

    correction: SeparableNetwork
    residual: tuple[float, float]  # squares: of the solution, of the zero field
    converged: bool
    left: float  # share of the residual that the correction leaves


class Window(NamedTuple):
    """What a time window contributes."""

    found: Found
    base: FrozenNetwork
    unresolved: float  # share of the correction that its last modes carry
    squares: dict[str, tuple[float, float]]  # integrals by unknown: of the difference, of the corrected solution


def corrected(session: Session, solution: Solution, deadline: float) -> list[Window]:
    """The corrections of all time windows, one after another.

    **Raises:** TimeoutError if windows are left at the `deadline` (of `time.perf_counter`).
    """
    plan, pde = correcting(session.plan, session.pde), session.pde
    bases: list[Basis | None] = [None] * len(solution.pieces)
    if session.plan.is_core:
        modes, breaks = solution.modes, session.place.breaks[: len(bases)]
        bases = list(wider_bases(modes, breaks, plan.embedding.periodic, len(pde.unknowns)))
    windows: list[Window] = []
    for number, basis in enumerate(bases):
        if number and time.perf_counter() > deadline:
            raise TimeoutError("it would take longer than solving did; ask for it with output.estimate: true")
        here = _Place(session, plan, solution, number, windows[-1] if windows else None, deadline)
        windows.append(_in_basis(here, basis) if basis else _of_trained(here))
    return windows


def correcting(plan: Plan, pde: PDE) -> Plan:
    """The plan of the correction: as the solution's where that is a core over fixed features, else the default one."""
    network = plan.config.network.model_copy(update={"rank": "auto"})  # a whole core, whatever the solution has
    if not plan.is_core:
        features = {axis: "fourier" if axis in plan.embedding.periodic else "legendre" for axis in pde.coordinates}
        network = Network.model_validate({"features": features, "head": "tucker", "trainable": False})
    updates = {"network": network, "sampling": Sampling(), "loss": Loss(), "train": [], "recipe": "default",
               "precision": "float64"}  # fmt: skip
    return resolve(plan.config.model_copy(update=updates), pde, str(plan.config.device))


class _Place(NamedTuple):
    """A time window to be corrected."""

    session: Session
    plan: Plan
    solution: Solution
    number: int
    earlier: Window | None
    deadline: float

    @property
    def pde(self) -> PDE:
        return self.session.pde

    @property
    def domain(self) -> Box:
        return self.session.domain(self.number)

    def mapped(self, basis: Basis) -> Plan:
        """The plan with the elements of a basis, and the maps of the solution."""
        maps = self.session.place.maps
        here = maps[self.number] if self.number < len(maps) else {}
        return dataclasses.replace(self.plan, breaks=basis.breaks, maps=here)

    @property
    def base(self) -> FrozenNetwork:
        """The solution."""
        return frozen(self.solution.pieces[self.number].network, self.pde)

    @property
    def ranks(self) -> dict[str, int]:
        """The largest numbers of features that the solution has in any window, where it is a core over features."""
        networks = [piece.network for piece in self.solution.pieces if isinstance(piece.network, SeparableNetwork)]
        shapes = [network.whole_core.shape for network in networks if network.core is not None]
        return {axis: max((shape[i] for shape in shapes), default=0) for i, axis in enumerate(self.pde.coordinates, 1)}


def _in_basis(here: _Place, basis: Basis) -> Window:
    """The correction of a solution in fixed features."""
    window = _corrected_window(here, basis)
    return window._replace(unresolved=_edge(window.found.correction, here.solution.modes[here.number]))


def _of_trained(here: _Place) -> Window:
    """The correction of a trained network, in more and more modes until it is resolved or there are too many."""
    periodic, unknowns = here.plan.embedding.periodic, len(here.pde.unknowns)
    probe = _probe(here)
    modes = _modes_of_residual(here, probe)
    while True:
        window = _corrected_window(here, Basis(modes, {}))
        left = max(window.found.left, _left(here.pde, window.found.correction, window.base, probe))
        unresolved = _edge(window.found.correction, {})
        window = window._replace(found=window.found._replace(left=left), unresolved=unresolved)
        larger = limited({axis: n * 3 // 2 for axis, n in modes.items()}, periodic, unknowns, TRAINED_UNKNOWNS)
        enough = (unresolved < RESOLVED and left < LEFT) or time.perf_counter() > here.deadline
        if enough or math.prod(larger.values()) < 1.3 * math.prod(modes.values()):
            return window
        modes = larger


def _corrected_window(here: _Place, basis: Basis) -> Window:
    """The correction in a basis."""
    plan, pde = here.mapped(basis), here.pde
    sampler = build_sampler(plan, pde, basis.modes)
    network = build_network(plan, pde, here.domain, basis.modes, key=jax.random.key(0))
    assert isinstance(sampler, AxisSampler) and isinstance(network, SeparableNetwork)
    batch = sampler.draw(here.domain, key=jax.random.key(0))
    problem = _problem(here, batch)
    found, values = _corrected(plan, pde, network, problem, here.deadline)
    squares = _squares(here, problem, values)
    return Window(found, here.base, 0.0, squares)


def _left(pde: PDE, correction: SeparableNetwork, base: FrozenNetwork, probe: AxisBatch) -> float:
    """The share of the residual that a correction leaves on a finer grid than its own."""
    nothing = jax.tree.map(lambda leaf: leaf * 0.0, (correction.core, correction.lift))
    zero = eqx.tree_at(lambda n: (n.core, n.lift), correction, nothing, is_leaf=lambda leaf: leaf is None)
    before, after = (_norm2(_interior(pde, network, base, probe)) for network in (zero, correction))
    return math.sqrt(after / before) if before else 0.0


def _probe(here: _Place) -> AxisBatch:
    """A grid finer than that of training, on which the residual of a trained network hides nothing."""
    pde, periodic = here.pde, here.plan.embedding.periodic
    axes = len(pde.coordinates)
    trained = point_counts(here.session.plan, pde, here.solution.modes[here.number])
    counts = {axis: max(2 * n, PROBE_POINTS.get(axes, 10)) for axis, n in trained.items()}
    while math.prod(counts.values()) > MAX_PROBE:
        counts = {axis: n * 9 // 10 for axis, n in counts.items()}
    sampler = AxisSampler(counts, "gauss", periodic)
    return sampler.draw(here.domain, key=jax.random.key(0))


def _modes_of_residual(here: _Place, probe: AxisBatch) -> dict[str, int]:
    """Modes for the correction of a trained network, from the spectrum of its residual."""
    pde, periodic = here.pde, here.plan.embedding.periodic
    count = TRAINED_MODES.get(len(pde.coordinates), 5)
    least = {axis: count // 2 if axis in periodic else count for axis in pde.coordinates}
    network = build_network(here.plan, pde, here.domain, least, key=jax.random.key(0))
    arrays = {name: np.asarray(block, float) for name, block in _interior(pde, network, here.base, probe).items()}
    found = data_modes(arrays, pde.coordinates, periodic, least, RESIDUAL_TAIL)
    return limited(found, periodic, len(pde.unknowns), TRAINED_UNKNOWNS)


class _Problem(eqx.Module):
    """What a correction is for: the solution, points, the correction and solution of the window before; and scales."""

    base: FrozenNetwork
    batch: AxisBatch
    before: Tabulated | None
    base_before: FrozenNetwork | None
    scales: dict[str, Array] = eqx.field(default_factory=dict)


def _problem(here: _Place, batch: AxisBatch) -> _Problem:
    """All that is known, at the points of the batch."""
    points, orders = _all_points(batch), derivative_orders(here.pde)
    base = here.base.at(points, orders, here.ranks)
    if here.earlier is None:
        return _Problem(base, batch, None, None)
    before = tabulated(here.earlier.found.correction, points, orders)
    return _Problem(base, batch, before, here.earlier.base.at(points, orders, here.ranks))


def _all_points(batch: AxisBatch) -> dict[str, Array]:
    """As objectives order them: inside, then both ends."""
    return {axis: jnp.concatenate([points, batch.ends[axis]]) for axis, points in batch.points.items()}


def _corrected(
    plan: Plan, pde: PDE, network: SeparableNetwork, problem: _Problem, deadline: float
) -> tuple[Found, Float[np.ndarray, "unknowns ..."]]:
    """The correction for which the residual in the basis of `network` is smallest, and its values at the points."""
    assert network.core is not None
    traces, skip, names = plan.embedding.traces, plan.embedding.skip, blocks_of(plan.embedding.traces)
    change = tabulated(network, _all_points(problem.batch), derivative_orders(pde))
    scales = equation_scales(pde, Weighting(), change, problem.batch)
    problem = dataclasses.replace(problem, scales={name: jnp.asarray(scale) for name, scale in scales.items()})
    varied = parametric(pde)
    inside = problem if starts_free(pde, skip) else dataclasses.replace(problem, before=None, base_before=None)

    def step(change: Tabulated, most: int, scale: float = 1.0, wanted: float = 0.0) -> _Step:
        here = eqx.tree_at(lambda p: p.base.scale, inside, jnp.asarray(scale))
        return _step(varied, skip, change, here, jnp.int32(most), jnp.asarray(wanted))

    def square(scale: float) -> tuple[float, dict[str, Array]]:
        """The squared residual of the solution, or of the zero field, and the residuals of its conditions."""
        here = eqx.tree_at(lambda p: p.base.scale, problem, jnp.asarray(scale))
        of_conditions = _conditions(varied, names, change, here) if names else {}
        missed = sum(_mean_square(one, problem.batch) for one in of_conditions.values())
        return _norm2(step(change, 0, scale).residual) + missed, of_conditions

    (of_solution, of_zero), zero = square(1.0), square(0.0)[0]
    if change.lift is not None:
        rows = {axis: table[0, :-2, 0] for axis, table in change.rows.items()}
        change = prescribed(change, traces, of_zero, problem.batch, rows)
    converged, last = True, 0.0
    for number in range(STEPS):
        found = step(change, ITERATIONS, wanted=TOLERANCE * math.sqrt(of_solution))
        moved = eqx.tree_at(lambda n: n.core, change, found.core)
        rest = step(moved, 0).residual
        before, after = _norm2(found.residual), _norm2(rest)
        wrong = _norm2(jax.tree.map(np.subtract, rest, found.modelled))
        converged = wrong <= LINEAR**2 * before
        if number and not after <= before:  # the first step is the estimate, whatever it does to the residual
            break
        change, last = moved, after
        if converged or time.perf_counter() > deadline:
            break
    correction = eqx.tree_at(lambda n: (n.core, n.lift), network, (change.core, change.lift), is_leaf=_is_none)
    left = math.sqrt(last / of_solution) if of_solution else 0.0
    return Found(correction, (of_solution, zero), converged, left), _values(change)


def _is_none(leaf: Any) -> bool:
    return leaf is None


class _Step(NamedTuple):
    core: Float[Array, "unknowns ..."]
    residual: dict[str, Array]  # blocks where the step began
    modelled: dict[str, Array]  # what the linear model makes of them
    iterations: Array


@eqx.filter_jit
def _step(
    varied: Parametric, skip: frozenset[str], network: Tabulated, problem: _Problem, most: Array, wanted: Array
) -> _Step:
    """One Gauss-Newton step from the correction as it stands, of `most` iterations; none for the residual alone: one
    program for both, as compiling it takes longer than running it.

    **Arguments:** `wanted`: what the linear solve may miss. It goes by the residual of the solution: what is prescribed
    exactly can make that of the correction, where it begins, larger by orders of magnitude.
    """
    objective = SeparableObjective(varied.pde, skip=skip, base=problem.base, base_before=problem.base_before)

    def blocks(core: Array) -> Any:
        moved = eqx.tree_at(lambda n: n.core, network, core.reshape(network.core.shape))
        return objective.blocks(moved, problem.batch, problem.scales, problem.before)

    flat = network.core.reshape(-1)
    residual, push = jax.linearize(blocks, flat)
    pull = jax.linear_transpose(push, flat)

    def solved() -> tuple[Array, Any, Array]:
        normal = objective.normal(network, problem.batch, problem.scales, problem.before)
        scaling = preconditioner(normal, network.core.shape, coupling_of(network))
        start = jnp.sqrt(sum(jnp.vdot(one, one) for one in residual.values()))
        tolerance = jnp.clip(wanted / start, LEAST_TOLERANCE, TOLERANCE)
        step, count = cgls(
            lambda x: push(scaling.apply(x)), lambda z: scaling.transpose(pull(z)[0]), residual,
            jnp.asarray(DAMPING, flat.dtype), tolerance, most,
        )  # fmt: skip
        change = scaling.apply(step)
        return flat + change, jax.tree.map(jnp.add, residual, push(change)), count

    stays = (flat, residual, jnp.zeros((), jnp.int32))
    moved, modelled, count = jax.lax.cond(most > 0, solved, lambda: stays)
    return _Step(moved.reshape(network.core.shape), residual, modelled, count)


@eqx.filter_jit
def _conditions(varied: Parametric, names: frozenset[str], network: Tabulated, problem: _Problem) -> dict[str, Array]:
    """The residuals of the conditions named on their faces, unweighted."""
    objective = SeparableObjective(varied.pde, base=problem.base, base_before=problem.base_before)
    return objective.conditions(network, problem.batch, problem.before, names)


def _mean_square(values: Any, batch: AxisBatch) -> float:
    """The mean over a face, by quadrature."""
    squares = np.asarray(values, float) ** 2
    for weight in reversed(list(batch.weights.values())):
        squares = squares @ np.asarray(weight) if squares.shape[-1] > 1 else squares[..., 0]
    return float(squares)


@eqx.filter_jit
def _interior(pde: PDE, network: Any, base: FrozenNetwork, batch: AxisBatch) -> dict[str, Array]:
    """Weighted interior residuals of the solution alone."""
    objective = SeparableObjective(pde, base=base)
    names = objective.interior(network, batch)
    found = objective.blocks(network, batch)
    return {name: found[name] for name in names}


def _values(network: Tabulated) -> Float[np.ndarray, "unknowns ..."]:
    """Values at the points inside; by NumPy, where there is nothing to compile."""
    result = np.asarray(network.whole_core)
    for place, axis in enumerate(network.axes, 1):
        rows = np.asarray(network.rows[axis])[0, :-2, 0]
        result = np.moveaxis(np.tensordot(result, rows, ((place,), (1,))), -1, place)
    return result


def _squares(
    here: _Place, problem: _Problem, change: Float[np.ndarray, "unknowns ..."]
) -> dict[str, tuple[float, float]]:
    """Integrals over the window of the squared difference to the solution, and of the corrected solution.

    The solution is evaluated as users do: the rounding of values in float32 counts as well.
    """
    pde, batch, piece = here.pde, problem.batch, here.solution.pieces[here.number]
    axes = {axis: np.asarray(points) for axis, points in batch.points.items()}

    def on_grid(network: Any) -> np.ndarray:
        found = grid_values(pde, Piece(network, 0.0, 0.0), axes, derived=False)
        return np.stack([found[name] for name in pde.unknowns])

    tabular = isinstance(problem.base.network, Tabulated)
    exactly = _values(problem.base.network) if tabular else on_grid(problem.base.network)
    difference = change
    if here.session.plan.config.precision == "float32":
        with device_context("float32"):
            difference = exactly + change - on_grid(piece.network)
    length = (piece.end - piece.start) or 1.0
    return {
        name: (_mean_square(difference[j], batch) * length, _mean_square((exactly + change)[j], batch) * length)
        for j, name in enumerate(pde.unknowns)
    }


def _norm2(tree: Any) -> float:
    return sum(float(np.vdot(leaf, leaf)) for leaf in map(np.asarray, jax.tree.leaves(tree)))


def _edge(correction: SeparableNetwork, modes: Mapping[str, int]) -> float:
    """The largest share of a correction that its last modes along an axis carry: the outer half of those added to the
    solution's `modes`, or the last quarter of all.
    """
    shares = [0.0]
    for axis, energy in mode_weights(correction).items():
        last = max((len(energy) - modes[axis]) // 2 if axis in modes else len(energy) // 4, 1)
        total = float(np.sum(energy))
        shares.append(math.sqrt(float(np.sum(energy[-last:])) / total) if total else 0.0)
    return max(shares)
