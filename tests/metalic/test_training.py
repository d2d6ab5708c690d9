"""Trainings side by side: arms and parameters are data of the lanes, and scores tell good ones from bad ones."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.metalic.choosing import halved
from spinn.metalic.family import ParametricFamily
from spinn.metalic.networks import Size
from spinn.metalic.scoring import WORST, LabelFree, TrueError, bounded, rewards_of
from spinn.metalic.training import ArmTrainer, Schedule
from spinn.networks.decomposition import Decomposition
from spinn.output.progress import SilentReporter
from spinn.pdes import get

PDE = get("reaction")()
CUT = Decomposition(PDE.domain, {"t": (0.5,)})
FAMILY = ParametricFamily(PDE, {"rho": (1.0, 15.0)}, CUT, ("solution",))
SIZE = Size(width=8, depth=1, rank=4, points=8)
ADAM = Schedule(500, 0, 2e-2)  # the deterministic stage takes a minute to compile
CONTEXTS, ARMS, SEEDS = np.array([[1.0], [1.0], [6.0]]), np.array([[1.0], [0.0], [1.0]]), np.array([3, 3, 4])


@pytest.fixture(scope="module")
def trainer():
    return ArmTrainer(FAMILY, SIZE, ADAM)


@pytest.fixture(scope="module")
def params(trainer):
    return trainer.trained(CONTEXTS, ARMS, SEEDS)


def losses(trainer, params, arms):
    ends = trainer.ends_of(CONTEXTS)
    return np.asarray(jax.jit(jax.vmap(trainer.loss))(params, CONTEXTS, arms, ends))


def lane(params, number):
    return jax.tree.map(lambda leaf: leaf[number : number + 1], params)


@pytest.mark.slow
def test_training_lowers_the_loss(trainer, params):
    assert (losses(trainer, params, ARMS) < 0.1 * losses(trainer, trainer.start(SEEDS), ARMS)).all()


@pytest.mark.slow
def test_second_stage_goes_on_from_the_first():
    both = ArmTrainer(FAMILY, SIZE, Schedule(100, 12))
    early = both.adam(both.start(SEEDS), CONTEXTS, ARMS)
    late = both.lbfgs(early, CONTEXTS, ARMS)
    assert (losses(both, late, ARMS) < losses(both, early, ARMS)).all()


@pytest.mark.slow
def test_order_of_lanes_changes_nothing(trainer, params):
    turned = trainer.trained(CONTEXTS[::-1], ARMS[::-1], SEEDS[::-1])
    errors = TrueError(trainer).errors(params, CONTEXTS)
    assert np.allclose(TrueError(trainer).errors(turned, CONTEXTS[::-1])[::-1], errors, rtol=0.1)


@pytest.mark.slow
def test_arms_and_parameters_matter(trainer, params):
    cores = np.asarray(params.stacked.core)
    assert not np.allclose(cores[0], cores[1])  # the same start, another arm
    start = np.asarray(trainer.start(SEEDS).stacked.core)
    assert np.array_equal(start[0], start[1])
    assert not np.allclose(start[0], start[2])


@pytest.mark.slow
def test_an_interface_makes_the_second_half_know_the_first(trainer, params):
    """Without conditions the later subdomain has no data at all."""
    errors = TrueError(trainer).errors(params, CONTEXTS)
    scores = LabelFree(trainer).errors(params, CONTEXTS)
    assert errors[0] < 0.5 * errors[1]
    assert scores[0] < 0.6 * scores[1]


@pytest.mark.slow
def test_loss_counts_the_arm(trainer, params):
    on, off = (losses(trainer, params, np.full((3, 1), value)) for value in (1.0, 0.0))
    assert on[1] > 50.0 * off[1]  # trained without the condition, its two halves do not meet
    assert (on > off).all()


@pytest.mark.slow
def test_halving_takes_the_arm_that_works():
    family = ParametricFamily(PDE, {}, CUT, ("solution", "residual"))
    trainer = ArmTrainer(family, SIZE, ADAM)
    arm, why = halved(trainer, 0, SilentReporter())
    assert arm[0] == 1.0
    assert "digits below the median of 3 sets" in why


@pytest.mark.slow
def test_data_at_the_end_of_time_are_used():
    family = dataclasses.replace(FAMILY, ivp=False)
    trainer = ArmTrainer(family, SIZE, Schedule(1, 0))
    start, context = trainer.start(SEEDS), CONTEXTS
    ends = trainer.ends_of(context)
    shift = ends + 1.0
    value = jax.jit(jax.vmap(trainer.loss))
    assert not np.allclose(value(start, context, ARMS, ends), value(start, context, ARMS, shift))
    assert np.asarray(ends).shape == (3, 1, 2, 1, 8)
    assert np.allclose(np.asarray(ends)[2, 0, 1, 0], family.at(CONTEXTS[2]).exact(1.0, _points(trainer)), atol=1e-5)


def _points(trainer):
    return np.asarray(trainer.batch(8, jnp.ones(1)).cells.points["x"][1], float)


def test_failures_are_bounded():
    assert bounded(np.array([np.nan, np.inf, 1e5, 0.1])).tolist() == [WORST, WORST, WORST, 0.1]
    assert np.allclose(rewards_of(np.array([0.01, 100.0])), [2.0, -2.0])
