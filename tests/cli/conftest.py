"""What command tests share: an empty current folder, `spinn` in this process, and the folder of a finished run."""

import dataclasses
import importlib
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spinn
from spinn.cli import main
from spinn.config import config_from, to_yaml
from spinn.output import write_solution
from spinn.pdes import PDE
from spinn.pdes.heat import Heat

SUMMARY = {
    "pde": "heat", "status": "ok", "relative_l2": {"u": 1.5e-4, "all": 1.5e-4}, "truth": "exact",
    "seconds": {"compile": 1.0, "solve": 2.0, "total": 3.5}, "collocation_points": 4096, "parameters": 321,
    "precision": "float64", "device": "cpu", "seed": 0, "recipe": "linear", "stages": [],
    "warnings": [], "versions": {},
}  # fmt: skip


@dataclasses.dataclass
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(here, capsys) -> Callable[..., Outcome]:
    """Run a command line in the empty folder."""

    def command(*argv: str) -> Outcome:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return command


@dataclasses.dataclass
class ExactSolution:
    """Stands for a trained solution: the exact one."""

    pde: PDE
    summary: dict[str, Any]
    folder: Path | None

    def __call__(self, *coordinates: np.ndarray) -> np.ndarray:
        return np.asarray(self.pde.exact(*coordinates))

    def on_grid(self, axes: dict[str, np.ndarray], derived: bool = True) -> dict[str, np.ndarray]:
        return {"u": self(*np.meshgrid(*axes.values(), indexing="ij"))}


@pytest.fixture
def make_run(here, monkeypatch) -> Callable[..., Path]:
    """Make the folder of a run of the heat equation under runs/, which `spinn.load` then opens."""

    def made(name: str = "heat-1", summary: dict[str, Any] | None = None, **settings: Any) -> Path:
        folder = here / "runs" / name
        (folder / "figures").mkdir(parents=True)
        (folder / "config.yaml").write_text(to_yaml(config_from({"pde": "heat", **settings})))
        if summary != {}:
            (folder / "summary.json").write_text(json.dumps({**SUMMARY, **(summary or {})}))
        axes = {"t": np.linspace(0, 1, 5), "x": np.linspace(0, 1, 9)}
        truth = np.asarray(Heat().exact(*np.meshgrid(*axes.values(), indexing="ij")))
        write_solution(folder / "solution.h5", axes, {"u": truth + 1e-3}, reference={"u": truth})
        records = [{"step": k, "seconds": k / 10, "stage": "adam", "loss": 10.0**-k} for k in range(5)]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        return folder

    def load(folder: Path) -> ExactSolution:
        return ExactSolution(Heat(), SUMMARY, Path(folder))

    monkeypatch.setattr(spinn, "load", load, raising=False)
    return made


@dataclasses.dataclass
class Engine:
    """Stands for `spinn.engine`: notes what it is asked, and returns a summary."""

    summary: dict[str, Any]
    calls: list[types.SimpleNamespace] = dataclasses.field(default_factory=list)

    def solve(self, config: Any, pde: PDE, *, out: Path | None, resume: bool, reporter: Any) -> ExactSolution:
        self.calls.append(types.SimpleNamespace(config=config, pde=pde, out=out, resume=resume, reporter=reporter))
        reporter.message("chosen by the recipe")
        return ExactSolution(pde, self.summary, out or Path("runs/heat-new"))

    def estimate(self, config: Any, pde: PDE) -> dict[str, Any]:
        return {"parameters": 321, "collocation_points": 4096, "memory_bytes": 1e6, "seconds": 12.3456}


@pytest.fixture
def engine(monkeypatch) -> Engine:
    """The engine replaced by one that trains nothing."""
    importlib.import_module("spinn.engine")  # or importing it later puts the real one in the place of this one
    stand_in = Engine(dict(SUMMARY))
    monkeypatch.setattr(spinn, "engine", stand_in)
    return stand_in
