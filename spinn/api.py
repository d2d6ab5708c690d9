"""The same engine from Python: `spinn.solve` and `spinn.load`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spinn.config import Config, find, merge, source_of
from spinn.config import load as load_config
from spinn.config.load_pde import load_pde
from spinn.config.prepare import checked
from spinn.config.source import from_data
from spinn.config.spec_of import domain_of, spec_of
from spinn.engine import choose_device
from spinn.engine import solve as run
from spinn.errors import SpinnError
from spinn.output.folder import RunFolder
from spinn.output.progress import SilentReporter
from spinn.pdes import PDE
from spinn.recipes import resolve
from spinn.resuming import stored
from spinn.solution import Solution
from spinn.training.reporting import Reporter


def solve(
    problem: PDE | Config | str | Path | Mapping[str, Any],
    *,
    out: str | Path | None = None,
    resume: bool = False,
    reporter: Reporter | None = None,
    **settings: Any,
) -> Solution:
    """Solve a PDE and return its solution.

    **Arguments:** `problem`: a PDE object, a PDE's name, a YAML file, a configuration or a mapping of the same shape.
    `settings` are sections of the configuration, merged over it: `spinn.solve(Heat(kappa=0.1), network={"rank": 8})`.
    `out`: write a run's folder there (nothing is written without it). `reporter`: who hears of progress.

    **Raises:** SpinnError for bad input, as the command line does.
    """
    source_data: dict[str, Any]
    given = problem if isinstance(problem, PDE) else None
    if given is not None:
        given, settings = _with_domain(given, settings)
        source_data = {"pde": spec_of(given).model_dump(), "domain": domain_of(given)}
    elif isinstance(problem, Config):
        source_data = problem.model_dump(mode="json", exclude_unset=True)
    elif isinstance(problem, Mapping):
        source_data = dict(problem)
    else:
        source = merge(source_of(find(str(problem))), settings)
        config, pde = checked(source)
        return _run(config, pde, out, resume, reporter)
    config, pde = checked(merge(from_data(source_data), settings), given)
    return _run(config, pde, out, resume, reporter)


def _with_domain(pde: PDE, settings: Mapping[str, Any]) -> tuple[PDE, dict[str, Any]]:
    """The PDE on the domain that settings ask for, and the other settings."""
    rest = {name: value for name, value in settings.items() if name != "domain"}
    if "pde" in rest:
        raise SpinnError("the parameters of a PDE object are its own: expected Heat(kappa=0.1), got the setting 'pde'")
    try:
        changes = {axis: tuple(ends) for axis, ends in (settings.get("domain") or {}).items()}
        return dataclasses.replace(pde, domain=pde.domain.replace(**changes)), rest
    except ValueError as error:
        raise SpinnError(f"domain: {error}") from None


def _run(config: Config, pde: PDE, out: str | Path | None, resume: bool, reporter: Reporter | None) -> Solution:
    folder = None if out is None else Path(out)
    return run(config, pde, out=folder, resume=resume, reporter=reporter or SilentReporter(), write=folder is not None)


def load(folder: str | Path) -> Solution:
    """The solution of a finished run, from its folder.

    **Raises:** SpinnError if the folder holds no finished run.
    """
    run_folder = RunFolder.open(Path(folder))
    config = load_config(run_folder.config)
    pde = load_pde(config.pde, run_folder.path, domain=config.domain)
    plan = resolve(config, pde, choose_device("cpu")[1])
    if not run_folder.summary.is_file():
        raise SpinnError("this run has not ended; continue it with --resume", file=run_folder.path)
    return stored(plan, pde, run_folder)
