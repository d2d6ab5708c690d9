"""Where panels and colour bars lie, in inches from the top left.

Matplotlib's own layout engines measure every label several times, which took most of the time of a figure; the panels
here are all alike, so their margins are known.
"""

import dataclasses
import itertools
from collections.abc import Sequence

Box = tuple[float, float, float, float]  # left, bottom, width, height as fractions of the figure

_LEFT, _TOP, _BOTTOM = 0.74, 0.62, 0.46
_GAP, _LINE_GAP = 0.34, 0.18  # the numbers at the ends of neighbouring axes need room beside, not below each other
_LABELS = 0.50  # before a panel with labels of its own
_BAR_GAP, _BAR, _BAR_LABELS = 0.10, 0.12, 0.68


@dataclasses.dataclass(frozen=True)
class Layout:
    """A table of panels of one size. `labelled` columns have room for labels, columns in `barred` for a bar after."""

    lines: int
    panel: tuple[float, float]  # width and height, inches
    labelled: Sequence[bool]
    barred: Sequence[bool]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the figure, inches."""
        _, right = self._columns()[-1]
        return right, _TOP + self.lines * self.panel[1] + (self.lines - 1) * _LINE_GAP + _BOTTOM

    def box(self, line: int, column: int) -> Box:
        """Where a panel lies."""
        return self._fraction(self._columns()[column][0], self._top(line), *self.panel)

    def bar(self, first: int, last: int, column: int) -> Box:
        """Where the colour bar of the lines `first` to `last` lies, after a column."""
        left = self._columns()[column][0] + self.panel[0] + _BAR_GAP
        height = self._top(last) + self.panel[1] - self._top(first)
        return self._fraction(left, self._top(first), _BAR, height)

    def _columns(self) -> list[tuple[float, float]]:
        """Left end of every column's panel, and right end of everything in it."""
        ends: list[tuple[float, float]] = []
        for column, (labelled, barred) in enumerate(zip(self.labelled, self.barred, strict=True)):
            left = _LEFT if column == 0 else ends[-1][1] + (_LABELS if labelled else _GAP)
            bar = _BAR_GAP + _BAR + _BAR_LABELS if barred else 0.0
            ends.append((left, left + self.panel[0] + bar))
        return ends

    def _top(self, line: int) -> float:
        return _TOP + line * (self.panel[1] + _LINE_GAP)

    def _fraction(self, left: float, top: float, width: float, height: float) -> Box:
        across, down = self.size
        return left / across, 1 - (top + height) / down, width / across, height / down


def runs(keys: Sequence[object]) -> list[tuple[int, int]]:
    """First and last index of each run of one and the same object."""
    starts = [0, *(i for i in range(1, len(keys)) if keys[i] is not keys[i - 1]), len(keys)]
    return [(first, end - 1) for first, end in itertools.pairwise(starts)]
