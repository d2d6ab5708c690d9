"""Training many arms at once: contexts x arms x seeds are lanes of one vmapped program.

The loss is that of METALIC (Li et al., ICML 2023): 20 boundary + 1 residual + 5 sum_k a_k term_k. Weights of interface
conditions and parameters of the PDE are data, so that one compiled program serves every lane: steps of Adam, then of
L-BFGS, each with an arm of its own.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from spinn.metalic.family import ParametricFamily
from spinn.metalic.networks import Size, initial_network, trained_parts
from spinn.multidomain.objective import CellBatch, MultiDomainObjective, stacked_batch
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.objective import SeparableObjective, Weighting
from spinn.objective.parametric import with_values
from spinn.pdes import Face
from spinn.sampling import AxisSampler
from spinn.truth import truth_on_grid

BOUNDARY_WEIGHT, INTERFACE_WEIGHT = 20.0, 5.0
LINE_SEARCH_STEPS = 6
HISTORY = 10  # of L-BFGS


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Steps of each stage, and the learning rate of the first."""

    adam: int = 300
    lbfgs: int = 60
    learning_rate: float = 5e-3


class Lanes(NamedTuple):
    """What differs between trainings that run at once; a row each."""

    contexts: Float[Array, "lanes numbers"]
    seeds: Int[Array, " lanes"]


