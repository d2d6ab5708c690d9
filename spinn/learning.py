"""Learning and predicting from the words of a user: a YAML file or a shipped name, flags on top."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from spinn.config.learning import LearnConfig, validated_learning
from spinn.config.overrides import assigned
from spinn.config.shipped import operator_examples
from spinn.config.source import Place, Source, from_data
from spinn.config.yaml_source import read
from spinn.engine import choose_device
from spinn.errors import SpinnError
from spinn.operators.learning import learn
from spinn.operators.writing import Outcome
from spinn.training.reporting import Reporter


class Prepared(NamedTuple):
    """A configuration, and the folder that names of files in it refer to."""

    config: LearnConfig
    base: Path


def prepare(what: str | None, assignments: Sequence[str] = (), flags: Mapping[str, Any] | None = None) -> Prepared:
    """What `what` names (a YAML file, a shipped configuration, or nothing), with assignments and flags on top, checked.

    **Raises:** SpinnError for whatever is wrong with it.
    """
    source = from_data({}, name="learn") if what is None else read(_file(what))
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    for name in ("data", "finer"):  # of the command line: relative to where it was typed
        if name in given:
            files = given[name] if isinstance(given[name], list) else [given[name]]
            absolute = [str(Path(file).resolve()) for file in files]
            given[name] = absolute
    source = assigned(source, assignments)
    data, places = {**source.data, **given}, dict(source.places)
    for name, value in given.items():
        places[(name,)] = Place(f"--{name} {value}")
    return Prepared(validated_learning(Source(data, places, source.base, source.name)), source.base)


def _file(what: str) -> Path:
    """The file, or else the shipped configuration of that name."""
    path, shipped = Path(what), operator_examples()
    if path.is_file():
        return path
    if path.parent == Path(".") and path.stem in shipped:
        return shipped[path.stem]
    raise SpinnError(f"there is no such file, nor a shipped configuration; those are {', '.join(shipped)}", file=path)


def make(prepared: Prepared, *, out: Path | None = None, resume: bool = False, reporter: Reporter) -> Outcome:
    """Train, and write the run's folder.

    **Raises:** SpinnError as `learn`, or where a device is asked for that is not there.
    """
    device, _ = choose_device(prepared.config.device)
    with jax.default_device(device):
        return learn(prepared.config, base=prepared.base, out=out, resume=resume, reporter=reporter)
