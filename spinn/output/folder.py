"""The folder of a run: what lies where, who may write it, and how it gets its name."""

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spinn.errors import SpinnError
from spinn.files.atomic import TEMPORARY, explain, write_json, write_yaml
from spinn.files.environment import environment
from spinn.files.lock import locked
from spinn.output.metrics import MetricsWriter, appending_metrics, read_metrics


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Paths and writers of one run. `create` makes a new one, `open` finds an old one."""

    path: Path

    @classmethod
    def create(
        cls, path: Path | None = None, *, pde: str = "run", root: Path = Path("runs"), overwrite: bool = False
    ) -> "RunFolder":
        """The folder tree at `path`, or at `<root>/<pde>-<YYYYmmdd-HHMMSS>` (with -2, -3, ... where taken).

        **Raises:** SpinnError when the place cannot be written, is a file, or holds a run already (unless `overwrite`).
        """
        folder = cls(_fresh(root, pde) if path is None else _made(Path(path)))
        if folder.has_run and not overwrite:
            raise SpinnError(
                "this folder holds a run already; continue it with --resume, or choose another folder with --out",
                file=folder.path,
            )
        _made(folder.checkpoints)
        _made(folder.figures)
        _check_writable(folder.path)
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The run in the folder `path`.

        **Raises:** SpinnError when there is none.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            raise SpinnError("expected the folder of a run, found none; runs lie under runs/ by default", file=path)
        if not folder.has_run:
            raise SpinnError("this folder holds no run: its config.yaml is missing; was the path meant?", file=path)
        return folder

    @property
    def has_run(self) -> bool:
        """Whether a run was begun here."""
        return self.config.is_file()

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """What the run ran on."""
        return self.path / "environment.json"

    @property
    def summary(self) -> Path:
        """The outcome: errors, times, sizes."""
        return self.path / "summary.json"

    @property
    def metrics(self) -> Path:
        """One record a line, as training went."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """States to resume from."""
        return self.path / "checkpoints"

    @property
    def solution(self) -> Path:
        """The solution on its output grid."""
        return self.path / "solution.h5"

    @property
    def figures(self) -> Path:
        """Pictures of the solution and of training."""
        return self.path / "figures"

    @property
    def report(self) -> Path:
        """Everything on one page."""
        return self.path / "report.html"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer for the duration of the block; what a killed writer left half done is swept away first.

        **Raises:** SpinnError when another living process writes this run.
        """
        with locked(self.path / "run.lock"):
            for folder in (self.path, self.figures):
                for leftover in folder.glob(TEMPORARY):
                    leftover.unlink(missing_ok=True)
            yield

    def write_config(self, config: Mapping[str, Any]) -> None:
        """The resolved configuration, in the order given."""
        write_yaml(self.config, config, comment="Resolved configuration: `spinn solve` with this file repeats the run.")

    def write_environment(self, device: str, argv: Sequence[str] | None = None) -> None:
        """What the run runs on; `argv` is this process's when none is given."""
        write_json(self.environment, environment(device, argv))

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """The outcome; NaN and infinities become null."""
        write_json(self.summary, summary)

    @contextlib.contextmanager
    def append_metrics(self, *, after_step: int | None = None) -> Iterator[MetricsWriter]:
        """A writer of metrics records; a resumed run drops those after its checkpoint's step."""
        with appending_metrics(self.metrics, after_step=after_step) as writer:
            yield writer

    def read_metrics(self) -> list[dict[str, Any]]:
        """All whole metrics records, in order."""
        return read_metrics(self.metrics)


def _fresh(root: Path, pde: str) -> Path:
    """A new folder under `root` that nobody else has: made here and now, so two runs of one second differ."""
    _made(root)
    name = f"{Path(pde).stem or 'run'}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    number = 1
    while True:
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise explain(error, path) from error
        else:
            return path


def _made(path: Path) -> Path:
    """`path`, a folder now if it was none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SpinnError("expected a folder to write to, found a file; choose another with --out", file=path) from error
    except OSError as error:
        raise explain(error, path) from error
    return path


def _check_writable(path: Path) -> None:
    """Try now what would otherwise fail after an hour of training."""
    probe = path / f".probe-{os.getpid()}.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise explain(error, path) from error
