"""Streams: what is read, thinned out, kept and ordered."""

from pathlib import Path

import numpy as np
import pytest

from spinn.data.formats.samples import Column, Samples, opened
from spinn.errors import SpinnError
from spinn.operators.layout import layout_of
from spinn.operators.streaming import Order, Stream, split


def memory(count=6, frames=3, points=9):
    """Samples in memory that count how often they are read."""
    reads = []
    start = np.arange(count)[:, None] + np.linspace(0, 1, points)
    times = np.arange(frames)

    def trajectory(i):
        reads.append(i)
        return start[i] * (1 + times[:, None]) * 0.5

    inputs = {"k": Column(lambda i: np.asarray(float(i)), (), ()), "u0": Column(lambda i: start[i], (points,), ("x",))}
    outputs = {"u": Column(trajectory, (frames, points), ("t", "x"))}
    axes = {"t": times / 2.0, "x": np.linspace(2, 4, points)}
    return Samples(Path("memory"), "native", count, inputs, outputs, axes), reads


def test_numbers_and_initial_states_are_spread_along_the_axes_they_lack():
    samples, _ = memory()
    where = layout_of(samples, range(6))
    assert where.axes == ("t", "x") and where.spans == ((0.0, 1.0), (2.0, 4.0))
    batch = Stream(samples, where).batch([2, 4])
    assert batch.inputs.shape == (2, 2, 3, 9) and batch.outputs.shape == (2, 1, 3, 9)
    assert np.all(batch.inputs[1, 0] == 4.0)
    assert np.all(batch.inputs[0, 1] == batch.inputs[0, 1][:1])
    assert batch.outputs[0, 0, 2] == pytest.approx(1.5 * (2 + np.linspace(0, 1, 9)))


def test_the_last_frame_and_fewer_points():
    samples, _ = memory()
    where = layout_of(samples, range(6), last=True)
    stream = Stream(samples, where, points=5)
    assert where.axes == ("x",) and stream.shape == (5,)
    assert stream.nodes[0] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    batch = stream.batch([1])
    assert batch.outputs[0, 0] == pytest.approx(1.5 * (1 + np.array([0, 0.25, 0.5, 0.75, 1])))
    assert batch.inputs[0, 1] == pytest.approx(1 + np.array([0, 0.25, 0.5, 0.75, 1]))


def test_only_what_fits_is_kept():
    samples, reads = memory()
    where = layout_of(samples, range(6))
    reads.clear()
    stream = Stream(samples, where, memory=2 * 81 * 4)  # two samples of 3 x 27 numbers
    for _ in range(2):
        stream.batch([0, 1, 2])
    assert reads == [0, 1, 2, 2] and len(stream.kept) == 2


def test_zero_faces_are_found_in_the_outputs(darcy):
    with opened(darcy) as samples:
        where = layout_of(samples, range(8))
        assert where.vanishing == ((True, True), (True, True)) and where.zero_somewhere
        envelope = where.envelope(where.nodes(samples.axes))
    assert envelope.shape == (17, 17) and np.all(envelope[[0, -1]] == 0) and envelope.max() == pytest.approx(1.0)


def test_an_epoch_shows_every_row_once_and_the_next_in_another_order():
    order = Order(np.arange(10, 22), 4, seed=3)
    epochs = [np.concatenate([order.batch(3 * epoch + step) for step in range(3)]) for epoch in (0, 1)]
    assert all(sorted(epoch) == list(range(10, 22)) for epoch in epochs)
    assert not np.array_equal(*epochs)
    assert np.array_equal(order.batch(4), Order(np.arange(10, 22), 4, seed=3).batch(4))


def test_rows_are_held_out_once_and_for_all():
    rows, held = split(20, 0.25, seed=1)
    assert len(held) == 5 and sorted([*rows, *held]) == list(range(20))
    assert len(split(20, 3, seed=1)[1]) == 3
    with pytest.raises(SpinnError, match="fewer than the 20 samples"):
        split(20, 20, seed=0)


def test_what_is_not_in_the_file_is_told():
    samples, _ = memory()
    with pytest.raises(SpinnError, match="inputs: expected some of k, u0, got nu"):
        layout_of(samples, range(6), inputs=["nu"])
    with pytest.raises(SpinnError, match="periodic: expected some of the axes t, x, got y"):
        layout_of(samples, range(6), periodic=["y"])
