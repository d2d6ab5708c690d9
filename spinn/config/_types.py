"""The value types that configuration fields are made of: `auto`, counts, real numbers, intervals."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

Auto = Literal["auto"]
Switch = StrictBool


class Section(BaseModel):
    """A frozen group of settings that knows all its keys: a misspelt one is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _number(value: Any) -> Any:
    """Refuse `true` and quoted numbers, which pydantic would turn into numbers silently."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("number_type", "expected a number")
    return value


def _ascending(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    if not low < high:
        raise ValueError(f"expected [low, high] with low < high, got [{low:g}, {high:g}]")
    return interval


Natural = Annotated[int, Field(ge=0), BeforeValidator(_number)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_number)]
PointCount = Annotated[int, Field(ge=2), BeforeValidator(_number)]
NonNegative = Annotated[float, Field(ge=0), BeforeValidator(_number)]
Positive = Annotated[float, Field(gt=0), BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number)]
Interval = Annotated[tuple[Real, Real], AfterValidator(_ascending)]
