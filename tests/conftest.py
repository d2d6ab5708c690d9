"""Fixtures and surroundings that all tests share: nothing is written outside the session's temporary folder."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from threadpoolctl import threadpool_limits

MANY_MAPS = 20_000


def _session_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """One folder a session, shared by the workers of pytest-xdist (whose own base folders lie below it)."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def spinn_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that reference solutions are cached in: computed once a session, never the user's own cache."""
    folder = _session_folder(tmp_path_factory, "spinn_cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPINN_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """XLA's persistent cache: tests, and the commands that they start, compile the same program once a session."""
    folder = _session_folder(tmp_path_factory, "xla_cache")
    before = jax.config.jax_compilation_cache_dir
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))
        jax.config.update("jax_compilation_cache_dir", str(folder))
        yield folder
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """As in the engine (see `spinn.evaluation.device_context`): the workers of pytest-xdist share the cores."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module", autouse=True)
def few_programs() -> Iterator[None]:
    """Compiled programs are let go of where a process has many: each keeps some pages of memory mapped, Linux allows a
    process 65,530 such maps, and the compiler crashes beyond.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MANY_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def x64() -> Iterator[None]:
    """Run the test in double precision, as the engine does around a float64 run."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def quick_compile() -> Iterator[None]:
    """For tests that run many small programs once each: optimising these costs more than it saves."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
