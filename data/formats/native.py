"""Our own layout: one HDF5 file with named axes, one row a sample, and the proof of every row beside it.

    /inputs/a      (sample, x, y)      what varies
    /outputs/u     (sample, x, y)      the solution; (sample, t, x, y) where it evolves
    /axes/x, ...                       coordinates of the nodes, attached as dimension scales
    /samples/index                     the sample's number, of which and of the seed it is made
    /samples/residual                  true relative residual when it was made, float64
    /samples/iterations, method        what solving took, and which solver did (numbers into the attribute `methods`)
    /samples/checksum                  SHA-256 of its fields
    attributes: format, family, seed, tolerance, solver, recipe, config, versions, failures (JSON where nested)

The same recipe gives the same bytes: nothing of time or place is stored.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spinn.data.generation.piece import Piece
from spinn.data.generation.recipe import Recipe
from spinn.errors import SpinnError
from spinn.files.atomic import writing_hdf5

FORMAT, VERSION = "spinn dataset", 1
# What is kept of a sample besides its fields: name, type, shape.
NUMBERS = (("residual", "f8", ()), ("iterations", "i8", ()), ("method", "u1", ()), ("checksum", "u1", (32,)))


def checksum(fields: Mapping[str, np.ndarray]) -> np.ndarray:
    """SHA-256 (32,) of the fields of one sample, by name."""
    digest = hashlib.sha256()
    for name in sorted(fields):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(fields[name]).data)
    return np.frombuffer(digest.digest(), np.uint8)


def write(
    path: Path, recipe: Recipe, pieces: Iterable[Piece], failures: Mapping[int, str], facts: Mapping[str, Any]
) -> None:
    """Put the pieces into one file; rows are in the order of the samples' numbers, those that failed left out.

    `facts`: further attributes (text, numbers).

    **Raises:** SpinnError when the disk refuses, or where no sample was made.
    """
    kept = np.setdiff1d(recipe.numbers, np.array(sorted(failures), dtype=np.int64))
    if not kept.size:
        raise SpinnError(f"no sample could be made; the first failed with: {next(iter(failures.values()))}", file=path)
    with writing_hdf5(path) as file:
        methods: list[str] = []
        numbers = {name: np.zeros((len(kept), *more), kind) for name, kind, more in NUMBERS}
        for piece in pieces:
            if not piece.indices.size:
                continue
            if "axes" not in file:
                _create(file, recipe, piece, kept)
            places = np.searchsorted(kept, piece.indices)
            methods += [name for name in dict.fromkeys(piece.methods) if name not in methods]
            numbers["residual"][places], numbers["iterations"][places] = piece.residuals, piece.iterations
            numbers["method"][places] = [methods.index(name) for name in piece.methods]
            numbers["checksum"][places] = _put(file, recipe, piece, places)
        for name, values in numbers.items():
            file[f"samples/{name}"] = values
        file["samples/index"] = kept
        described = {"recipe": recipe.described, "failures": {str(k): v for k, v in sorted(failures.items())}}
        file.attrs.update(
            format=FORMAT, format_version=VERSION, family=recipe.family.name, seed=recipe.seed,
            tolerance=recipe.tolerance, fingerprint=recipe.fingerprint, methods=methods,
            **{name: json.dumps(value, sort_keys=True) for name, value in described.items()}, **facts,
        )  # fmt: skip


def _create(file: h5py.File, recipe: Recipe, piece: Piece, kept: np.ndarray) -> None:
    """Empty datasets of the fields, and named axes."""
    family = recipe.family
    axes = dict(family.axes)
    if recipe.evolving:
        axes = {"t": family.times, **axes}  # type: ignore[attr-defined]
    fields = {name: (values.shape[1:], values.dtype) for name, values in piece.fields.items()}
    create_fields(file, len(kept), axes, fields, family.outputs)


def create_fields(
    file: h5py.File,
    count: int,
    axes: Mapping[str, np.ndarray],
    fields: Mapping[str, tuple[tuple[int, ...], Any]],
    outputs: Collection[str],
) -> None:
    """Axes, and empty datasets of fields by name with shape and type of one sample; `outputs` are among them."""
    for axis, points in axes.items():
        file.create_dataset(f"axes/{axis}", data=np.asarray(points, float)).make_scale(axis)
    for name, (shape, kind) in fields.items():
        group = "outputs" if name in outputs else "inputs"
        data = file.create_dataset(f"{group}/{name}", (count, *shape), kind, chunks=(1, *shape))
        data.dims[0].label = "sample"
        for place, axis in enumerate(_axes_of(shape, {axis: len(points) for axis, points in axes.items()}), 1):
            data.dims[place].label = axis
            if axis in axes:
                data.dims[place].attach_scale(file[f"axes/{axis}"])


def _axes_of(shape: tuple[int, ...], lengths: Mapping[str, int]) -> list[str]:
    """Names of the axes of a field: all of them, all but time, or none that are known (a mesh)."""
    for names in (list(lengths), [name for name in lengths if name != "t"]):
        if shape == tuple(lengths[name] for name in names):
            return names
    return [f"node_{place}" if len(shape) > 1 else "node" for place in range(len(shape))]


def _put(file: h5py.File, recipe: Recipe, piece: Piece, places: np.ndarray) -> np.ndarray:
    """Write the fields of a piece into the rows `places` (samples,), one by one; their checksums (samples, 32)."""
    outputs = recipe.family.outputs
    stored = {name: file["outputs" if name in outputs else "inputs"][name] for name in piece.fields}
    checksums = []
    for row, place in enumerate(places.tolist()):
        fields = {name: np.asarray(values[row]) for name, values in piece.fields.items()}
        for name, values in fields.items():
            # A row is a chunk, so it goes to the disk as it lies in memory, past HDF5's cache of chunks.
            stored[name].id.write_direct_chunk((place,) + (0,) * values.ndim, np.ascontiguousarray(values))
        checksums.append(checksum(fields))
    return np.stack(checksums)


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One stored sample: its number, fields by name, true relative residual when it was made, checksum (32,)."""

    index: int
    fields: dict[str, np.ndarray]
    residual: float
    checksum: np.ndarray


