"""Checkpoints: what goes in comes out, few are kept, torn ones are ignored, a full disk is told."""

import errno
import logging
import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.errors import SpinnError
from spinn.training import checkpoints as module
from spinn.training.checkpoints import Checkpoints

pytestmark = pytest.mark.usefixtures("x64")


def tree(factor: float = 1.0):
    return {
        "loop": {"0": jnp.arange(6.0).reshape(2, 3) * factor / 3.0, "1": jnp.asarray(7, jnp.int32)},
        "window0": {"0": jnp.ones((), jnp.float32) * factor, "1": jnp.asarray(True)},
    }


@pytest.fixture
def store(tmp_path):
    stores = []

    def made(**settings) -> Checkpoints:
        stores.append(Checkpoints(tmp_path / "checkpoints", **{"every_seconds": 0.0, "keep": 2, **settings}))
        return stores[-1]

    yield made
    for one in stores:
        one.close()


def folders(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "checkpoints").iterdir())


def test_a_round_trip_to_the_last_bit(store):
    saved = {"total_steps": 5, "stages": [{"name": "adam", "loss": 0.1 + 0.2}], "best": float("inf")}
    store().save(5, tree(np.pi), saved)
    back = store()
    assert back.position() == saved
    restored, wanted = back.arrays(jax.tree.map(jnp.zeros_like, tree())), tree(np.pi)
    assert jax.tree.structure(restored) == jax.tree.structure(wanted)
    for one, other in zip(jax.tree.leaves(restored), jax.tree.leaves(wanted), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_nothing_saved(store, tmp_path):
    assert store().position() is None
    assert not (tmp_path / "checkpoints").exists()
    (tmp_path / "checkpoints").mkdir()
    assert store().position() is None


def test_the_last_ones_are_kept(store, tmp_path):
    one = store(keep=2)
    for number in (10, 20, 30):
        one.save(number, tree(number), {"total_steps": number})
    assert folders(tmp_path) == ["20", "30"]
    assert store().position() == {"total_steps": 30}


def test_a_half_written_checkpoint_is_never_seen(store, tmp_path):
    store().save(10, tree(), {"total_steps": 10})
    torn = tmp_path / "checkpoints" / "20.orbax-checkpoint-tmp"
    (torn / "arrays.orbax-checkpoint-tmp").mkdir(parents=True)
    assert store().position() == {"total_steps": 10}


@pytest.mark.parametrize("missing", ["position", "arrays", "both"])
def test_a_torn_checkpoint_gives_way_to_the_one_before(store, tmp_path, missing):
    one = store()
    for number in (10, 20):
        one.save(number, tree(number), {"total_steps": number})
    for item in ("position", "arrays") if missing == "both" else (missing,):
        (tmp_path / "checkpoints" / "20" / item).rename(tmp_path / f"lost-{item}")
    back = store()
    assert back.position() == {"total_steps": 10}
    np.testing.assert_array_equal(back.arrays(tree())["loop"]["0"], tree(10)["loop"]["0"])
    # A torn folder of a higher number must not stand in the way of what is saved next.
    back.save(15, tree(15), {"total_steps": 15})
    assert store().position() == {"total_steps": 15}


def test_arrays_that_cannot_be_read_are_told(store, tmp_path):
    store().save(10, tree(), {"total_steps": 10})
    for data in (tmp_path / "checkpoints" / "10" / "arrays").rglob("d/*"):
        data.write_bytes(b"")
    logging.disable(logging.CRITICAL)
    try:
        with pytest.raises(SpinnError, match="expected a whole checkpoint") as caught:
            store().arrays(tree())
    finally:
        logging.disable(logging.NOTSET)
    assert caught.value.file == str(tmp_path / "checkpoints" / "10")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError('RESOURCE_EXHAUSTED: Error writing "a/0"\nNo space left on device'),
    ],
)
def test_a_full_disk_says_what_to_do(store, monkeypatch, error):
    one = store()

    def save(*args, **kwargs):
        raise error

    monkeypatch.setattr(one.manager, "save", save)
    with pytest.raises(SpinnError, match="could not write a checkpoint: .*free some space, .* with --resume"):
        one.save(1, tree(), {})


def test_a_limit_of_the_system_leaves_the_last_checkpoint_whole(store, tmp_path):
    """A real refusal: files may not grow beyond a few kilobytes."""
    one, large = store(), {"loop": {"0": jax.random.normal(jax.random.key(0), (50_000,))}}
    one.save(1, tree(), {"total_steps": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(SpinnError, match="could not write a checkpoint"):
            one.save(2, large, {"total_steps": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        logging.disable(logging.NOTSET)
    assert store().position() == {"total_steps": 1}


def test_due_by_the_clock(store, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    one = store(every_seconds=60.0, last=100.0)
    assert not one.due()
    now[0] = 160.0
    assert one.due()
    one.save(1, tree(), {})
    assert not one.due()
    assert store(every_seconds=0.0, last=160.0).due()
