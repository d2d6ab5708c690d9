"""What engine tests share: small equations that compile in no time, and reporters that remember or stop."""

import dataclasses
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import pytest

from spinn.config import Config, config_from
from spinn.pdes import PDE
from spinn.training.reporting import Progress

EQUATIONS = '''\
from spinn.pdes import PDE, Box, Dirichlet, Initial, cos, exp, sin, sqrt


class Decay(PDE):
    """Decay:  u_t + rate u = 0   on t in [0, 1],  u = 1 at the start."""

    coordinates = ("t",)
    unknowns = ("u",)
    domain = Box(t=(0, 1))
    rate: float = 1.0

    def residual(self, u, t):
        return u.d("t") + self.rate * u

    def conditions(self):
        return [Initial("u", value=1.0)]

    def exact(self, t):
        return exp(-self.rate * (t - self.domain["t"][0]))


class Oscillator(PDE):
    """Oscillator:  u_t = v,  v_t = -u   on t in [0, 2]."""

    coordinates = ("t",)
    unknowns = ("u", "v")
    domain = Box(t=(0, 2))

    def residual(self, u, v, t):
        return u.d("t") - v, v.d("t") + u

    def conditions(self):
        return [Initial("u", value=1.0), Initial("v")]

    def derived(self, u, v):
        return {"energy": u**2 + v**2}

    def exact(self, t):
        return cos(t), -sin(t)


class Broken(PDE):
    """No number anywhere near zero:  u_t + sqrt(u - 100) = 0."""

    coordinates = ("t",)
    unknowns = ("u",)
    domain = Box(t=(0, 1))

    def residual(self, u, t):
        return u.d("t") + sqrt(u - 100.0)

    def conditions(self):
        return [Initial("u", value=1.0)]
'''

# A run in memory or in a folder with as little as possible around the numbers.
QUIET = {
    "output": {"figures": False, "report": False, "vtkhdf": False, "grid": [9], "estimate": False},
    "device": "cpu",
}
BASIS = {"network": {"modes": 6}, "train": [{"optimizer": "gauss_newton", "steps": 4}]}
TRAINED = {
    "network": {"features": "mlp", "head": "cp", "rank": 2, "width": 4, "depth": 1},
    "sampling": {"points_per_axis": 8},
    "train": [{"optimizer": "adam", "steps": 100, "learning_rate": 0.01}],
}


@pytest.fixture(scope="module", autouse=True)
def quick(compilation_cache) -> Iterator[None]:
    """Small programs: optimising them costs more than it saves, and many tests run the same ones."""
    seconds = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_disable_most_optimizations", True)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    yield
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def equations(tmp_path_factory) -> Path:
    """A file with equations of a user's own."""
    file = tmp_path_factory.mktemp("equations") / "equations_of_tests.py"
    file.write_text(EQUATIONS)
    return file


@pytest.fixture(scope="session")
def imported(equations) -> Iterator[ModuleType]:
    """The same file, imported as a user's notebook does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(equations.parent)
        yield importlib.import_module(equations.stem)
        sys.modules.pop(equations.stem)


@pytest.fixture(scope="session")
def decay(imported) -> type[PDE]:
    return imported.Decay


@pytest.fixture(scope="session")
def oscillator(imported) -> type[PDE]:
    return imported.Oscillator


@pytest.fixture(scope="session")
def configure(equations) -> Callable[..., Config]:
    """A configuration from sections; `BASIS` and `TRAINED` by name, `pde` is Decay unless told otherwise."""

    def made(*presets: str, **sections: Any) -> Config:
        data: dict[str, Any] = {"pde": f"{equations}:Decay", **QUIET}
        for preset in presets:
            data |= {"basis": BASIS, "trained": TRAINED}[preset]
        return config_from({**data, **sections})

    return made


@pytest.fixture(scope="session")
def programs() -> Callable[[Config, PDE], dict[Any, Any]]:
    """What sessions have compiled so far for a problem: most of the time of these tests, so they share it."""
    known: dict[Any, dict[Any, Any]] = {}
    return lambda config, pde: known.setdefault((config.model_dump_json(), repr(pde)), {})


@dataclasses.dataclass
class Listener:
    """Remembers what it hears; stops the run, as a user's Ctrl-C does, at an update or at a stage."""

    stop_at_update: int | None = None
    stop_at_stage: int | None = None
    stages: list[str] = dataclasses.field(default_factory=list)
    updates: list[Progress] = dataclasses.field(default_factory=list)
    messages: list[str] = dataclasses.field(default_factory=list)
    finished: int = 0

    def stage(self, name: str, total_steps: int | None) -> None:
        self.stages.append(name)
        if len(self.stages) == self.stop_at_stage:
            raise KeyboardInterrupt

    def update(self, progress: Progress) -> None:
        self.updates.append(progress)
        if len(self.updates) == self.stop_at_update:
            raise KeyboardInterrupt

    def message(self, text: str, level: str = "info") -> None:
        self.messages.append(text)

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture(scope="session")
def listen() -> Callable[..., Listener]:
    return Listener
