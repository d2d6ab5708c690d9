"""Predicting the samples of a file: every prediction marked by its residual, and polished to a tolerance if wanted."""

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spinn.data.families import Family, SteadyFamily
from spinn.data.formats import native
from spinn.data.formats.samples import Samples, opened
from spinn.errors import SpinnError
from spinn.evaluation import device_context
from spinn.files.atomic import writing_hdf5
from spinn.files.environment import versions
from spinn.operators.origin import family_of, recipe_of, regridded
from spinn.operators.polishing import SWEEPS, Polished, Polisher
from spinn.operators.streaming import Stream
from spinn.operators.surrogate import Learned, load
from spinn.operators.validation import predictor

TOGETHER = 32  # samples that are predicted and written at a time
UNKNOWN = float("nan")


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
    """What was predicted: the file, true relative residuals (samples,), nan where no family is known, and relative L2
    errors (samples,) where the input file had the truth. `polish`: how polishing went, if it was asked for.
    """

    file: Path
    residuals: np.ndarray
    errors: np.ndarray | None
    polish: "Polishing | None" = None


@dataclasses.dataclass(frozen=True, eq=False)
class Polishing:
    """Iterations (samples,) from the predictions, and of the first few systems by the same solver from zero."""

    tolerance: float
    solver: str
    iterations: np.ndarray
    compared: np.ndarray
    alone: np.ndarray
    before: np.ndarray  # residuals of the predictions as they were
    failed: int

    @property
    def ratio(self) -> float:
        """Iterations of the solver alone to those from predictions, on the same systems."""
        return float(self.alone.sum() / max(self.compared.sum(), 1))


