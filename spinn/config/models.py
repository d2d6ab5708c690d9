"""The whole configuration of a run: what a YAML file may say. The descriptions here are the reference manual."""

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from spinn.config._types import Auto, Count, Interval, Natural, NonNegative, PointCount, Real, Section, Switch
from spinn.config.domains import Domains, Interface
from spinn.config.network import Network
from spinn.config.training import Loss, Sampling, Stage


class PdeSpec(Section):
    """Which equation is solved, and with which parameters. `pde: heat` is short for `pde: {name: heat}`."""

    name: str = Field(
        min_length=1,
        description="A shipped problem (`spinn list` shows all), or a class in a file of your own: ./my_pde.py:Beam, "
        "looked for beside the YAML file and then in the current folder.",
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the equation, such as {nu: 0.05}; `spinn show NAME` lists them with defaults.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [{"type": "string"}, whole], "description": whole.get("description", "")}


class Output(Section):
    """What is written into the run's folder when training has ended."""

    grid: Auto | list[PointCount] = Field(
        default="auto",
        description="Points an axis of the grid on which the solution is saved, in the order of the PDE's "
        "coordinates, such as [21, 64, 64, 64].",
    )
    figures: Switch = Field(
        default=True, description="Draw the solution, its error where the truth is known, and the loss."
    )
    vtkhdf: Switch = Field(default=True, description="Make solution.h5 open in ParaView as VTKHDF.")
    estimate: Auto | Switch = Field(
        default="auto",
        description="Estimate the error when training has ended, by one correction in a wider basis (many axes: by a "
        "second solution); needs no exact solution. `auto` gives up where that takes much longer than solving did.",
    )
    report: Switch = Field(default=True, description="Write report.html, one self-contained page about the run.")


class Checkpoint(Section):
    """How often the state of training is saved, so that `--resume` continues to the same numbers."""

    every_seconds: NonNegative = Field(
        default=60.0, description="Seconds between checkpoints; 0 saves at every chance."
    )
    keep: Count = Field(default=2, description="How many of the last checkpoints are kept.")


class Config(Section):
    """A run of spinn. Only `pde` is needed; whatever is left out is chosen by the recipe, written to the run's
    config.yaml, and can be edited there.
    """

    pde: PdeSpec = Field(description="The equation: a name, ./file.py:Class, or {name: ..., params: {...}}.")
    domain: dict[str, Interval] = Field(
        default_factory=dict,
        description="Intervals that replace the PDE's own, by axis, such as {t: [0, 5]}.",
    )
    network: Network = Field(default=Network(), description="The network.")
    sampling: Sampling = Field(default=Sampling(), description="The collocation points.")
    loss: Loss = Field(default=Loss(), description="The weights of the residuals.")
    windows: Auto | Count = Field(
        default="auto",
        description="Time windows: the time interval is cut into this many equal parts, solved one after the other, "
        "each starting from the end of the last. auto: one, cut shorter where Newton's method fails on it.",
    )
    domains: Domains = Field(default=Domains(), description="Subdomains with networks of their own; none by default.")
    interface: Interface = Field(default=Interface(), description="What both sides of a cut are asked to agree on.")
    continuation: dict[str, Annotated[list[Real], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Values of the PDE's parameters to solve with first, coarsely and in this order, such as "
        "{nu: [0.1, 0.03]}: Newton's method starts at each, and at last at the PDE's own, from the solution before. "
        "For nonlinear problems on which it fails otherwise; fixed features and gauss_newton only. Several parameters "
        "move together, in lists of one length.",
    )
    train: list[Stage] = Field(
        default_factory=list,
        description="The stages of training in order, such as [{optimizer: adam, steps: 5000}, {optimizer: lbfgs, "
        "tolerance: 1e-8}]. Left out or empty: the recipe's.",
    )
    recipe: Literal["default", "paper"] = Field(
        default="default",
        description="How everything left 'auto' is chosen. default: by what the equation is (linear or not, number of "
        "axes, conditions), for accuracy. paper: the settings of the SPINN paper (NeurIPS 2023).",
    )
    output: Output = Field(default=Output(), description="What is written at the end.")
    checkpoint: Checkpoint = Field(default=Checkpoint(), description="How often progress is saved.")
    seed: Natural = Field(default=0, description="Seed of every random choice. Same seed, same machine: same numbers.")
    precision: Literal["auto", "float32", "float64", "mixed"] = Field(
        default="auto",
        description="Number format of training. float64 is needed for errors below about 1e-5. mixed: linear solves of "
        "gauss_newton in float32, refined by residuals in float64 up to the same errors, for devices whose float64 is "
        "slow. auto: float64 on a CPU; on a GPU mixed for least-squares methods, float32 for the others.",
    )
    device: Literal["auto", "cpu", "gpu"] = Field(
        default="auto", description="Where to compute; auto takes a GPU if any."
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, value: Any) -> Any:
        """A key with nothing under it (all lines commented out, say) means its default."""
        if isinstance(value, dict):
            return {key: item for key, item in value.items() if item is not None}
        return value
