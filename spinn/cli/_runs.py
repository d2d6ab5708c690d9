"""The runs there are: folders under ./runs, and what their files say."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from spinn.errors import SpinnError

ROOT = Path("runs")


class Run(NamedTuple):
    """A run's folder, its summary (empty while it has none), and the name of its PDE."""

    folder: Path
    summary: dict[str, Any]
    pde: str

    @property
    def status(self) -> str:
        """ok, diverged, interrupted, or unfinished where the run wrote no summary (killed, or still going)."""
        return str(self.summary.get("status", "unfinished"))


def open_run(folder: Path) -> Run:
    """The run in a folder.

    **Raises:** SpinnError if there is none, or its files cannot be read.
    """
    from spinn.output.folder import RunFolder

    files = RunFolder.open(folder)
    return Run(folder, _summary(files.summary), _pde_name(files.config))


def finished_run(folder: Path) -> Run:
    """The run in a folder, which must have a summary.

    **Raises:** SpinnError as `open_run`, and for a run that has not ended.
    """
    run = open_run(folder)
    if not run.summary:
        raise SpinnError(
            "this run has no summary yet: it was killed, or is still going; "
            f"`spinn solve {folder} --resume` continues it",
            file=folder,
        )
    return run


def all_runs(root: Path = ROOT) -> list[Run]:
    """The runs under a folder, oldest first; folders that cannot be read are left out."""
    found = []
    for config in sorted(root.glob("*/config.yaml"), key=lambda file: file.stat().st_mtime):
        try:
            found.append(open_run(config.parent))
        except SpinnError:
            continue
    return found


def resumable(pde: str, root: Path = ROOT) -> Path:
    """The folder of the newest run of a PDE under ./runs that has not ended well.

    **Raises:** SpinnError if there is none.
    """
    found = [run for run in all_runs(root) if run.pde == pde and run.status != "ok"]
    if not found:
        raise SpinnError(
            f"--resume: expected an unfinished run of {pde} under {root}/, found none; name its folder with --out"
        )
    return found[-1].folder


def _summary(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SpinnError(f"expected a run's summary in JSON, got something else ({error})", file=file) from None
    return data if isinstance(data, dict) else {}


def _pde_name(config: Path) -> str:
    import yaml

    try:
        data = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise SpinnError(f"expected a run's configuration in YAML, got something else ({error})", file=config) from None
    pde = data.get("pde") if isinstance(data, dict) else None
    return str(pde.get("name", "?") if isinstance(pde, dict) else pde)
