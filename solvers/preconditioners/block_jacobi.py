"""Diagonal blocks, inverted one by one."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from spinn.solvers.preconditioners.matrices import entries

# A block of this condition number or more is singular, as far as double precision can tell.
SINGULAR = 1e15


@dataclasses.dataclass(frozen=True)
class BlockJacobi:
    """M = the diagonal blocks of A, of `size` consecutive rows each; the last may be smaller (Saad 2003, section 12.2).

    With `size` a row of a grid (or the number of unknowns a node) a block couples what is strongly coupled. The inverse
    blocks are dense: memory is n * size.
    """

    size: int = 32
    name: ClassVar[str] = "block_jacobi"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"expected a block size of at least 1, got {self.size}: size is rows a block")

    def build(self, matrix: Any) -> Callable[[np.ndarray], np.ndarray]:
        """r (n,) -> the solution of the block-diagonal system. LinAlgError where a block is singular."""
        csr = entries(matrix, self.name)
        length = csr.shape[0]
        size = min(self.size, length)
        count = -(-length // size)
        rows = np.repeat(np.arange(length), np.diff(csr.indptr))
        within = rows // size == csr.indices // size
        rows, columns = rows[within], csr.indices[within]
        blocks = np.zeros((count, size, size))
        blocks[rows // size, rows % size, columns % size] = csr.data[within]
        padding = np.arange(length - (count - 1) * size, size)
        blocks[-1, padding, padding] = 1.0
        inverses = np.linalg.inv(blocks)
        norms = np.abs(blocks).sum(axis=2).max(axis=1) * np.abs(inverses).sum(axis=2).max(axis=1)
        if not np.all(norms < SINGULAR):
            raise np.linalg.LinAlgError(
                f"block {int(np.argmax(~(norms < SINGULAR)))} of {self.name} is singular: use another block size"
            )

        def apply(r: np.ndarray) -> np.ndarray:
            padded = np.zeros(count * size)
            padded[:length] = r
            return np.matmul(inverses, padded.reshape(count, size, 1)).reshape(-1)[:length]

        return apply
