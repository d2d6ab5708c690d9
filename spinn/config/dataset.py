"""The configuration of a dataset: what the YAML file of `spinn generate` may say. Descriptions are the manual."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from spinn.config._types import Auto, Count, Natural, Positive, Real, Section
from spinn.config.explain import dotted, nearest
from spinn.config.load_pde import load_pde
from spinn.config.models import PdeSpec
from spinn.config.source import Problem, Source, failure
from spinn.data import (
    FAMILIES,
    Family,
    GaussianField,
    LogNormal,
    Matern,
    PowerLaw,
    RandomField,
    Sigmoid,
    Threshold,
    from_pde,
)
from spinn.data.generation import Recipe
from spinn.errors import SpinnError


class RandomFieldSpec(Section):
    """A Gaussian random field, and what is made of it."""

    spectrum: Literal["power_law", "matern"] = Field(
        default="power_law",
        description="power_law: the covariance (-Laplacian + tau^2)^-alpha, as in the FNO paper; matern: smoothness nu "
        "and correlation length.",
    )
    alpha: Positive = Field(default=2.0, description="power_law: decay of the spectrum.")
    tau: Positive = Field(default=3.0, description="power_law: inverse length.")
    nu: Positive = Field(default=1.5, description="matern: smoothness; 0.5 is the exponential covariance.")
    length: Positive = Field(default=0.2, description="matern: correlation length, in the units of the domain.")
    boundary: Literal["neumann", "dirichlet", "periodic", "free"] = Field(
        default="neumann", description="Of the eigenfunctions; free: as in free space, without regard to the boundary."
    )
    modes: Count = Field(default=64, description="Eigenfunctions an axis.")
    scale: Real = Field(default=1.0, description="Factor of the field.")
    mean: Real = Field(default=0.0, description="Added to the field.")
    threshold: tuple[Real, Real] | None = Field(
        default=None, description="[low, high]: high where the field is not negative, low elsewhere."
    )
    lognormal: tuple[Real, Real] | None = Field(default=None, description="[median, sigma]: median exp(sigma field).")
    between: tuple[Real, Real] | None = Field(
        default=None, description="[low, high]: a smooth function of the field with values strictly between."
    )

    def build(self) -> GaussianField | RandomField:
        """The sampler."""
        spectrum = PowerLaw(self.alpha, self.tau) if self.spectrum == "power_law" else Matern(self.nu, self.length)
        field = GaussianField(spectrum, self.boundary, self.modes, self.scale, self.mean)
        made = {Threshold: self.threshold, LogNormal: self.lognormal, Sigmoid: self.between}
        chosen: list[Any] = [kind(*numbers) for kind, numbers in made.items() if numbers is not None]
        if len(chosen) > 1:
            raise ValueError("expected one of threshold, lognormal and between, got several")
        return RandomField(field, chosen[0]) if chosen else field


class DatasetConfig(Section):
    """A dataset for training neural operators: samples of a family of PDE problems."""

    family: str | None = Field(
        default=None, description="A shipped family, such as darcy_2d; `spinn generate --list` shows all."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the family by name, such as {source: 2.0}; a random field is a mapping, such as "
        "{permeability: {spectrum: matern, length: 0.1, lognormal: [1, 1]}}.",
    )
    pde: PdeSpec | None = Field(default=None, description="In place of `family`: a PDE, shipped or of your own.")
    vary: dict[str, tuple[Real, Real] | RandomFieldSpec] = Field(
        default_factory=dict,
        description="With `pde`: its parameters that vary, each between [low, high] or as a random field.",
    )
    grid: Count | list[Count] | None = Field(
        default=None, description="Nodes an axis, faces included: one number for all axes, or a list."
    )
    samples: Count = Field(default=1000, description="How many samples.")
    seed: Natural = Field(default=0, description="Seed of all random choices; sample i depends on it and i alone.")
    tolerance: Positive = Field(default=1e-8, description="Of the true relative residual of every sample.")
    solver: Auto | str = Field(
        default="auto",
        description="Linear solver; auto: the fastest in a trial on the first systems. Those made for accelerators "
        "solve the systems of a piece side by side by JAX, on boxes: batched-poisson-cg and "
        "batched-scaled-poisson-cg where matrices are positive definite, batched-gcrodr for all; auto tries them "
        "where JAX has an accelerator.",
    )
    order: Literal["auto", "sorted", "given"] = Field(
        default="auto", description="sorted: near samples follow each other, so that solvers recycle what they learn."
    )
    piece: Natural = Field(default=0, description="Samples solved in a row before they are saved; 0: chosen.")
    dtype: Literal["float64", "float32"] = Field(default="float64", description="Numbers of the stored fields.")

    @model_validator(mode="after")
    def _one_source(self) -> "DatasetConfig":
        if (self.family is None) == (self.pde is None):
            raise ValueError("expected either `family` or `pde` with `vary`, got both or neither")
        if self.pde is not None and not self.vary:
            raise ValueError("expected `vary` beside `pde`: the parameters that vary, such as {nu: [0.01, 0.1]}")
        return self


def validated(source: Source) -> DatasetConfig:
    """The configuration that the settings describe.

    **Raises:** SpinnError with one line a mistake, each with its file and line.
    """
    try:
        return DatasetConfig.model_validate(source.data)
    except ValidationError as error:
        raise failure([_problem(source, details) for details in error.errors()]) from None


def _problem(source: Source, details: Any) -> Problem:
    path = tuple(key for key in details["loc"] if not (isinstance(key, str) and key.endswith("Spec")))
    text = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        known = list(DatasetConfig.model_fields) if len(path) == 1 else list(RandomFieldSpec.model_fields)
        text = f"expected one of the keys {', '.join(known)}, got '{path[-1]}'{nearest(str(path[-1]), known)}"
    elif details["type"] not in ("value_error", "missing"):
        text = f"{text[0].lower()}{text[1:]}, got {details['input']!r:.60}"
    return Problem(source.place(path), f"{dotted(path) or 'the whole'}: {text}")


def build(config: DatasetConfig, source: Source) -> Recipe:
    """The recipe of a configuration; relative names of files are looked for where the source says.

    **Raises:** SpinnError at the setting that does not fit.
    """

    def fail(key: str, message: object) -> SpinnError:
        return failure([Problem(source.place((key,)), f"{key}: {message}")])

    family = _family(config, fail) if config.family is not None else _from_pde(config, source, fail)
    names = ("samples", "seed", "tolerance", "solver", "order", "piece", "dtype")
    try:
        return Recipe(family=family, **{name: getattr(config, name) for name in names})
    except ValueError as error:
        raise fail(str(error).partition(":")[0], str(error).partition(": ")[2]) from None


def _family(config: DatasetConfig, fail: Any) -> Family:
    known = FAMILIES
    if config.family not in known:
        hint = nearest(str(config.family), known)
        raise fail("family", f"expected one of {', '.join(sorted(known))}, got '{config.family}'{hint}")
    cls = known[config.family]
    fields = {field.name: field for field in dataclasses.fields(cls) if field.name != "grid"}
    strange = [name for name in config.settings if name not in fields]
    if strange:
        hint = nearest(strange[0], fields)
        raise fail("settings", f"expected some of {', '.join(fields) or 'none'}, got '{strange[0]}'{hint}")
    try:
        settings = {name: _setting(value) for name, value in config.settings.items()}
        grid = {} if config.grid is None else {"grid": _grid(config.grid, len(_default_grid(cls)))}
        return cls(**settings, **grid)
    except ValidationError as error:
        details = error.errors()[0]
        raise fail("settings", f"{dotted(details['loc'])}: {details['msg']}") from None
    except (ValueError, TypeError) as error:
        raise fail("grid" if "grid" in str(error) else "settings", error) from None


def _setting(value: Any) -> Any:
    """A number or word as it is; a mapping is a random field."""
    return RandomFieldSpec.model_validate(value).build() if isinstance(value, Mapping) else value


def _default_grid(cls: type[Family]) -> tuple[int, ...]:
    found: Any = next(field.default for field in dataclasses.fields(cls) if field.name == "grid")
    return tuple(found)


def _grid(grid: int | list[int], axes: int) -> tuple[int, ...]:
    """One number for every axis, or those given."""
    numbers = (grid,) * axes if isinstance(grid, int) else tuple(grid)
    if len(numbers) != axes:
        raise ValueError(f"expected a grid of {axes} numbers, or one for all axes, got {list(numbers)}")
    return numbers


def _from_pde(config: DatasetConfig, source: Source, fail: Any) -> Family:
    assert config.pde is not None
    pde = load_pde(config.pde, source.base, places=source.places)
    vary = {name: how.build() if isinstance(how, RandomFieldSpec) else how for name, how in config.vary.items()}
    axes = len([axis for axis in pde.coordinates if axis != "t"])
    try:
        return from_pde(pde, vary, _grid(config.grid or 64, axes))
    except (ValueError, TypeError) as error:
        raise fail("vary" if "vary" in str(error) else "grid", str(error).removeprefix("vary: ")) from None