@dataclasses.dataclass(frozen=True, eq=False)
class ArmTrainer:
    """Trains lanes of a family. Parameters of networks are stacked along a first axis of lanes."""

    family: ParametricFamily
    size: Size = dataclasses.field(default_factory=Size)
    schedule: Schedule = dataclasses.field(default_factory=Schedule)

    def start(self, seeds: Int[np.ndarray, " lanes"]) -> Any:
        """Random parameters; the same seed gives the same ones."""
        return self._start(jnp.asarray(seeds))

    def adam(self, params: Any, contexts: np.ndarray, arms: np.ndarray, steps: int | None = None) -> Any:
        """Parameters after the stochastic stage, each lane with its arm (lanes, conditions)."""
        return self._adam(
            params, jnp.asarray(contexts), jnp.asarray(arms), self.ends_of(contexts), steps or self.schedule.adam
        )

    def lbfgs(self, params: Any, contexts: np.ndarray, arms: np.ndarray, steps: int | None = None) -> Any:
        """Parameters after the deterministic stage; as they were where it has no steps."""
        if not (steps or self.schedule.lbfgs):
            return params
        return self._lbfgs(
            params, jnp.asarray(contexts), jnp.asarray(arms), self.ends_of(contexts), steps or self.schedule.lbfgs
        )

    def trained(self, contexts: np.ndarray, arms: np.ndarray, seeds: np.ndarray) -> Any:
        """Both stages with one arm."""
        return self.lbfgs(self.adam(self.start(seeds), contexts, arms), contexts, arms)

    def combined(self, params: Any) -> MultiDomainNetwork:
        """The network of one lane."""
        found: MultiDomainNetwork = eqx.combine(params, self._rest)
        return found

    def objective(self, context: Array, conditions: tuple[str, ...] | None = None) -> MultiDomainObjective:
        """Of a member of the family; its parameters may be traced."""
        family = self.family
        pde = with_values(family.pde, dict(zip(family.ranges, context, strict=True)))
        weights = {condition.name: BOUNDARY_WEIGHT for condition in family.pde.conditions()}
        single = SeparableObjective(pde, Weighting(weights))
        return MultiDomainObjective(family.decomposition, conditions or family.conditions, single)

    def batch(self, points: int, weights: Float[Array, " conditions"]) -> CellBatch:
        """Gauss points in every cell, and the same weights on every interface."""
        decomposition = self.family.decomposition
        sampler = AxisSampler(dict.fromkeys(self.family.pde.coordinates, points))
        cells = stacked_batch(sampler, decomposition.cells, key=jax.random.key(0))
        rows = {a: jnp.tile(weights, (len(decomposition.interfaces(a)), 1)) for a in decomposition.cut_axes}
        return CellBatch(cells, rows)

    def loss(self, params: Any, context: Array, arm: Array, ends: Array) -> Array:
        """METALIC's loss; `ends`: values at the end of time, used with `ivp: false` alone."""
        objective = self.objective(context)
        batch = self.batch(self.size.points, INTERFACE_WEIGHT * arm)
        network = self.combined(params)
        value = objective.loss(network, batch)[0]
        return value if self.family.ivp else value + BOUNDARY_WEIGHT * self._at_end(objective, network, batch, ends)

    def ends_of(self, contexts: np.ndarray) -> Float[Array, "lanes ..."]:
        """The true values at the end of time on the points of every cell; nothing where they are no data."""
        if self.family.ivp:
            return jnp.zeros((len(contexts), 0))
        cells = self.batch(self.size.points, jnp.ones(len(self.family.conditions))).cells
        return jnp.asarray(np.stack([self._end_values(context, cells) for context in contexts]))

    def _end_values(self, context: np.ndarray, cells: Any) -> np.ndarray:
        pde, found = self.family.at(context), []
        for number in range(self.family.decomposition.count):
            axes = {axis: np.asarray(p[number], float) for axis, p in cells.points.items()}
            truth = truth_on_grid(pde, {**axes, "t": np.array([pde.domain["t"][1]])}, derived=False)
            assert truth is not None
            found.append(np.stack([truth[name] for name in pde.unknowns]))
        return np.stack(found, 1)

    def _at_end(self, objective: MultiDomainObjective, network: Any, batch: CellBatch, ends: Array) -> Array:
        """Half the mean square of what is wrong at the end of time."""
        face = Face("t", "high")
        arrays, static = eqx.partition(network.cells, eqx.is_array)

        def one(arrays: Any, cells: Any, ends: Array) -> Array:
            unknowns = objective.single.located(eqx.combine(arrays, static), cells)(face).unknowns
            wrong = jnp.stack([field.value for field in unknowns.values()]) - ends  # type: ignore[attr-defined]
            return jnp.sum(jnp.mean(wrong**2, tuple(range(1, wrong.ndim))))

        inside = jax.vmap(one, in_axes=(0, 0, 1))(arrays, batch.cells, ends)
        return 0.5 * jnp.sum(jnp.asarray(objective.boundary_root("end_t_high") ** 2) * inside)

    @functools.cached_property
    def _rest(self) -> Any:
        family = self.family
        with jax.ensure_compile_time_eval():  # asked for first inside of a trace, it would belong to that alone
            network = initial_network(family.decomposition, family.pde.unknowns, self.size, jax.random.key(0))
            return eqx.partition(network, trained_parts(network))[1]

    @functools.cached_property
    def _start(self) -> Any:
        def one(seed: Array) -> Any:
            key = jax.random.key(seed)
            network = initial_network(self.family.decomposition, self.family.pde.unknowns, self.size, key)
            return eqx.partition(network, trained_parts(network))[0]

        return jax.jit(jax.vmap(one))

    @functools.cached_property
    def _adam(self) -> Any:
        def one(params: Any, context: Array, arm: Array, ends: Array, steps: int) -> Any:
            rate = optax.cosine_decay_schedule(self.schedule.learning_rate, steps, 0.05)
            optimiser = optax.adam(rate)

            def step(carry: Any, _: None) -> tuple[Any, None]:
                params, state = carry
                gradient = jax.grad(self.loss)(params, context, arm, ends)
                updates, state = optimiser.update(gradient, state)
                return (optax.apply_updates(params, updates), state), None

            return jax.lax.scan(step, (params, optimiser.init(params)), None, length=steps)[0][0]

        return self._over_lanes(one)

    @functools.cached_property
    def _lbfgs(self) -> Any:
        def one(params: Any, context: Array, arm: Array, ends: Array, steps: int) -> Any:
            search = optax.scale_by_zoom_linesearch(LINE_SEARCH_STEPS)
            optimiser = optax.lbfgs(memory_size=HISTORY, linesearch=search)

            def value(params: Any) -> Array:
                return self.loss(params, context, arm, ends)

            known = optax.value_and_grad_from_state(value)

            def step(carry: Any, _: None) -> tuple[Any, None]:
                params, state = carry
                loss, gradient = known(params, state=state)
                updates, state = optimiser.update(gradient, state, params, value=loss, grad=gradient, value_fn=value)
                return (optax.apply_updates(params, updates), state), None

            return jax.lax.scan(step, (params, optimiser.init(params)), None, length=steps)[0][0]

        return self._over_lanes(one)

    def _over_lanes(self, one: Any) -> Any:
        def lanes(params: Any, contexts: Array, arms: Array, ends: Array, steps: int) -> Any:
            return jax.vmap(functools.partial(one, steps=steps))(params, contexts, arms, ends)

        return jax.jit(lanes, static_argnames="steps", static_argnums=4)
