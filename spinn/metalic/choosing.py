"""Interface conditions that are to be found: by a policy that was learned, or by trials on the problem itself."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from spinn.config import Config
from spinn.evaluation import device_context
from spinn.metalic.families import DEFAULT_CONDITIONS
from spinn.metalic.family import ParametricFamily
from spinn.metalic.policy import Policy
from spinn.metalic.scoring import LabelFree, rewards_of
from spinn.metalic.training import ArmTrainer, Schedule
from spinn.multidomain.planning import decomposition_of
from spinn.pdes import PDE
from spinn.solvers.bandits.contextual import all_arms
from spinn.training.reporting import Reporter

TRIAL = Schedule(200, 60)
FALLBACK = "matching"  # where nothing is to be agreed on, subdomains would not know of each other


def chosen(config: Config, pde: PDE, reporter: Reporter | None, trainer: ArmTrainer | None = None) -> Config:
    """The configuration with conditions in place of `policy` or `auto`. Without a reporter (for estimates) nothing is
    tried: `auto` then stands for `matching`.

    **Raises:** SpinnError for a policy that is none, or that was learned for other problems.
    """
    given = config.interface
    if given.policy is not None:
        return _from_policy(config, pde, Path(given.policy), reporter)
    if given.conditions != "auto":
        return config
    decomposition = decomposition_of(config.domains, pde)
    if reporter is None or decomposition is None:
        return _with(config, FALLBACK)
    if trainer is None:
        family = ParametricFamily(pde, {}, decomposition, DEFAULT_CONDITIONS)
        trainer = ArmTrainer(family, schedule=TRIAL)
    reporter.message(f"interface: trying {2 ** len(trainer.family.conditions)} sets of conditions on small networks")
    with device_context("float32"):
        arm, why = halved(trainer, config.seed, reporter)
    names = [name for name, on in zip(trainer.family.conditions, arm, strict=True) if on]
    reporter.message(f"interface: {', '.join(names) or FALLBACK}: {why}")
    return _with(config, names or FALLBACK)


def halved(trainer: ArmTrainer, seed: int, reporter: Reporter) -> tuple[np.ndarray, str]:
    """Successive halving (Karnin, Koren, Somekh 2013) with all arms of a round at once: those that are left share as
    many trainings as there were arms, so that one program serves every round. The arm, and why it.
    """
    arms = all_arms(len(trainer.family.conditions))
    arms = arms[arms.any(1)] if len(arms) > 1 else arms
    alive, lanes = np.arange(len(arms)), len(arms) + 1
    sums, counts = np.zeros(len(arms)), np.zeros(len(arms))
    rounds = 0
    while True:
        playing = np.resize(alive, lanes)
        # An arm's trainings of a round differ; those of different arms start from the same networks.
        seeds = seed + 1000 * rounds + np.arange(lanes) // len(alive)
        contexts = np.zeros((lanes, 0))
        params = jax.block_until_ready(trainer.trained(contexts, arms[playing], seeds))
        rewards = rewards_of(LabelFree(trainer).errors(params, contexts))
        np.add.at(sums, playing, rewards)
        np.add.at(counts, playing, 1.0)
        means, rounds = sums / np.maximum(counts, 1.0), rounds + 1
        order = alive[np.argsort(-means[alive], kind="stable")]
        if len(alive) <= 2:
            break
        alive = np.sort(order[: (len(order) + 1) // 2])
        reporter.message(f"interface: {len(alive)} sets are left")
    best, tried = order[0], counts > 0
    why = (
        f"its residual, boundary and jumps on held-out points are {means[best] - np.median(means[tried]):.2f} digits "
        f"below the median of {len(arms)} sets after {rounds} rounds ({int(counts[best])} trainings of it)"
    )
    return arms[best], why


def _from_policy(config: Config, pde: PDE, file: Path, reporter: Reporter | None) -> Config:
    names, warnings = Policy.load(file).conditions_for(pde)
    if reporter is not None:
        for warning in warnings:
            reporter.message(warning, "warning")
        reporter.message(f"interface: {', '.join(names) or FALLBACK}, by the policy {file.name}")
    return _with(config, list(names) or FALLBACK)


def _with(config: Config, conditions: Any) -> Config:
    updated = config.interface.model_copy(update={"conditions": conditions, "policy": None})
    return config.model_copy(update={"interface": updated})
