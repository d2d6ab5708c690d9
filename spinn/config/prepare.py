"""From a command's argument to a checked configuration and PDE: everything that can fail before computing begins."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spinn.config.check_definition import check_definition
from spinn.config.find import find, source_of
from spinn.config.fit import check_fit
from spinn.config.load_pde import load_pde, located
from spinn.config.models import Config
from spinn.config.overrides import override
from spinn.config.source import Problem, Source, failure
from spinn.config.validate import validate
from spinn.pdes import PDE


class Prepared(NamedTuple):
    """A problem ready to be solved, and a note for the user (such as that a shipped example is used)."""

    config: Config
    pde: PDE
    note: str | None


def prepare(argument: str, assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> Prepared:
    """What `argument` names (see `find`), with `--set` assignments and flags applied, loaded and checked.

    **Raises:** SpinnError for whatever is wrong with it. Nothing has been written then.
    """
    found = find(argument)
    config, pde = checked(override(source_of(found), assignments, flags))
    return Prepared(config, pde, found.note)


def checked(source: Source, given: PDE | None = None) -> tuple[Config, PDE]:
    """The configuration and the PDE that settings describe, checked against each other.

    A ./file.py in the configuration becomes an absolute path, so that the run's folder can be read from anywhere.
    `given` is the PDE itself where it is in memory already, and is not loaded then.

    **Raises:** SpinnError as `prepare` does.
    """
    config = _with_policy(validate(source), source)
    pde = given or load_pde(config.pde, source.base, domain=config.domain, places=source.places)
    check_definition(pde)
    check_fit(config, pde, source.places)
    if given is not None:
        return config, pde
    return config.model_copy(update={"pde": located(config.pde, source.base)}), pde


def _with_policy(config: Config, source: Source) -> Config:
    """A policy's file as an absolute path, alike. SpinnError where there is none."""
    given = config.interface.policy
    if given is None:
        return config
    found = next((path for path in (source.base / given, Path(given)) if path.is_file()), None)
    if found is None:
        place = source.place(("interface", "policy"))
        raise failure([Problem(place, f"interface.policy: expected a file of `spinn metalic`, found no {given}")])
    return config.model_copy(update={"interface": config.interface.model_copy(update={"policy": str(found.resolve())})})
