"""The configuration of an operator in training: what the YAML file of `spinn learn` may say."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from spinn.config._types import Auto, Count, Natural, NonNegative, PointCount, Positive, Section, Switch
from spinn.config.explain import dotted, nearest
from spinn.config.models import Checkpoint
from spinn.config.source import Problem, Source, failure

Share = Annotated[float, Field(gt=0, le=1)]
Symmetry = Literal["auto", "none"]


class OperatorModel(Section):
    """The operator that is trained."""

    kind: Literal["fno", "deeponet", "separable_deeponet"] = Field(
        default="fno",
        description="fno: Fourier neural operator, on any grid of one to three axes. deeponet: a branch network of the "
        "inputs and a trunk network of the coordinates. separable_deeponet: the trunk is a separable network, whose "
        "derivatives are exact: for training by physics.",
    )
    width: Count = Field(default=24, description="Channels of an FNO; units of the layers of the others.")
    modes: Count | list[Count] = Field(default=12, description="fno: wave numbers an axis, one number or a list.")
    layers: Count = Field(default=4, description="Layers of an FNO; of branch and trunk.")
    rank: Share = Field(
        default=1.0,
        description="fno: share of their size that weights have along every axis as Tucker tensors; 1: whole.",
    )
    padding: NonNegative = Field(
        default=0.25, description="fno: by how much of an axis that is not periodic its waves are longer than it."
    )
    terms: Count = Field(default=64, description="deeponet, separable_deeponet: products of branch and trunk summed.")
    sensors: PointCount = Field(
        default=16, description="deeponet, separable_deeponet: points an axis at which the branch sees inputs."
    )
    frequency: Positive = Field(
        default=6.0, description="separable_deeponet: highest frequency of the sines that axes begin with, a half-axis."
    )


class OperatorLoss(Section):
    """What training makes small: a sum of relative norms, each averaged over the samples."""

    l2: NonNegative = Field(default=1.0, description="Weight of ||u - truth|| / ||truth||.")
    h1: NonNegative = Field(default=0.5, description="Weight of the same of the gradients, by differences on the grid.")
    physics: NonNegative = Field(
        default=0.0,
        description="Weight of the residual of the family's PDE, relative to that of u = 0: read by differences or "
        "Fourier sums on the grid, or by exact derivatives of a separable_deeponet. With l2 and h1 zero, outputs of "
        "the file are used for validation only.",
    )

    @model_validator(mode="after")
    def _something(self) -> "OperatorLoss":
        if self.l2 + self.h1 + self.physics == 0:
            raise ValueError("expected at least one of l2, h1 and physics above zero: nothing would be learned")
        return self


class OperatorStage(Section):
    """One stage of training. It starts where the last one ended and stops at the first limit that is reached."""

    optimizer: Literal["adam", "adamw", "soap"] = Field(
        default="adamw",
        description="adam, adamw, or soap (Adam in Shampoo's eigenbasis: fewer steps, more work a step).",
    )
    epochs: Count | None = Field(default=None, description="Stop after so many passes over the samples.")
    steps: Count | None = Field(default=None, description="In place of epochs: stop after so many batches.")
    seconds: Positive | None = Field(default=None, description="Stop after this many seconds of training.")
    points: PointCount | None = Field(
        default=None,
        description="Nodes an axis of the samples seen, thinned out from those in the file: early stages learn on "
        "coarse grids in a fraction of the time. Left out: all.",
    )
    batch: Count = Field(default=16, description="Samples a step.")
    learning_rate: Auto | Positive = Field(default="auto", description="Step size; auto is 3e-3.")
    schedule: Literal["constant", "cosine", "exponential", "warmup_cosine"] = Field(
        default="warmup_cosine", description="How the learning rate changes over the stage's steps."
    )
    warmup: Natural = Field(default=0, description="Steps over which warmup_cosine rises; 0: a twentieth.")
    weight_decay: NonNegative = Field(default=1e-4, description="Decay of the parameters at each adamw step.")

    @model_validator(mode="after")
    def _stops(self) -> "OperatorStage":
        if self.epochs is None and self.steps is None and self.seconds is None:
            raise ValueError("expected at least one of epochs, steps or seconds, got none: the stage would not end")
        if self.schedule != "constant" and self.epochs is None and self.steps is None:
            raise ValueError(
                f"schedule {self.schedule} needs epochs or steps to decay over; or take schedule: constant"
            )
        return self


DEFAULT_STAGES = (
    OperatorStage(epochs=40, points=32),
    OperatorStage(epochs=6, learning_rate=1e-3),
)


class OperatorOutput(Section):
    """What is written into the run's folder when training has ended."""

    figures: Switch = Field(default=True, description="Draw input, truth, prediction and error of held-out samples.")
    report: Switch = Field(default=True, description="Write report.html, one self-contained page about the run.")


