"""The clock of the compiler, and programs that are kept between runs."""

import os
import time

import jax
import jax.numpy as jnp
import pytest

from spinn import compilation
from spinn.compilation import CompileClock, kept_programs
from spinn.recipes import resolve
from spinn.session import Session


@pytest.fixture
def unset(tmp_path, monkeypatch):
    """No cache folder is set, as on a user's machine, and the library's own lies in a fresh place."""
    monkeypatch.setenv("SPINN_CACHE", str(tmp_path / "cache"))
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield tmp_path / "cache" / "programs"
    jax.config.update("jax_compilation_cache_dir", before)
    compilation.compilation_cache.reset_cache()


def compile_something(factor: float) -> None:
    jax.jit(lambda x: jnp.sin(factor * x).sum()).lower(jnp.ones(3)).compile()


def test_the_clock_counts_compiling_only():
    clock = CompileClock()
    began = time.perf_counter()
    with clock.running():
        compile_something(1.25)
        time.sleep(0.2)
    assert 0.0 < clock.seconds < time.perf_counter() - began - 0.19
    counted = clock.seconds
    compile_something(1.375)
    assert clock.seconds == counted  # it does not run any more


def test_nested_spans_count_once():
    assert CompileClock([(0.0, 4.0), (1.0, 2.0), (3.0, 5.0), (7.0, 8.0)]).seconds == pytest.approx(6.0)


def test_a_second_run_takes_programs_from_the_disk(unset):
    clocks = []
    for _ in range(2):
        jax.clear_caches()
        clock = CompileClock()
        with kept_programs(), clock.running():
            compile_something(1.625)
        clocks.append(clock)
    assert clocks[0].compiled > 0 and clocks[0].from_cache == 0
    assert clocks[1].compiled == 0 and clocks[1].from_cache > 0
    assert any(unset.iterdir())
    assert jax.config.jax_compilation_cache_dir is None


def test_other_parameters_and_seeds_take_programs_from_the_disk(unset, configure, decay, listen, x64):
    """The commonest second run: the same equation with other numbers."""
    clocks = []
    for rate, seed in ((1.0, 0), (1.25, 3)):
        jax.clear_caches()
        pde = decay(rate=rate)
        session = Session(resolve(configure("basis", seed=seed), pde), pde, listen(), lambda record: None)
        with kept_programs(), session.clock.running():
            session.train()
        clocks.append(session.clock)
    assert clocks[0].compiled > 0
    assert clocks[1].compiled == 0 and clocks[1].from_cache > 0


def test_a_cache_of_the_users_own_is_left_alone(unset, tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "mine"))
    with kept_programs():
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "mine")
    assert not unset.exists()


def test_a_folder_that_cannot_be_made_is_no_error(unset, monkeypatch):
    unset.parent.parent.joinpath("file").write_text("")
    monkeypatch.setenv("SPINN_CACHE", str(unset.parent.parent / "file"))
    with kept_programs():
        assert jax.config.jax_compilation_cache_dir is None


def test_the_programs_unused_for_longest_go_first(tmp_path):
    for age, name in enumerate(("new", "older", "oldest")):
        (tmp_path / name).write_bytes(b"x" * 10)
        os.utime(tmp_path / name, (1000.0 - age, 1000.0))
    compilation._prune(tmp_path, largest=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "older"]
