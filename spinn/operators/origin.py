"""The family that a dataset was made from, built again from the configuration that its file carries."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spinn.config.dataset import build, validated
from spinn.config.source import from_data
from spinn.data.families import Family
from spinn.data.generation import Recipe
from spinn.errors import SpinnError


def recipe_of(config: Mapping[str, Any], text: str = "") -> Recipe:
    """The recipe that a configuration describes; `text` stands before messages about it.

    **Raises:** SpinnError where it does not fit this version, or a PDE's file is gone.
    """
    settings = {name: value for name, value in config.items() if name != "base"}
    source = from_data(settings, base=Path(config.get("base", ".")), text=text)
    return build(validated(source), source)


def family_of(attributes: Mapping[str, Any], shape: Sequence[int] = ()) -> Family | None:
    """The family of a native file, on a grid of `shape` if one is given; None where the file does not tell.

    **Raises:** SpinnError as `recipe_of`.
    """
    config = attributes.get("config")
    return None if config is None else regridded(recipe_of(config).family, shape)


def regridded(family: Family, shape: Sequence[int]) -> Family:
    """The family on another grid of space.

    **Raises:** SpinnError for a grid that it does not take.
    """
    if not shape or tuple(shape) == tuple(family.grid):
        return family
    try:
        return dataclasses.replace(family, grid=tuple(shape))
    except ValueError as error:
        raise SpinnError(f"{family.name} cannot be put on a grid of {tuple(shape)}: {error}") from None
