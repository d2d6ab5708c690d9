"""Settings of a decomposition: where the box is cut, and what the two sides of a cut are asked to agree on."""

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from spinn.config._types import Count, Interval, NonNegative, Real, Section, Switch

ConditionName = Literal[
    "solution", "average", "residual", "residual_continuity", "flux", "second_normal", "second_tangential",
    "residual_gradient", "normal_gradient", "tangential_gradient",
]  # fmt: skip
PresetName = Literal["matching", "smooth", "cpinn", "xpinn", "auto"]


class Strip(Section):
    """Two cuts: what lies between them is one subdomain, the rest on both sides is another one."""

    strip: Interval = Field(description="Where the strip begins and ends, such as [-0.1, 0.1].")


Cuts = Count | Annotated[list[Real], Field(min_length=1)] | Strip


class Domains(Section):
    """Subdomains with networks of their own. `domains: {x: 8}` is short for `domains: {cuts: {x: 8}}`."""

    cuts: dict[str, Cuts] = Field(
        default_factory=dict,
        description="How each axis is cut: into so many equal parts, as in {x: 8, y: 8}; at given coordinates, as in "
        "{x: [0.3, 0.5]}; or {x: {strip: [-0.1, 0.1]}}, the strip against the rest. Axes left out stay whole. Cut "
        "where a coefficient or a slope jumps; smooth problems are better left whole.",
    )
    coarse: Switch = Field(
        default=False,
        description="Add a network of the whole box to those of the subdomains (trained networks only): it carries "
        "what all of them share.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_cuts(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {name: value[name] for name in ("cuts", "coarse") if name in value}
        axes = {name: cut for name, cut in value.items() if name not in own}
        if not axes or not isinstance(own.get("cuts", {}), dict):
            return value
        return {**own, "cuts": {**own.get("cuts", {}), **axes}}  # both forms, where settings were put together

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [whole, whole["properties"]["cuts"]], "description": whole.get("description", "")}


class Interface(Section):
    """What both sides of every cut are asked to agree on. `interface: cpinn` is short for `{conditions: cpinn}`."""

    conditions: PresetName | ConditionName | list[ConditionName] | dict[ConditionName, NonNegative] = Field(
        default="matching",
        description="matching: the unknowns and as many derivatives across the cut as the equation's order asks for, "
        "or its flux where the PDE names one. smooth, cpinn, xpinn: usual sets. Or conditions by name, as in "
        "[solution, flux], or with weights, as in {solution: 1, flux: 0.5}. Each is first scaled to the strength of "
        "the equation. auto: those with which small networks come nearest to solving this very problem, by successive "
        "halving over sixteen sets.",
    )
    policy: str | None = Field(
        default=None,
        min_length=1,
        description="A policy.json of `spinn metalic`, which says the conditions for the PDE's parameters; looked for "
        "beside the YAML file and then in the current folder. In place of `conditions`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_conditions(cls, value: Any) -> Any:
        short = isinstance(value, str | list) or (
            isinstance(value, dict) and value and not {"conditions", "policy"} & set(value)
        )
        return {"conditions": value} if short else value

    @model_validator(mode="after")
    def _one_of_both(self) -> "Interface":
        if self.policy is not None and "conditions" in self.model_fields_set and self.conditions != "matching":
            raise ValueError("expected either conditions or a policy that chooses them, got both")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [whole, whole["properties"]["conditions"]], "description": whole.get("description", "")}
