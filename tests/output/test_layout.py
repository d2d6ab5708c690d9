"""Panels and bars lie inside the figure and beside each other, never upon each other."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinn.output.layout import Box, Layout, runs


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


@given(
    st.integers(1, 4),
    st.floats(0.3, 3),
    st.floats(0.3, 3),
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=5),
)
def test_nothing_overlaps_or_leaves_the_figure(
    lines: int, width: float, height: float, columns: list[tuple[bool, bool]]
) -> None:
    labelled, barred = zip(*columns, strict=True)
    layout = Layout(lines, (width, height), labelled, barred)
    boxes = [layout.box(line, column) for line in range(lines) for column in range(len(columns))]
    boxes += [layout.bar(0, lines - 1, column) for column in range(len(columns)) if barred[column]]
    for left, bottom, across, up in boxes:
        assert 0 < left < left + across <= 1 + 1e-12
        assert 0 < bottom < bottom + up < 1
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))


def test_panels_have_their_size_in_inches() -> None:
    layout = Layout(2, (2.0, 1.5), [True, False], [False, True])
    width, height = layout.size
    _, _, across, up = layout.box(1, 1)
    assert (across * width, up * height) == (pytest.approx(2), pytest.approx(1.5))


def test_a_bar_spans_its_lines() -> None:
    layout = Layout(3, (2.0, 1.5), [True], [True])
    bar, first, second = layout.bar(0, 1, 0), layout.box(0, 0), layout.box(1, 0)
    assert bar[1] == pytest.approx(second[1])
    assert bar[1] + bar[3] == pytest.approx(first[1] + first[3])


def test_runs() -> None:
    a, b = object(), object()
    assert runs([a, a, b]) == [(0, 1), (2, 2)]
    assert runs([a]) == [(0, 0)]
    assert runs([a, b, a]) == [(0, 0), (1, 1), (2, 2)]