class Dataset:
    """A file of ours, open for reading: `with Dataset(path) as data: data.row(0).fields["u"]`.

    **Raises:** SpinnError where the file is not one.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.exists():
            raise SpinnError("there is no such file", file=self.path)
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise SpinnError(f"not a readable HDF5 file ({error})", file=self.path) from None
        if self.file.attrs.get("format") != FORMAT:
            self.file.close()
            raise SpinnError(
                "not a dataset in the native layout of spinn; `spinn generate --format native` writes one",
                file=self.path,
            )

    def __enter__(self) -> "Dataset":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __len__(self) -> int:
        return len(self.file["samples/index"])

    @property
    def fields(self) -> dict[str, h5py.Dataset]:
        """Inputs, then outputs, by name: (samples, ...) each, read from the disk as they are indexed."""
        groups = [self.file[group] for group in ("inputs", "outputs") if group in self.file]
        return {name: group[name] for group in groups for name in group}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what varies."""
        return tuple(self.file.get("inputs", ()))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what was solved for."""
        return tuple(self.file["outputs"])

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Coordinates by axis: time first, then those of space in the order of the outputs' dimensions."""
        labels = [dim.label for dim in self.file["outputs"][self.outputs[0]].dims][1:]
        found = {name: data[:] for name, data in self.file["axes"].items()}
        return {**{name: found[name] for name in labels if name in found}, **found}

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes; those that hold JSON as data."""
        nested = ("recipe", "failures", "versions", "config", "trial")
        found = {name: _native(value) for name, value in self.file.attrs.items()}
        return {name: json.loads(value) if name in nested else value for name, value in found.items()}

    def row(self, place: int) -> Row:
        """The sample in a row of the file, which need not be its number."""
        samples = self.file["samples"]
        fields = {name: np.asarray(data[place]) for name, data in self.fields.items()}
        return Row(int(samples["index"][place]), fields, float(samples["residual"][place]), samples["checksum"][place])

    def rows(self) -> Iterator[Row]:
        """All of them."""
        return (self.row(place) for place in range(len(self)))


def _native(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
