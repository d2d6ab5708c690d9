"""The configuration of `spinn metalic`: a parametric family, how arms are trained, how they are chosen."""

from typing import Any, Literal

from pydantic import Field, ValidationError

from spinn.config._types import Count, Interval, Natural, NonNegative, Positive, Section, Switch
from spinn.config.domains import ConditionName, Domains
from spinn.config.explain import dotted, nearest
from spinn.config.models import PdeSpec
from spinn.config.source import Problem, Source, failure


class ArmTraining(Section):
    """The training of one arm: small separable tanh networks, Adam, then L-BFGS; all arms of a batch run at once."""

    width: Count = Field(default=16, description="Neurons a hidden layer of every axis network.")
    depth: Count = Field(default=2, description="Hidden layers.")
    rank: Count = Field(default=8, description="Features an axis under the core.")
    points: Count = Field(default=12, description="Gauss points an axis and subdomain.")
    adam: Count = Field(default=200, description="Steps of the stochastic stage.")
    lbfgs: Natural = Field(default=80, description="Steps of the deterministic stage; 0 leaves it out.")
    learning_rate: Positive = Field(default=5e-3, description="Of Adam, falling to a twentieth by a cosine.")


class MetalicConfig(Section):
    """A parametric family, and the bandit that learns which interface conditions suit which parameters."""

    pde: PdeSpec = Field(description="The equation: a name, ./file.py:Class, or {name: ..., params: {...}}.")
    vary: dict[str, Interval] = Field(
        min_length=1, description="Its parameters that vary, each with its range, such as {nu: [0.001, 0.05]}."
    )
    domains: Domains = Field(description="Where the box is cut, as in `spinn solve`.")
    conditions: list[ConditionName] = Field(
        default=["solution", "residual_continuity", "flux", "second_normal"],
        min_length=1,
        max_length=10,
        description="Interface conditions that an arm switches on or off: n of them give 2^n arms.",
    )
    ivp: Switch = Field(
        default=True,
        description="true: initial and boundary data only. false: exact values at the end of time are data as well, as "
        "in the paper's code; for PDEs whose solution is known.",
    )
    reward: Literal["label_free", "error"] = Field(
        default="label_free",
        description="label_free: the loss on held-out points with weights that do not depend on the arm. error: the "
        "relative L2 error, where the solution is known.",
    )
    faithful: Literal[False, "single", "seq"] = Field(
        default=False,
        description="The paper's bandits: single (one arm for the whole training) or seq (an arm for Adam, another for "
        "L-BFGS), with its kernel, priors and one play at a time. false: learned lengths for every condition, and "
        "plays in batches.",
    )
    rule: Literal["ucb", "thompson", "greedy"] = Field(
        default="thompson", description="How arms are chosen: upper confidence bounds, joint draws, or the mean alone."
    )
    exploration: NonNegative = Field(default=1.0, description="Standard deviations that ucb adds to the mean.")
    warm_up: Natural = Field(default=5, description="Random plays at first.")
    plays: Count = Field(default=200, description="Plays, those of the warm-up among them.")
    batch: Count = Field(default=8, description="Plays at once; faithful ones go one by one.")
    test: Natural = Field(default=20, description="New parameters on which the learned policy is tried at the end.")
    training: ArmTraining = Field(default=ArmTraining(), description="The training of an arm.")
    seed: Natural = Field(default=0, description="Seed of all random choices.")


def validated_metalic(source: Source) -> MetalicConfig:
    """The configuration that the settings describe.

    **Raises:** SpinnError with one line a mistake, each with its file and line.
    """
    try:
        return MetalicConfig.model_validate(source.data)
    except ValidationError as error:
        raise failure([_problem(source, details) for details in error.errors()]) from None


def _problem(source: Source, details: Any) -> Problem:
    path = tuple(key for key in details["loc"] if not (isinstance(key, str) and key[:1].isupper()))
    text = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        inner: Any = {"training": ArmTraining, "domains": Domains, "pde": PdeSpec}.get(str(path[0]), MetalicConfig)
        known = list(MetalicConfig.model_fields if len(path) == 1 else inner.model_fields)
        text = f"expected one of the keys {', '.join(known)}, got '{path[-1]}'{nearest(str(path[-1]), known)}"
    elif details["type"] == "missing":
        text = "expected a value, got nothing; this key is needed"
    elif details["type"] != "value_error":
        text = f"{text[0].lower()}{text[1:]}, got {details['input']!r:.60}"
    return Problem(source.place(path), f"{dotted(path) or 'the whole'}: {text}")
