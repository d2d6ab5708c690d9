"""Interrupted and resumed runs end with the same bits as runs that were left alone."""

import jax
import numpy as np
import pytest

from spinn import assembly
from spinn.recipes import resolve
from spinn.resuming import Saver, restored
from spinn.session import Session
from spinn.training.checkpoints import Checkpoints

pytestmark = pytest.mark.usefixtures("x64")


class KilledError(Exception):
    """The process dies here."""


@pytest.fixture
def start(tmp_path, listen):
    """Start a run in a folder, or go on with it; `kill_at` is the record at which it dies, before that is saved."""

    def started(plan, pde, compiled, kill_at=None, every_seconds=0.0):
        records = []

        def record(metrics):
            records.append(metrics)
            if len(records) == kill_at:
                raise KilledError

        checkpoints = Checkpoints(tmp_path / "checkpoints", every_seconds, 2)
        session = Session(plan, pde, listen(), record, compiled=compiled)
        session.listeners.append(Saver(session, checkpoints).offer)
        resumed = restored(session, checkpoints)
        try:
            session.train(resumed)
        finally:
            checkpoints.close()
        return session, records

    return started


def assert_same(one, other):
    """Two sessions ended with the same networks, to the last bit."""
    assert [(piece.start, piece.end) for piece in one.pieces] == [(piece.start, piece.end) for piece in other.pieces]
    for a, b in zip(one.pieces, other.pieces, strict=True):
        left, right = jax.tree.leaves(a.network), jax.tree.leaves(b.network)
        assert jax.tree.structure(a.network) == jax.tree.structure(b.network)
        for x, y in zip(left, right, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)
    assert one.place.modes == other.place.modes
    assert one.place.steps_before == other.place.steps_before
    assert one.warnings == other.warnings
    for a, b in zip(one.stages, other.stages, strict=True):
        assert {k: v for k, v in a.items() if "seconds" not in k} == {k: v for k, v in b.items() if "seconds" not in k}


FOUR = [
    {"optimizer": "adam", "steps": 100, "learning_rate": 0.01},
    {"optimizer": "soap", "steps": 100, "learning_rate": 0.01, "schedule": "cosine"},
    {"optimizer": "lbfgs", "steps": 40},
    {"optimizer": "gauss_newton", "steps": 3},
]
LONG = [{"optimizer": "adam", "steps": 400, "learning_rate": 0.01}]
CASES = {
    "four optimisers": ({"train": FOUR}, ("trained",)),
    "redrawn points": (
        {"train": LONG, "sampling": {"points_per_axis": 8, "rule": "random", "resample_every": 40}}, ("trained",),
    ),
    "balanced weights": ({"train": LONG, "loss": {"weighting": "gradient_norm"}}, ("trained",)),
    "windows of a basis": ({"windows": 2}, ("basis",)),
    "windows of networks": ({"windows": 2}, ("trained",)),
    "a point-wise network": (
        {"network": {"kind": "pointwise", "width": 4, "depth": 1}, "sampling": {"points_per_axis": 8},
         "train": [{"optimizer": "adam", "steps": 200}]}, (),
    ),
}  # fmt: skip


def stops(records):
    """Where to kill a run: early, at the first record after every stage (whose end was saved), and at the very end."""
    names = [record["stage"] for record in records]
    just_ended = {number + 1 for number in range(1, len(names)) if names[number] != names[number - 1]}
    return sorted({2, len(names)} | just_ended)


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_ends_with_the_same_bits(case, start, configure, decay, tmp_path, programs):
    sections, presets = CASES[case]
    config = configure(*presets, **sections)
    plan, compiled = resolve(config, decay()), programs(config, decay())
    whole, records = start(plan, decay(), compiled)
    for stop in stops(records):
        (tmp_path / "checkpoints").rename(tmp_path / f"before {stop}")
        with pytest.raises(KilledError):
            start(plan, decay(), compiled, kill_at=stop)
        again, rest = start(plan, decay(), compiled)
        assert [record["step"] for record in rest] == [record["step"] for record in records[stop - 1 :]]
        assert_same(again, whole)


def test_grown_levels_resume_to_the_same_bits(start, configure, decay, tmp_path, monkeypatch, programs):
    monkeypatch.setattr(assembly, "FIRST_MODES", {1: 4})
    pde = decay(rate=40.0)
    plan, compiled = resolve(configure(windows=1), pde), programs(configure(windows=1), pde)
    whole, records = start(plan, pde, compiled)
    levels = [record["stage"] for record in records]
    assert len(set(levels)) > 2
    second = levels.index("gauss_newton level 2") + 1
    for stop in (second, second + 1):
        (tmp_path / "checkpoints").rename(tmp_path / f"before {stop}")
        with pytest.raises(KilledError):
            start(plan, pde, compiled, kill_at=stop)
        again, _ = start(plan, pde, compiled)
        assert_same(again, whole)


def test_killed_before_the_first_checkpoint(start, configure, decay, programs):
    plan, compiled = resolve(configure("trained"), decay()), programs(configure("trained"), decay())
    with pytest.raises(KilledError):
        start(plan, decay(), compiled, kill_at=1)
    session, records = start(plan, decay(), compiled)
    assert [record["step"] for record in records] == [50, 100]
    assert len(session.pieces) == 1


def test_killed_many_times(start, configure, decay, tmp_path, programs):
    config = configure("trained", train=LONG)
    plan, compiled = resolve(config, decay()), programs(config, decay())
    whole, _ = start(plan, decay(), compiled)
    (tmp_path / "checkpoints").rename(tmp_path / "before")
    for _ in range(3):
        with pytest.raises(KilledError):
            start(plan, decay(), compiled, kill_at=3)
    again, records = start(plan, decay(), compiled)
    assert [record["step"] for record in records] == [350, 400]
    assert_same(again, whole)


def test_time_spent_before_counts(start, configure, decay, programs):
    plan, compiled = resolve(configure("trained"), decay()), programs(configure("trained"), decay())
    with pytest.raises(KilledError):
        start(plan, decay(), compiled, kill_at=2)
    session, records = start(plan, decay(), compiled)
    assert session.seconds_before > 0
    assert session.seconds > session.seconds_before
    assert session.stages[0]["seconds"] == records[-1]["seconds"]


def test_what_a_session_gathers_after_a_chunk_is_no_part_of_its_checkpoint(configure, decay, listen, tmp_path):
    """Interrupted while the next window compiles, the newest state is still that of the window before."""
    plan = resolve(configure("basis", windows=2), decay())
    whole = Session(plan, decay(), listen(), lambda record: None)
    whole.train()
    compiled = whole.compiled
    stopped = Session(plan, decay(), listen(stop_at_stage=2), lambda record: None, compiled=compiled)
    checkpoints = Checkpoints(tmp_path / "checkpoints", 1e9, 2)
    saver = Saver(stopped, checkpoints)
    stopped.listeners.append(saver.offer)
    with pytest.raises(KeyboardInterrupt):
        stopped.train()
    assert len(stopped.pieces) == 1
    saver.flush()
    again = Session(plan, decay(), listen(), lambda record: None, compiled=compiled)
    resumed = restored(again, checkpoints)
    assert (resumed.place.window, len(resumed.pieces), again.stages) == (0, 0, [])
    again.train(resumed)
    checkpoints.close()
    assert_same(again, whole)
