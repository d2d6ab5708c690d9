"""How a run goes on after a level: more modes, elements, a shorter time window, or an end."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spinn.mapping import Peaks, fitted_map
from spinn.multidomain.condensation import seen_unknowns, traces_an_axis
from spinn.multidomain.growth import ENOUGH_RESIDUAL, as_unknowns
from spinn.multidomain.normal import MOST_IN_SLAB, slab_width
from spinn.networks.bodies import Fourier
from spinn.networks.mapped import unmapped
from spinn.networks.multidomain import MultiDomainNetwork
from spinn.networks.separable import SeparableNetwork
from spinn.pdes import PDE, derivative_orders
from spinn.recipes import Plan
from spinn.spectrum import ELEMENT_DEGREE, extrapolated_modes, limited, refined_breaks, tails

ENOUGH_LOSS = 1e-22  # relative to the loss of the zero field (residual 1e-11 of the data): no more steps, no more modes
# An axis whose last modes carry less than this needs no more of them, by the number of unknowns: where these are many
# already, less is asked.
RESOLVED_TAILS = {0: 1e-10, 4_000: 1e-7, 40_000: 1e-5}
MAX_GLOBAL_MODES = {False: 128, True: 160}  # polynomials, waves: beyond, an axis is cut into elements
NEARLY = 1.5  # times the modes of a global basis that its largest one is tried for first
MAX_ELEMENTS = 40
# The relative residual of a level at which Newton's method has failed, and the time window is cut.
FAILED = 3e-2
# Into how many parts a window is cut where Newton's method fails, and where linear solves are merely hard.
SHORTER, SHORT, MAX_WINDOWS, FEWEST_TIMES = 4, 2, 512, 8
# Iterations of a linear solve from which a window is cut in two rather than given more modes in time: they grow with
# its length.
HARD = 60
# Bounds of the growth of the modes of an axis in one level, the upper one by the number of axes.
LEAST_GROWTH, MOST_GROWTH = 1.25, {1: 3.0, 2: 2.5, 3: 2.0, 4: 1.7}
# Growth aims at last modes that carry this share of what a resolved axis may carry; a solution is iterated until it
# changes by less than this share.
BELOW, SETTLED = 0.1, 0.01
MAX_LEVELS = 8
MAX_UNKNOWNS = {"whole": 80_000, "windows": 250_000}  # of a run in one window, of each of several
# Unknowns with which elements are tried although more modes did not help, in time-dependent problems, where those are
# many and rough data are common.
CHEAP = 8_000
WORTHWHILE = 1.2  # a level with fewer unknowns than this times the last one's is not worth its compilation


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a run stands between snapshots: window, level, stage, and the modes of every window so far."""

    window: int = 0
    level: int = 0
    stage: int = 0
    modes: tuple[Mapping[str, int], ...] = ()
    breaks: tuple[Mapping[str, tuple[float, ...]], ...] = ()  # of the axes that are cut into elements
    ends: tuple[float, ...] = ()  # of the time windows so far
    steps_before: int = 0
    seconds_before: float = 0.0
    level_loss: float = math.inf  # the loss that the level before ended with
    # Of the window as it was before it was cut: its end, and the loss of its first level.
    uncut: tuple[float, float] | None = None
    patient: bool = False  # cutting windows did not help
    shapes: tuple[Mapping[str, Any], ...] = ()  # of the networks that were polished (see `spinn.polishing`)
    doublings: int = 0  # of the bandwidth that trained axis networks start with
    gradient: bool = False  # whether Levenberg-Marquardt was given up for gradient training
    stalls: int = 0  # levels in a row that gained little, where ranks grow
    wanted: Mapping[str, int] = dataclasses.field(default_factory=dict)  # modes that the data show, there
    ahead: int = 0  # values of continuation up to the problem itself (see `spinn.continuation`)
    maps: tuple[Mapping[str, Peaks], ...] = ()  # of the axes that are mapped
    path: tuple[Mapping[str, float], ...] = ()  # these values, where the run has chosen them itself


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a level went: its loss, that of the zero field, its unknowns, and the hardest of its linear solves."""

    loss: float
    zero_loss: float
    parameters: int
    iterations: int = 0
    exhausted: bool = False  # one of them was cut off
    refused: bool = False  # the level ended with steps refused

    @property
    def residual(self) -> float:
        """Relative to that of the zero field."""
        return math.sqrt(self.loss / self.zero_loss) if self.zero_loss > 0 else 0.0

    @property
    def failed(self) -> bool:
        """Whether Newton's method has failed."""
        return self.refused or self.residual >= FAILED

    @property
    def trouble(self) -> str:
        """What went wrong, in words."""
        if self.failed:
            return f"Newton's method fails (residual {self.residual:.1e})"
        return f"a linear solve did not end in {self.iterations} iterations"