def predict(
    model: str | Path,
    inputs: str | Path,
    out: str | Path,
    *,
    polish: float | None = None,
    compared: int = 16,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Predicted:
    """Predict all samples of the file `inputs` by the operator of `model`, into a file in the native layout.

    With `polish`, a linear solver starts from every prediction and goes on until the true relative residual is at most
    that; the first `compared` systems are solved from zero as well, to tell what the prediction was worth.

    **Raises:** SpinnError for files that do not fit, an `out` that exists (unless `overwrite`), or a `polish` where no
    system is known.
    """
    learned, out = load(model), Path(out)
    if out.exists() and not overwrite:
        raise SpinnError("exists already; choose another --out, or give --overwrite", file=out)
    if polish is not None and not 0 < polish < 1:
        raise SpinnError(f"--polish: expected a tolerance between 0 and 1, such as 1e-8, got {polish:g}")
    with device_context("float32"), opened(inputs) as samples:
        family = _family(learned, samples)
        if polish is not None and not isinstance(family, SteadyFamily):
            raise SpinnError(
                "--polish: expected samples of a steady family of `spinn generate`, whose linear systems are known; "
                f"got {'an evolving one' if family else 'a file that tells no family'}"
            )
        run = _Run(learned, samples, family, polish, compared)
        with writing_hdf5(out) as file:
            return run.into(file, out, progress)


def _family(learned: Learned, samples: Samples) -> Family | None:
    """That of the input file, else the one that the operator was trained on, on the grid of the file."""
    shape = [len(nodes) for name, nodes in samples.axes.items() if name != "t"]
    found = family_of(samples.attributes, shape)
    if found is None and learned.dataset is not None and samples.layout != "native":
        found = regridded(recipe_of(learned.dataset).family, shape)
        found = found if set(found.parameters(0, 0)) <= set(samples.inputs) else None
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class _Run:
    learned: Learned
    samples: Samples
    family: Family | None
    polish: float | None
    compared: int

    def into(self, file: h5py.File, out: Path, progress: Callable[[int, int], None]) -> Predicted:
        samples, count = self.samples, len(self.samples)
        stream = Stream(samples, self.learned.surrogate.layout, memory=0)
        names, shape = stream.layout.outputs, stream.shape
        fields = {name: (column.shape, _kind(column.read(0))) for name, column in samples.inputs.items()}
        fields |= dict.fromkeys(names, (shape, "f8"))
        axes = {name: nodes for name, nodes in samples.axes.items() if name in stream.layout.axes or name != "t"}
        native.create_fields(file, count, axes, fields, names)
        residuals, errors = np.full(count, UNKNOWN), np.full(count, UNKNOWN)
        checksums = np.zeros((count, 32), np.uint8)
        polished: dict[int, Polished] = {}
        for done, (row, values, truth) in enumerate(self.predicted(stream), 1):
            found = {name: samples.inputs[name].read(row) for name in samples.inputs}
            found, residuals[row], how = self.finished(found, dict(zip(names, values, strict=True)), done)
            polished |= {row: how} if how is not None else {}
            for name, one in found.items():
                file["outputs" if name in names else "inputs"][name][row] = one
            checksums[row] = native.checksum(found)
            if truth is not None:
                errors[row] = relative(np.stack([found[name] for name in names]), truth)
            progress(done, count)
        polishing = self.polishing(polished)
        self.describe(file, residuals, checksums, polished)
        return Predicted(out, residuals, None if np.isnan(errors).all() else errors, polishing)

    def predicted(self, stream: Stream) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
        """Row, prediction, and truth if it is there; where systems are solved, neighbours follow each other."""
        run, order = predictor(self.learned.surrogate, stream), self.order()
        for start in range(0, len(order), TOGETHER):
            rows = order[start : start + TOGETHER]
            batch = stream.batch(rows.tolist())
            for row, values, truth in zip(rows, run(batch.inputs), batch.outputs, strict=True):
                yield int(row), np.asarray(values, float), truth if len(truth) else None

    def order(self) -> np.ndarray:
        rows = np.arange(len(self.samples))
        if self.polish is None or len(rows) < 3:
            return rows
        assert self.family is not None
        inputs = [{name: column.read(row) for name, column in self.samples.inputs.items()} for row in rows.tolist()]
        from spinn.solvers import chain

        return np.asarray(chain(np.stack([self.family.features(one) for one in inputs])))

    def finished(self, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray], done: int) -> Any:
        """Fields with faces as the family gives them, the residual, and how polishing went."""
        family = self.family
        if not isinstance(family, SteadyFamily) or len(outputs) != 1:
            return {**inputs, **outputs}, UNKNOWN, None
        exact = {name: np.asarray(values, float) for name, values in inputs.items()}
        system = family.system(exact)
        ((name, values),) = outputs.items()
        x, how = system.extract(values), None
        if self.polish is not None:
            how = self.polisher.solve(system, x, compare=done <= self.compared)
            x = how.x
        return {**inputs, name: system.insert(x)}, system.residual(x), how

    @functools.cached_property
    def polisher(self) -> Polisher:
        """Made at its first use, and kept with what it learns."""
        assert self.polish is not None and isinstance(self.family, SteadyFamily)
        return Polisher(self.family, self.polish)

    def polishing(self, polished: dict[int, Polished]) -> Polishing | None:
        if self.polish is None:
            return None
        every = list(polished.values())
        both = [one for one in every if one.alone is not None]
        return Polishing(
            self.polish, self.polisher.name, np.array([one.iterations for one in every]),
            np.array([one.iterations for one in both]), np.array([one.alone for one in both]),
            np.array([one.before for one in every]), sum(not one.converged for one in every),
        )  # fmt: skip

    def describe(
        self, file: h5py.File, residuals: np.ndarray, checksums: np.ndarray, polished: dict[int, Polished]
    ) -> None:
        """What a native file says of its samples, and by which operator they were predicted."""
        count = len(residuals)
        file["samples/index"], file["samples/residual"] = self.samples.index, residuals
        file["samples/checksum"], file["samples/method"] = checksums, np.zeros(count, np.uint8)
        file["samples/iterations"] = np.array(
            [polished[row].iterations if row in polished else 0 for row in range(count)]
        )
        source = self.samples.attributes
        worst = float(np.max(residuals[np.isfinite(residuals)], initial=0.0))  # what `spinn verify` will find again
        method = "operator" if self.polish is None else f"operator, {self.polisher.name}"
        kept = {name: source[name] for name in ("recipe", "config") if name in source}
        file.attrs.update(
            format=native.FORMAT, format_version=native.VERSION, family=source.get("family", self.samples.path.name),
            seed=source.get("seed", -1), tolerance=self.polish or 1.01 * worst or 1.0,
            fingerprint=source.get("fingerprint", ""),
            methods=[method], solver=method, versions=json.dumps(versions(), sort_keys=True), failures="{}",
            **{name: json.dumps(value, sort_keys=True) for name, value in {"recipe": {}, **kept}.items()},
            predicted_from=str(self.samples.path.name), operator=json.dumps(self.learned.facts),
        )  # fmt: skip


def _kind(values: np.ndarray) -> Any:
    return np.dtype("f4") if values.dtype.kind not in "f" else values.dtype


def relative(found: np.ndarray, truth: np.ndarray) -> float:
    """Relative L2 difference."""
    return float(np.linalg.norm(found - truth) / max(float(np.linalg.norm(truth)), 1e-300))


def summary(predicted: Predicted) -> dict[str, Any]:
    """As plain numbers."""
    found: dict[str, Any] = {"file": predicted.file, "samples": len(predicted.residuals)}
    known = predicted.residuals[np.isfinite(predicted.residuals)]
    found["residual"] = {"median": float(np.median(known)), "worst": float(known.max())} if known.size else None
    found["relative_l2"] = None if predicted.errors is None else float(np.nanmean(predicted.errors))
    how = predicted.polish
    if how is not None:
        found["polish"] = {
            "tolerance": how.tolerance, "solver": how.solver, "failed": how.failed,
            "residual_before": float(np.median(how.before)), "iterations": float(how.iterations.mean()),
            "compared": len(how.compared), "iterations_compared": _mean(how.compared),
            "iterations_alone": _mean(how.alone), "ratio": how.ratio, "sweeps": SWEEPS,
        }  # fmt: skip
    return found


def _mean(values: Sequence[float] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
