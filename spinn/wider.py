"""Bases that corrections are looked for in: more modes along every axis than the solution has, within a budget."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from spinn.growth import MAX_UNKNOWNS
from spinn.networks.elements import bisected

WIDER, MORE = 0.25, 4  # modes of the correction beyond those of the solution: this share of them, and this many
SMALL = 6_000  # unknowns that a correction may always have
LARGER = 2.5  # and how many times those of the solution

Modes = Mapping[str, int]
Breaks = Mapping[str, tuple[float, ...]]


class Basis(NamedTuple):
    """Modes (degrees along axes with breaks), and the ends of elements."""

    modes: dict[str, int]
    breaks: dict[str, tuple[float, ...]]


def wider_bases(
    modes: Sequence[Modes], breaks: Sequence[Breaks], periodic: frozenset[str], unknowns: int
) -> list[Basis]:
    """The bases for the time windows of a solution. Windows with the same axes cut get bases of one size, that of the
    largest: they then have their programs in common, and compiling takes longer than running.
    """
    result = []
    for own in breaks:
        alike = [i for i, other in enumerate(breaks) if other.keys() == own.keys()]
        most = {axis: max(modes[i][axis] for i in alike) for axis in modes[0]}
        counts = {axis: max(len(breaks[i][axis]) - 1 for i in alike) for axis in own}
        cuts = {axis: _cut_to(ends, counts[axis]) for axis, ends in own.items()}
        result.append(Basis(wider_modes(most, periodic, unknowns, cuts), cuts))
    return result


def _cut_to(breaks: tuple[float, ...], count: int) -> tuple[float, ...]:
    """The longest elements cut in halves until there are `count`."""
    while len(breaks) - 1 < count:
        lengths = np.diff(breaks)
        breaks = bisected(breaks, np.arange(len(lengths)) == np.argmax(lengths))
    return breaks


def wider_modes(
    modes: Mapping[str, int],
    periodic: frozenset[str],
    unknowns: int,
    breaks: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
) -> dict[str, int]:
    """More modes along every axis within the budget; degrees along axes with `breaks`."""

    def width(axis: str, n: int) -> int:
        if axis in breaks:
            return (len(breaks[axis]) - 1) * (n + 1)
        return 2 * n + 1 if axis in periodic else n

    def size(chosen: Mapping[str, int]) -> int:
        return unknowns * math.prod(width(axis, n) for axis, n in chosen.items())

    budget = max(SMALL, min(LARGER * size(modes), MAX_UNKNOWNS["windows"]))
    for share in (1.0, 0.75, 0.5, 0.25, 0.0):
        added = {a: math.ceil(share * (WIDER * n + (MORE // 2 if a in periodic else MORE))) for a, n in modes.items()}
        wider = {axis: n + max(added[axis], 1 if axis in periodic else 2) for axis, n in modes.items()}
        if size(wider) <= budget:
            break
    return wider