class LearnConfig(Section):
    """An operator to be learned from samples. Everything but `data` has a default."""

    data: list[str] = Field(
        default_factory=list,
        description="The file of samples, or several of the same fields and grid: of `spinn generate`, PDEBench's "
        "HDF5, neuraloperator's .pt, or FNO's .mat.",
    )
    held_out: Share | Count = Field(
        default=0.1, description="Samples that are kept from training, to measure errors: a share, or how many."
    )
    finer: list[str] = Field(
        default_factory=list, description="Files of the same fields on other grids, on which errors are measured too."
    )
    inputs: list[str] = Field(default_factory=list, description="Fields that the operator sees; all by default.")
    outputs: list[str] = Field(default_factory=list, description="Fields that it gives; all by default.")
    frames: Literal["all", "last"] = Field(
        default="all", description="Of outputs that evolve: all, time being one more axis, or the last."
    )
    periodic: list[str] = Field(
        default_factory=list, description="Axes that close on themselves, where the file does not tell."
    )
    model: OperatorModel = Field(default=OperatorModel(), description="The operator.")
    loss: OperatorLoss = Field(default=OperatorLoss(), description="What is made small.")
    symmetries: Symmetry = Field(
        default="auto",
        description="auto: samples are also shown reflected, and with axes exchanged, in every way under which samples "
        "of the file still solve the equations of their family (this is tried); none: as they are.",
    )
    train: list[OperatorStage] = Field(
        default=list(DEFAULT_STAGES), min_length=1, description="The stages of training in order."
    )
    memory: NonNegative = Field(
        default=512.0,
        description="Megabytes of samples that are kept once read; the others are read from the disk again.",
    )
    output: OperatorOutput = Field(default=OperatorOutput(), description="What is written at the end.")
    checkpoint: Checkpoint = Field(default=Checkpoint(), description="How often progress is saved.")
    seed: Natural = Field(default=0, description="Seed of every random choice.")
    precision: Literal["float32", "float64"] = Field(default="float32", description="Number format of training.")
    device: Literal["auto", "cpu", "gpu"] = Field(default="auto", description="Where to compute.")

    @field_validator("data", "finer", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


def validated_learning(source: Source) -> LearnConfig:
    """The configuration that the settings describe.

    **Raises:** SpinnError with one line a mistake, each with its file and line.
    """
    try:
        return LearnConfig.model_validate(dict(source.data))
    except ValidationError as error:
        raise failure([_problem(source, details) for details in error.errors()]) from None


def _problem(source: Source, details: Any) -> Problem:
    path = tuple(details["loc"])
    here, text = path, details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        known = list(_section(path[:-1]).model_fields)
        text = f"expected one of the keys {', '.join(known)}, got '{path[-1]}'{nearest(str(path[-1]), known)}"
    elif details["type"] not in ("value_error", "missing"):
        here = _written(source, path)
        text = f"{text[0].lower()}{text[1:]}, got {details['input']!r:.60}"
    return Problem(source.place(here), f"{dotted(here) or 'the whole'}: {text}")


def _section(path: tuple[Any, ...]) -> type[Section]:
    """The group of settings that a path leads to."""
    groups: dict[Any, type[Section]] = {
        "model": OperatorModel, "loss": OperatorLoss, "train": OperatorStage, "output": OperatorOutput,
        "checkpoint": Checkpoint,
    }  # fmt: skip
    return groups[path[0]] if path else LearnConfig


def _written(source: Source, path: tuple[Any, ...]) -> tuple[Any, ...]:
    """pydantic's path without the names of the members of a union, which the user has not written."""
    while path and path not in source.places and path[:-1] in source.places and isinstance(path[-1], str):
        path = path[:-1]
    return path
