"""What a dataset is made of: a family, how many samples, to which tolerance, in which order, by which solver."""

import dataclasses
import functools
from typing import Any, Literal

import numpy as np

from spinn.data.families import EvolvingFamily, Family
from spinn.data.generation.description import description, fingerprint

Order = Literal["auto", "sorted", "given"]
NUMBERS = ("float64", "float32")
PIECE = {"steady": 64, "evolving": 8}  # samples solved one after the other from a fresh start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A dataset to be made: all that decides what its file holds (workers and interruptions do not).

    `tolerance`: of the true relative residual of every sample (evolving families bring their own, of the integration in
    time); `solver`: a name from `spinn.solvers.candidates` or `batched_candidates` (which solve the systems of a piece
    side by side), or `auto` for the fastest in a trial on the first systems, the latter only on an accelerator;
    `order`: `sorted` chains near neighbours, so that what a solver learned from one system serves the next, `given`
    keeps the order of the indices, `auto` sorts where the solver recycles; `piece`: samples of a chain that are solved
    together, in one process: the unit of work, of saving and of recycling; `dtype` of the stored fields; `chosen`: the
    numbers of the samples, in ascending order, where they are not 0, 1, 2 ...

    **Raises:** ValueError for values that make no sense.
    """

    family: Family
    samples: int
    seed: int = 0
    tolerance: float = 1e-8
    solver: str = "auto"
    order: Order = "auto"
    piece: int = 0  # 0: by the kind of family
    dtype: Literal["float64", "float32"] = "float64"
    chosen: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples: expected at least 1, got {self.samples}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance: expected a number between 0 and 1, got {self.tolerance:g}")
        if self.piece < 0:
            raise ValueError(f"piece: expected a number of samples (0 leaves it to us), got {self.piece}")
        if self.order not in ("auto", "sorted", "given"):
            raise ValueError(f"order: expected auto, sorted or given, got '{self.order}'")
        if self.dtype not in NUMBERS:
            raise ValueError(f"dtype: expected {' or '.join(NUMBERS)}, got '{self.dtype}'")
        if self.chosen and (len(self.chosen) != self.samples or list(self.chosen) != sorted(set(self.chosen))):
            raise ValueError(f"chosen: expected {self.samples} different numbers in ascending order")

    @property
    def evolving(self) -> bool:
        """Whether samples are trajectories."""
        return isinstance(self.family, EvolvingFamily)

    @property
    def piece_size(self) -> int:
        """Samples a piece."""
        return self.piece or PIECE["evolving" if self.evolving else "steady"]

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return -(-self.samples // self.piece_size)

    @property
    def numbers(self) -> np.ndarray:
        """Numbers (samples,) of the samples in their family."""
        return np.array(self.chosen, dtype=np.int64) if self.chosen else np.arange(self.samples)

    def members(self, chain: np.ndarray, piece: int) -> np.ndarray:
        """The sample indices of a piece of the chain (samples,), in the order in which they are solved."""
        return chain[piece * self.piece_size : (piece + 1) * self.piece_size]

    @functools.cached_property
    def described(self) -> dict[str, Any]:
        """The recipe as plain data."""
        found = {**description(self), "family": {"name": self.family.name, **description(self.family)}}
        if not self.chosen:  # as it was before there were such recipes, so that their files can be resumed
            del found["chosen"]
        return found

    @functools.cached_property
    def fingerprint(self) -> str:
        """A digest: files with the same one hold the same samples."""
        return fingerprint(self.described)
