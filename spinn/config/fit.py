"""Does a configuration fit its PDE? Names of axes, losses and parameters, and lengths, which only the PDE can tell."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spinn.config.domains import Strip
from spinn.config.explain import dotted, nearest, shown
from spinn.config.models import Config
from spinn.config.parameter_types import converted, declared_type, in_words
from spinn.config.source import Places, Problem, failure, nearest_place
from spinn.pdes import PDE, Face, Local
from spinn.pdes._order import OrderProbe


def check_fit(config: Config, pde: PDE, places: Places | None = None) -> None:
    """Check every setting that names an axis, counts axes, or names a term of the loss.

    **Raises:** SpinnError with all mistakes, one a line.
    """
    problems: list[Problem] = []

    def complain(path: tuple[str, ...], message: str) -> None:
        problems.append(Problem(nearest_place(places or {}, path), f"{dotted(path)}: {message}"))

    network, sampling = config.network, config.sampling
    by_axis = {
        ("network", "features"): network.features,
        ("network", "modes"): network.modes,
        ("network", "map"): network.map,
        ("domains", "cuts"): config.domains.cuts,
        ("sampling", "points_per_axis"): sampling.points_per_axis,
    }
    for path, value in by_axis.items():
        for axis, message in _strange(value, pde.coordinates, "axis"):
            complain((*path, axis), message)
    an_axis = {("network", "rank"): network.rank, ("output", "grid"): config.output.grid}
    for path, numbers in an_axis.items():
        if isinstance(numbers, Sequence) and not isinstance(numbers, str) and len(numbers) != len(pde.coordinates):
            axes = ", ".join(pde.coordinates)
            complain(path, f"expected {len(pde.coordinates)} numbers, one an axis ({axes}), got {len(numbers)}")
    for name, message in _strange(config.loss.weights, loss_names(pde), "loss term"):
        complain(("loss", "weights", name), message)
    if isinstance(config.windows, int) and config.windows > 1 and "t" not in pde.coordinates:
        complain(("windows",), f"expected 1 or 'auto' for a problem without a time axis 't', got {config.windows}")
    for axis, cuts in config.domains.cuts.items():
        if axis in pde.coordinates and (message := _misplaced(cuts, pde.domain[axis])):
            complain(("domains", "cuts", axis), message)
    for where, message in _continuation(config.continuation, pde):
        complain(where, message)
    if problems:
        raise failure(problems)


def _misplaced(cuts: Any, interval: tuple[float, float]) -> str:
    """What is wrong with the places at which an axis is cut; empty where nothing is."""
    places = cuts.strip if isinstance(cuts, Strip) else cuts if isinstance(cuts, list) else []
    low, high = interval
    if all(before < after for before, after in itertools.pairwise([low, *places, high])):
        return ""
    told = ", ".join(f"{place:g}" for place in places)
    return f"expected cuts that ascend strictly between {low:g} and {high:g}, got {told}"


def _continuation(values: Mapping[str, Sequence[float]], pde: PDE) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with the values of parameters that a problem is to be solved with first, and where."""
    numbers = [name for name, value in pde.parameters.items() if _is_number(value)]
    if values and not numbers:
        return [(("continuation",), f"expected nothing, as {type(pde).__name__} has no numeric parameters")]
    found: list[tuple[tuple[str, ...], str]] = [
        (("continuation", name), message) for name, message in _strange(values, numbers, "numeric parameter")
    ]
    lengths = {name: len(listed) for name, listed in values.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} of {name}" for name, count in lengths.items())
        found.append((("continuation",), f"expected as many values of each parameter, got {told}"))
    if found:
        return found
    types = {field.name: declared_type(type(pde), field.name, field.type) for field in dataclasses.fields(pde)}
    for name, listed in values.items():
        wrong = next((value for value in listed if not converted(types[name], value)[0]), None)
        if wrong is not None:
            found.append((("continuation", name), f"expected {in_words(types[name])}, got {shown(wrong)}"))
    for changed in [] if found else continuation_of(values, pde):
        try:
            dataclasses.replace(pde, **changed)
        except Exception as error:
            told = ", ".join(f"{name} = {value:g}" for name, value in changed.items())
            return [(("continuation",), f"{type(pde).__name__} refuses {told}: {error}")]
    return found


def continuation_of(values: Mapping[str, Sequence[float]], pde: PDE) -> tuple[dict[str, Any], ...]:
    """The parameters of a PDE that a configuration solves with first, one after another, in their declared types."""
    types = {field.name: declared_type(type(pde), field.name, field.type) for field in dataclasses.fields(pde)}
    count = min(map(len, values.values()), default=0)
    return tuple({name: converted(types[name], listed[n])[1] for name, listed in values.items()} for n in range(count))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def loss_names(pde: PDE) -> tuple[str, ...]:
    """The names that `loss.weights` may use: residuals, conditions, and single faces of conditions."""
    probes = {name: OrderProbe(pde.coordinates, {}) for name in pde.unknowns}
    axes = {name: OrderProbe(pde.coordinates, {}, constant=True) for name in pde.coordinates}

    def at(face: Face | None) -> Local:
        return Local(probes, axes)

    residuals = pde.residuals(probes, axes)
    return tuple(dict.fromkeys([*residuals, *(c.name for c in pde.conditions()), *pde.condition_residuals(at)]))


def _strange(value: Any, known: Iterable[str], what: str) -> list[tuple[str, str]]:
    """The keys of a mapping that are not known, each with what to say about it."""
    names = tuple(known)
    if not isinstance(value, Mapping):
        return []
    return [
        (key, f"expected one of the {_plural(what)} {', '.join(names)}, got '{key}'{nearest(key, names)}")
        for key in value
        if key not in names
    ]


def _plural(what: str) -> str:
    return "axes" if what == "axis" else f"{what}s"
