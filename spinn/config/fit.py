"""Does a configuration fit its PDE? Axis names, list lengths and loss names, which only the PDE can tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spinn.config.explain import dotted, nearest
from spinn.config.models import Config
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
    if problems:
        raise failure(problems)


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
