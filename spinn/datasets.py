"""Datasets from the words of a user: a YAML file or a family's name, flags on top, and a file at the end."""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spinn.config.dataset import DatasetConfig, build, validated
from spinn.config.overrides import parse_assignment
from spinn.config.shipped import dataset_examples
from spinn.config.source import Place, Problem, Source, failure, from_data
from spinn.config.yaml_source import read
from spinn.data import FAMILIES
from spinn.data.formats import LAYOUTS, convert
from spinn.data.formats.native import Dataset
from spinn.data.generation import Done, Recipe, Verified, generate, verify
from spinn.data.generation.choosing import check_solver
from spinn.data.generation.generate import Result
from spinn.data.generation.space import told
from spinn.errors import SpinnError

if TYPE_CHECKING:
    from spinn.operators.active import Chosen

Progress = Callable[[int, int], None]


class Prepared(NamedTuple):
    """A recipe ready to be made, and the configuration that it came from, as the file will carry it."""

    recipe: Recipe
    config: DatasetConfig
    base: Path


def prepare(what: str, assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> Prepared:
    """What `what` names (a YAML file, or a family), with `--set` assignments and flags on top, checked.

    **Raises:** SpinnError for whatever is wrong with it.
    """
    path = Path(what)
    if path.suffix in (".yaml", ".yml"):
        source = read(_file(path))
    elif path.is_file():
        raise SpinnError(f"expected a YAML file or a family, got the file {what}")
    else:
        source = from_data({"family": what}, name=what)
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    if isinstance(given.get("grid"), str):
        given["grid"] = _grid(given["grid"])
    source = _overridden(source, assignments, given)
    config = validated(source)
    recipe = build(config, source)
    try:
        check_solver(recipe)
    except SpinnError as error:
        raise failure([Problem(source.place(("solver",)), error.message)]) from None
    return Prepared(recipe, config, source.base)


def _file(path: Path) -> Path:
    """The file, or else the shipped example of that name."""
    shipped = dataset_examples()
    if path.is_file():
        return path
    if path.parent == Path(".") and path.stem in shipped:
        return shipped[path.stem]
    raise SpinnError(f"there is no such file, nor a shipped example; those are {', '.join(shipped)}", file=path)


def _overridden(source: Source, assignments: Sequence[str], flags: Mapping[str, Any]) -> Source:
    """The settings with `--set a.b=c` and flags on top; what they come to is checked with the rest."""
    data, places = copy.deepcopy(dict(source.data)), dict(source.places)
    for text in assignments:
        path, value = parse_assignment(text)
        here: Any = data
        for key in path[:-1]:
            here = here.setdefault(key, {}) if isinstance(here, dict) else None
            if not isinstance(here, dict):
                raise SpinnError(f"--set {text}: expected the name of a setting, or of one in a section")
        here[path[-1]] = value
        places[path] = places[path[:1]] = Place(f"--set {text}")
    for name, value in flags.items():
        data[name] = value
        places[(name,)] = Place(f"--{name} {value}")
    return Source(data, places, source.base, source.name)


def _grid(text: str) -> int | list[int]:
    """`128`, or `64,32`, or `64x32`."""
    try:
        numbers = [int(part) for part in text.replace("x", ",").split(",")]
    except ValueError:
        raise SpinnError(f"--grid: expected a number such as 128, or one an axis such as 64,32, got '{text}'") from None
    return numbers[0] if len(numbers) == 1 else numbers


def active(
    prepared: Prepared, model: Path, *, pool: int = 8, progress: Progress = lambda done, total: None
) -> "tuple[Prepared, Chosen]":
    """The same with those samples of a pool, `pool` times as many as wanted, on which the operator in `model` has the
    largest residuals; and what was chosen.

    **Raises:** SpinnError where the family has no systems, or the operator other inputs.
    """
    from spinn.operators.active import choose

    found = choose(prepared.recipe, model, pool=pool, progress=progress)
    return prepared._replace(recipe=dataclasses.replace(prepared.recipe, chosen=found.numbers)), found


def default_name(family: str, layout: str) -> str:
    """The file's name where none is given."""
    return f"{family}{LAYOUTS[layout].suffix if layout in LAYOUTS else '.h5'}"


def make(
    prepared: Prepared,
    out: Path,
    *,
    layout: str = "native",
    workers: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
    message: Callable[[str], None] = lambda text: None,
) -> Result:
    """Make the dataset; in another layout than the native one by way of it.

    **Raises:** SpinnError as `generate` does, for an unknown layout, or for one that the family does not fit.
    """
    if layout not in LAYOUTS:
        raise SpinnError(f"--format: expected one of {', '.join(LAYOUTS)}, got '{layout}'")
    suffixes = LAYOUTS[layout].suffixes
    if layout != "native" and out.suffix not in suffixes:
        raise SpinnError(f"--out: files of the layout {layout} end in {' or '.join(suffixes)}, got '{out.name}'")
    if workers < 1:
        raise SpinnError(f"--workers: expected at least 1, got {workers}")
    config = {**prepared.config.model_dump(mode="json", exclude_defaults=True), "base": str(prepared.base.resolve())}
    native = out if layout == "native" else out.with_name(f"{out.name}.native")
    if layout != "native" and out.exists() and not overwrite:
        raise SpinnError("exists already; choose another --out, or give --overwrite", file=out)

    def tell(done: Done) -> None:
        progress(done.samples, done.total)

    result = generate(
        prepared.recipe, native, workers=workers, resume=resume, overwrite=overwrite, progress=tell, message=message,
        config=config,
    )  # fmt: skip
    if layout == "native":
        return result
    with told(out.parent, float(native.stat().st_size)):
        convert(native, out, layout)
    native.unlink()
    return dataclasses.replace(result, file=out)


def verified(
    path: Path, *, share: float = 0.1, seed: int = 0, progress: Progress = lambda done, total: None
) -> Verified:
    """Check a file that `make` wrote, with the family that its configuration describes.

    **Raises:** SpinnError where the file is no dataset, carries no configuration, or `share` makes no sense.
    """
    with Dataset(path) as data:
        config = data.attributes.get("config")
    if config is None:
        raise SpinnError(
            "carries no configuration, since it was made from Python; use spinn.data.generation.verify(path, family)",
            file=path,
        )
    base = Path(config.pop("base", "."))
    source: Source = from_data(config, base=base, text=str(path))
    try:
        return verify(path, build(validated(source), source).family, share=share, seed=seed, progress=progress)
    except ValueError as error:
        raise SpinnError(str(error)) from None


def listed() -> list[tuple[str, str, str, str]]:
    """Name, default grid, settings and meaning of every shipped family."""
    rows = []
    for name, cls in sorted(FAMILIES.items()):
        fields = {field.name: field for field in dataclasses.fields(cls)}
        grid = fields.pop("grid").default
        summary = (cls.__doc__ or "").strip().splitlines()[0]
        rows.append((name, "x".join(map(str, grid)), ", ".join(fields), summary))  # type: ignore[arg-type]
    return rows
