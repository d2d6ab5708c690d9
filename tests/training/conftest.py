"""What training tests share: small problems without a PDE, a reporter that remembers, and a clock that can be set."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spinn.training import loop
from spinn.training.loop import LoopSettings, Snapshot, StageRun
from spinn.training.methods import StageSpec
from spinn.training.problem import Problem
from spinn.training.reporting import Progress


@dataclasses.dataclass
class Listener:
    """Remembers what it hears."""

    updates: list[Progress] = dataclasses.field(default_factory=list)
    messages: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    def stage(self, name: str, total_steps: int | None) -> None: ...

    def update(self, progress: Progress) -> None:
        self.updates.append(progress)

    def message(self, text: str, level: str = "info") -> None:
        self.messages.append((level, text))

    def finish(self) -> None: ...


@pytest.fixture
def listener() -> Listener:
    return Listener()


def problem_of(blocks: Callable[[Any, Any], dict[str, Any]], draw: Callable[[Any], Any] = lambda key: None) -> Problem:
    """A problem from unscaled blocks (params, context) -> arrays by name."""

    def scaled(params: Any, context: Any, scales: Any) -> dict[str, Any]:
        return {name: block * jnp.sqrt(scales.get(name, 1.0)) for name, block in blocks(params, context).items()}

    def loss(params: Any, context: Any, scales: Any) -> tuple[Any, dict[str, Any]]:
        parts = {name: 0.5 * jnp.sum(block**2) for name, block in scaled(params, context, scales).items()}
        return sum(parts.values()), parts

    return Problem(loss, scaled, draw, lambda params: None, 10, ("first", "second"))


@pytest.fixture
def make_problem() -> Callable[..., Problem]:
    return problem_of


@pytest.fixture(scope="session")
def linear() -> SimpleNamespace:
    """Two blocks of linear equations for a (3, 2) matrix, one solution; `shifted` draws its right side anew."""
    generator = np.random.default_rng(0)
    matrices = [generator.normal(size=(rows, 3)) for rows in (4, 2)]
    exact = generator.normal(size=(3, 2))

    def blocks(params: Any, context: Any) -> dict[str, Any]:
        noise = 0.0 if context is None else context
        left, right = (matrix @ (params["w"] - exact) for matrix in matrices)
        return {"first": left + noise, "second": right}

    return SimpleNamespace(
        problem=problem_of(blocks), shifted=problem_of(blocks, lambda key: jax.random.normal(key, (4, 2))),
        start={"w": np.zeros((3, 2))}, exact=exact,
    )  # fmt: skip


@pytest.fixture(scope="session")
def compiled_by_problem() -> dict[Problem, dict[Any, Any]]:
    """Compiling is most of the work here: tests of one problem share it, as windows do."""
    return {}


@pytest.fixture
def make_run(listener, compiled_by_problem) -> Callable[..., StageRun]:
    """A stage of a problem from its settings."""

    def made(problem: Problem, optimizer: str, compiled: Any = None, settings: Any = None, **limits: Any) -> StageRun:
        spec = StageSpec(optimizer, **limits)
        if compiled is None:
            compiled = compiled_by_problem.setdefault(problem, {})
        return StageRun(problem, spec, settings or LoopSettings(), "stage", listener, compiled)

    return made


@pytest.fixture
def train() -> Callable[[StageRun, Any], tuple[Snapshot, list[dict[str, Any]]]]:
    """Run a stage from parameters, or from a snapshot, to its end: the last snapshot and all records."""

    def trained(run: StageRun, start: Any) -> tuple[Snapshot, list[dict[str, Any]]]:
        first = start if isinstance(start, Snapshot) else run.start(start)
        pairs = list(run.run(first))
        return pairs[-1][0] if pairs else first, [record for _, record in pairs]

    return trained


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """In place of the loop's clock: every look at it takes a second."""
    state = SimpleNamespace(now=0.0)

    def perf_counter() -> float:
        state.now += 1.0
        return state.now

    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=perf_counter))
    return state
