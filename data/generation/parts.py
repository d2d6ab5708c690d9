"""Pieces on disk while a dataset is being made: a folder beside the file, with a manifest, and every piece whole.

darcy.h5.parts/manifest.json     the recipe, its chain's solver, and versions
darcy.h5.parts/chain.npy         sample indices in the order in which they are solved, where it is not their own
darcy.h5.parts/piece-00017.npz   appears when the piece is done, complete or not at all
"""

import contextlib
import dataclasses
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spinn.data.generation.choosing import Chosen
from spinn.data.generation.description import differences
from spinn.data.generation.piece import Piece
from spinn.data.generation.recipe import Recipe
from spinn.errors import SpinnError
from spinn.files.atomic import explain, replacing, write_json
from spinn.files.environment import versions

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Parts:
    """The folder of the pieces of the file `out`."""

    out: Path

    @property
    def folder(self) -> Path:
        """Beside the file."""
        return self.out.with_name(f"{self.out.name}.parts")

    @property
    def order(self) -> Path:
        """The file of the chain."""
        return self.folder / "chain.npy"

    def begin(self, recipe: Recipe, chosen: Chosen, chain: np.ndarray) -> None:
        """Write the chain (samples,), unless it is in ascending order, and then the manifest, which tells that."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, self.folder) from error
        if not np.array_equal(chain, recipe.numbers):
            with replacing(self.order) as temporary, open(temporary, "wb") as file:
                np.save(file, chain)
        self.choose(recipe, chosen)

    def choose(self, recipe: Recipe, chosen: Chosen) -> None:
        """Write the manifest: the solver of the pieces to come, with what is needed to tell another recipe."""
        facts = {"format": FORMAT, "fingerprint": recipe.fingerprint, "recipe": recipe.described}
        facts["sorted"] = self.order.exists()
        write_json(
            self.folder / "manifest.json",
            {**facts, "solver": chosen.name, "trial": chosen.trial, "versions": versions()},
        )

    def manifest(self) -> dict[str, Any] | None:
        """The manifest; None where nothing was begun.

        **Raises:** SpinnError where it cannot be read.
        """
        file = self.folder / "manifest.json"
        if not file.exists():
            return None
        try:
            found = json.loads(file.read_text())
            assert isinstance(found, dict) and found["format"] == FORMAT
        except (OSError, ValueError, KeyError, AssertionError):
            raise SpinnError(
                f"not a manifest of format {FORMAT}; remove the folder {self.folder} to start anew", file=file
            ) from None
        return found

    def check(self, recipe: Recipe) -> None:
        """That what was begun is this recipe.

        **Raises:** SpinnError that names the settings which differ.
        """
        found = self.manifest()
        if found is None or found["fingerprint"] == recipe.fingerprint:
            return
        lines = differences(found["recipe"], recipe.described)
        listed = "\n  ".join(lines[:10]) or "another version of the recipe's format"
        raise SpinnError(
            f"was begun with other settings:\n  {listed}\n"
            "resume with those, choose another --out, or start anew with --overwrite",
            file=self.folder,
        )

    def chain(self, recipe: Recipe) -> np.ndarray:
        """Sample indices in the order of solving: (samples,)."""
        manifest = self.manifest()
        if manifest is not None and manifest.get("sorted") is False:
            return recipe.numbers
        return np.load(self.order)

    def file(self, piece: int) -> Path:
        """Of a piece."""
        return self.folder / f"piece-{piece:05d}.npz"

    def write(self, piece: int, made: Piece) -> None:
        """Keep a piece.

        **Raises:** SpinnError when the disk refuses; what was kept before stays.
        """
        arrays = {f"field {name}": values for name, values in made.fields.items()}
        facts = {"failures": {str(k): v for k, v in made.failures.items()}, "methods": list(made.methods)}
        with replacing(self.file(piece)) as temporary, open(temporary, "wb") as file:
            np.savez(
                file, indices=made.indices, residuals=made.residuals, iterations=made.iterations, seconds=made.seconds,
                facts=np.array(json.dumps(facts)), **arrays,  # type: ignore[arg-type]
            )  # fmt: skip

    def read(self, piece: int) -> Piece:
        """A piece that was kept.

        **Raises:** SpinnError where the file is damaged.
        """
        with self._opened(piece) as found:
            facts = json.loads(str(found["facts"]))
            fields = {key.removeprefix("field "): found[key] for key in found.files if key.startswith("field ")}
            return Piece(
                found["indices"], fields, found["residuals"], found["iterations"], found["seconds"],
                tuple(facts["methods"]), {int(k): v for k, v in facts["failures"].items()},
            )  # fmt: skip

    def failures(self, piece: int) -> dict[int, str]:
        """By index, why samples of a piece that was kept are left out; its fields are not read.

        **Raises:** SpinnError where the file is damaged.
        """
        with self._opened(piece) as found:
            return {int(k): v for k, v in json.loads(str(found["facts"]))["failures"].items()}

    @contextlib.contextmanager
    def _opened(self, piece: int) -> Iterator[Any]:
        try:
            with np.load(self.file(piece)) as found:
                yield found
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise SpinnError("is damaged; remove it and resume", file=self.file(piece)) from None

    def missing(self, recipe: Recipe) -> list[int]:
        """Pieces that are not there yet."""
        return [piece for piece in range(recipe.pieces) if not self.file(piece).exists()]

    def done(self, recipe: Recipe) -> int:
        """Samples in the pieces that are there."""
        left = set(self.missing(recipe))
        numbers = np.arange(recipe.samples)
        return sum(len(recipe.members(numbers, piece)) for piece in range(recipe.pieces) if piece not in left)

    def size(self) -> float:
        """Bytes of the pieces that are there: about as many as the file will have."""
        return float(sum(file.stat().st_size for file in self.folder.glob("piece-*.npz")))

    def remove(self) -> None:
        """When the dataset is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)
