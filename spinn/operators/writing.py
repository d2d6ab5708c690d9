"""What learning leaves behind: errors, summary, figures, report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from spinn.files.environment import versions
from spinn.operators.surrogate import FILE, Learned
from spinn.operators.validation import draw_predictions, errors_on, finer
from spinn.output.folder import RunFolder
from spinn.training.reporting import Reporter

if TYPE_CHECKING:
    from spinn.operators.learning import Course


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """A trained operator, the folder that it lies in, and the summary of its run."""

    learned: Learned
    folder: Path
    summary: dict[str, Any]

    @property
    def model(self) -> Path:
        """The file of the operator."""
        return self.folder / FILE


def write_results(
    learned: Learned,
    folder: RunFolder,
    course: "Course",
    others: Sequence[Path],
    status: str,
    stages: list[dict[str, Any]],
    seconds: dict[str, float],
    reporter: Reporter,
) -> Outcome:
    """Measure errors on what was held out and on other grids; write summary.json, figures and report.html."""
    from spinn.output.loss_figure import draw_loss
    from spinn.output.report import write_report

    config, surrogate, stream = course.config, learned.surrogate, course.stream()
    reporter.message("measuring errors on held-out samples")
    rows = course.held_out.tolist()
    errors = errors_on(surrogate, stream, rows)
    summary = {
        "pde": f"{config.model.kind} on {course.samples.path.name}", "status": status,
        "relative_l2": None if errors is None else {"all": float(errors.l2.mean())}, "truth": "held-out samples",
        "held_out": None if errors is None else errors.summary,
        "finer": finer(surrogate, others, 1e6 * config.memory, config.precision),
        "seconds": {**seconds, "total": sum(seconds.values())},
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(surrogate.model) if hasattr(leaf, "size")),
        "samples": len(course.rows), "symmetries": len(course.symmetries), "precision": config.precision,
        "device": jax.default_backend(), "devices": jax.device_count(), "seed": config.seed, "stages": stages,
        "warnings": [], "versions": versions(),
    }  # fmt: skip
    folder.write_summary(summary)
    if config.output.figures:
        draw_loss(folder.read_metrics(), folder.figures / "loss.png")
        if errors is not None:
            draw_predictions(surrogate, stream, rows, folder.figures / "predictions.png")
    if config.output.report:
        write_report(folder)
    return Outcome(learned, folder.path, summary)