@dataclasses.dataclass(frozen=True)
class Growth:
    """Decides, by the spectra of a level's solution and by how hard it was, what the next level is."""

    plan: Plan
    pde: PDE
    fits: bool = True  # whether maps are fitted: not where only whether a level would follow is asked for

    def grown(self, place: Place, network: SeparableNetwork, outcome: Outcome) -> tuple[Place | None, list[str]]:
        """The place with more modes, or elements, on the axes that need them, or with a window cut in two; None where
        all are resolved or the budget is spent. With it, what users should know.
        """
        if outcome.loss < ENOUGH_LOSS * outcome.zero_loss or place.gradient:
            return None, []
        found, tail = tails(network), resolved_tail(outcome.parameters)
        short = {axis: one for axis, one in found.items() if one > max(tail, 0.1 * max(found.values()))}
        if not short:
            return None, []
        if outcome.loss > 0.5 * place.level_loss:
            return self.cut_instead(place, network, short, outcome)
        modes, breaks, ends = dict(place.modes[-1]), dict(place.breaks[-1]), place.ends
        maps = dict(place.maps[-1]) if place.maps else {}
        if "t" in short and outcome.iterations > HARD and self.may_cut(place):
            del short["t"]
            ends = self.cut(place, SHORT)
        for axis in short:
            if axis not in breaks and self.remapped(network, axis, tail, modes, maps):
                continue
            wanted = 0 if axis in breaks else self.more_modes(network, axis, tail)
            if axis in breaks or wanted > self.most_global(axis):
                breaks[axis] = refined_breaks(network, axis, tail, MAX_ELEMENTS)
                modes[axis] = ELEMENT_DEGREE
                maps.pop(axis, None)
            else:
                modes[axis] = wanted
        modes = self.within_budget(place, modes, breaks)
        gain = size(modes, breaks) / size(place.modes[-1], place.breaks[-1])
        cut = breaks != place.breaks[-1] or ends != place.ends or maps != (place.maps[-1] if place.maps else {})
        if (gain < WORTHWHILE and not cut) or place.level + 1 >= MAX_LEVELS:
            listed = ", ".join(f"{axis} {tail:.1e}" for axis, tail in short.items())
            remedy = "give network.modes, let ranks grow (network.rank: grow), or train networks"
            return None, [f"the last modes still carry {listed} of the solution: {remedy}"]
        return dataclasses.replace(
            place, modes=(*place.modes[:-1], modes), breaks=(*place.breaks[:-1], breaks), ends=ends,
            maps=(*place.maps[:-1], maps),
        ), []  # fmt: skip

    def remapped(
        self, network: SeparableNetwork, axis: str, tail: float, modes: dict[str, int], maps: dict[str, Peaks]
    ) -> bool:
        """Put in a map of an axis that may have one, and its modes; nothing where that would take too many of these."""
        if not (self.fits and self.plan.learns(axis)) or (found := fitted_map(network, axis, BELOW * tail)) is None:
            return False
        most = MOST_GROWTH.get(len(network.axes), 1.5) * modes[axis]
        wanted = max(min(found.modes, most), LEAST_GROWTH * modes[axis] if axis in maps else modes[axis])
        if wanted > NEARLY * self.most_global(axis):
            return False
        maps[axis], modes[axis] = found.peaks, -(-int(wanted) // 2) * 2
        return True

    def cut_instead(
        self, place: Place, network: SeparableNetwork, short: Mapping[str, float], outcome: Outcome
    ) -> tuple[Place | None, list[str]]:
        """The place with elements on the axes that are `short` and have none, where more modes of global bases did not
        help: a layer looks rough to these. None where all have been cut, or trying would cost too much.
        """
        fell = f"from {place.level_loss:.2e} to {outcome.loss:.2e}"
        doubt = f"more modes lowered the loss only {fell}: the solution may be rough"
        modes, breaks = dict(place.modes[-1]), dict(place.breaks[-1])
        whole = [axis for axis in short if axis not in breaks and axis != "t"]
        for axis in whole:
            breaks[axis] = refined_breaks(network, axis, resolved_tail(outcome.parameters), MAX_ELEMENTS)
            modes[axis] = ELEMENT_DEGREE
        maps = {axis: peaks for axis, peaks in (place.maps[-1] if place.maps else {}).items() if axis not in breaks}
        steady = "t" not in self.pde.coordinates
        most = MAX_UNKNOWNS["whole"] if steady else CHEAP
        if not whole or len(self.pde.unknowns) * size(modes, breaks) > most or place.level + 1 >= MAX_LEVELS:
            return None, [doubt]
        return dataclasses.replace(
            place, modes=(*place.modes[:-1], modes), breaks=(*place.breaks[:-1], breaks), maps=(*place.maps[:-1], maps)
        ), []

    def more_modes(self, network: SeparableNetwork, axis: str, tail: float) -> int:
        """Modes at which the spectrum along an axis, continued as it falls, is below `tail`: an even number, and within
        what a global basis may have if that will nearly do.
        """
        now = network.axes.index(axis)
        body = unmapped(network.features[now].body)
        count = body.modes if isinstance(body, Fourier) else body.width
        wanted = extrapolated_modes(network, axis, BELOW * tail)
        largest, most = self.most_global(axis), MOST_GROWTH.get(len(network.axes), 1.5) * count
        if count * LEAST_GROWTH < largest < wanted <= NEARLY * largest and largest <= most:
            return int(largest)
        return -(-int(min(max(wanted, LEAST_GROWTH * count), most)) // 2) * 2

    def most_global(self, axis: str) -> float:
        """Modes beyond which an axis is cut; elements of high order need joints so smooth that this comes later."""
        return MAX_GLOBAL_MODES[axis in self.plan.embedding.periodic] * (
            1 if derivative_orders(self.pde)[axis] < 3 else 3
        )

    def shortened(self, place: Place, first: Place, outcome: Outcome) -> Place | None:
        """The place with a shorter window, to be solved anew from where it was `first`, where Newton's method fails on
        this one, or where its linear solves do.
        """
        if not (outcome.failed or outcome.exhausted) or not self.may_cut(place):
            return None
        if place.uncut is not None and outcome.loss >= place.uncut[1]:
            ends = (*place.ends[:-1], place.uncut[0])
            return self.anew(first, place, first.modes[-1], ends, patient=True)
        # Where only the linear solves were hard, the solution shows how many modes it needs.
        found = first if outcome.failed or self.plan.grows_ranks else place
        modes = {**found.modes[-1], "t": max(FEWEST_TIMES, -(-first.modes[-1]["t"] * 3 // 4))}
        ends = self.cut(place, SHORTER if outcome.failed else SHORT)
        return self.anew(found, place, modes, ends, uncut=(place.ends[-1], outcome.loss))

    def anew(self, found: Place, place: Place, modes: Mapping[str, int], ends: tuple[float, ...], **more: Any) -> Place:
        """The window of `found` from its first level on, with other modes and another end; time went on to `place`."""
        return dataclasses.replace(
            found, level=0, stage=0, level_loss=math.inf, ends=ends, modes=(*found.modes[:-1], modes),
            ahead=len(self.plan.continuation),
            steps_before=place.steps_before, seconds_before=place.seconds_before, **more,
        )  # fmt: skip

    def may_cut(self, place: Place) -> bool:
        """Whether windows are left to us, and this one is not among the shortest."""
        if self.plan.config.windows != "auto" or place.patient:
            return False
        begin, end = self.window(place)
        low, high = self.pde.domain["t"]
        return end - begin >= (high - low) / MAX_WINDOWS

    def cut(self, place: Place, parts: int) -> tuple[float, ...]:
        """The ends of windows with the last one cut."""
        begin, end = self.window(place)
        return (*place.ends[:-1], begin + (end - begin) / parts)

    def planned_ends(self, last: float) -> tuple[float, ...]:
        """Ends of the time windows, as far as they are known beforehand; `last`: the end of time."""
        count = self.plan.config.windows
        if count in (1, "auto"):
            return (last,)
        assert isinstance(count, int)
        return tuple(float(end) for end in np.linspace(*self.pde.domain["t"], count + 1)[1:])

    def window(self, place: Place) -> tuple[float, float]:
        """The present time window."""
        return place.ends[-2] if len(place.ends) > 1 else self.pde.domain["t"][0], place.ends[-1]

    def within_budget(
        self, place: Place, modes: Mapping[str, int], breaks: Mapping[str, tuple[float, ...]]
    ) -> dict[str, int]:
        """Modes of the axes that are not cut, fewer if there would be too many unknowns, but never fewer than now."""
        pieces = math.prod((len(breaks[axis]) - 1) * (modes[axis] + 1) for axis in breaks)
        whole = {axis: count for axis, count in modes.items() if axis not in breaks}
        if not whole:
            return dict(modes)
        several = "t" in self.pde.coordinates and place.ends != (self.pde.domain["t"][1],)
        room = max(MAX_UNKNOWNS["windows" if several else "whole"] // pieces, 1)
        fewer = limited(whole, self.plan.embedding.periodic, len(self.pde.unknowns), room)
        now = place.modes[-1]
        return {**modes, **{axis: max(count, now[axis]) for axis, count in fewer.items()}}


def unresolved(network: Any) -> float:
    """What the last modes carry along the axis that is resolved worst, relative."""
    return max(tails(as_unknowns(network) if isinstance(network, MultiDomainNetwork) else network).values())


def resolved_tail(unknowns: int) -> float:
    """What the last modes of a resolved axis may carry, by how much more of them would cost."""
    return next(tail for least, tail in reversed(RESOLVED_TAILS.items()) if unknowns >= least)


def size(modes: Mapping[str, int], breaks: Mapping[str, tuple[float, ...]]) -> int:
    """About how many features all axes have together."""
    return math.prod(n * (len(breaks[axis]) - 1) if axis in breaks else n for axis, n in modes.items())


@dataclasses.dataclass(frozen=True)
class CellGrowth(Growth):
    """The same for subdomains: they all get as many modes as they need together, while that helps and is affordable."""

    def grown(self, place: Place, network: Any, outcome: Outcome) -> tuple[Place | None, list[str]]:
        """The place with more modes on the axes that need them, or None. With it, what users should know."""
        assert self.plan.decomposition is not None
        if outcome.residual < ENOUGH_RESIDUAL or place.gradient:
            return None, []
        whole = as_unknowns(network)
        found, tail = tails(whole), resolved_tail(outcome.parameters)
        short = {axis: one for axis, one in found.items() if one > max(tail, 0.1 * max(found.values()))}
        if not short:
            return None, []
        told = f"not resolved: the last modes carry {max(short.values()):.1e} of the solution along {', '.join(short)}"
        if outcome.loss > 0.5 * place.level_loss:
            return None, [f"{told}, and more of them do not help; cut where the solution is not smooth"]
        modes = {**place.modes[-1], **{axis: self.more_modes(whole, axis, tail) for axis in short}}
        if self._too_many(modes):
            return None, [f"{told}, and more of them are too many unknowns; cut along one axis more than others"]
        return dataclasses.replace(place, modes=(*place.modes[:-1], modes)), []

    def _too_many(self, modes: Mapping[str, int]) -> bool:
        """Whether all subdomains with so many modes have more unknowns than a problem, or a slab, may have."""
        cells, waves = self.plan.decomposition, self.plan.embedding.periodic
        assert cells is not None
        shape = (len(self.pde.unknowns), *(2 * n + 1 if axis in waves else n for axis, n in modes.items()))
        traces = traces_an_axis(self.pde, tuple(self.plan.arm), cells)
        seen = seen_unknowns(shape, [traces.get(axis, 0) for axis in modes])
        return math.prod(shape) * cells.networks > MAX_UNKNOWNS["whole"] or seen * slab_width(cells) > MOST_IN_SLAB


def changes(before: Place, after: Place) -> str:
    """What is new in a place, in words."""
    old, cuts, modes, breaks = before.modes[-1], before.breaks[-1], after.modes[-1], after.breaks[-1]
    more = [f"{axis} {old[axis]} -> {n}" for axis, n in modes.items() if axis not in breaks and n != old[axis]]
    parts = [
        f"{axis} {len(cuts.get(axis, (0, 1))) - 1} -> {len(ends) - 1}"
        for axis, ends in breaks.items()
        if ends != cuts.get(axis)
    ]
    peaks = (after.maps[-1] if after.maps else {}, before.maps[-1] if before.maps else {})
    mapped = [f"{axis} {len(found)} peaks" for axis, found in peaks[0].items() if found != peaks[1].get(axis)]
    shorter = [f"to t = {after.ends[-1]:g}"] if after.ends != before.ends else []
    named = (("window", shorter), ("modes", more), ("elements", parts), ("map", mapped))
    return "; ".join(f"{what} {', '.join(found)}" for what, found in named if found)
