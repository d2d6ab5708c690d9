"""Which entries of J^T J a preconditioner of a Tucker core keeps, and how the core is laid out for it."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


class Coupling(NamedTuple):
    """Axes of a core (unknowns, n_1, ..., n_d), counted from 0, that are kept `whole`, and the size of the `groups` of
    neighbouring modes that are kept together along each of the others.

    Modes are counted in groups from the last one: the first group is filled up where their number is not a multiple.
    """

    whole: tuple[int, ...]
    groups: tuple[int, ...]

    @property
    def rest(self) -> tuple[int, ...]:
        """The axes that are not whole."""
        return tuple(i for i in range(len(self.groups)) if i not in self.whole)

    def blocks(self, core: Array) -> Array:
        """The entries of a core by block: (blocks, rows), zeros where a group is filled up."""
        for i in self._grouped():
            core = in_groups(core, i + 1 + self._before(i), self.groups[i])
        order = self._order()
        rows = math.prod(core.shape[i] for i in order[self._outer() :])
        return jnp.transpose(core, order).reshape(-1, rows)

    def core(self, blocks: Array, shape: tuple[int, ...]) -> Array:
        """The core of a `shape` from its blocks: the inverse of `blocks`."""
        order = self._order()
        split = self._split(shape)
        result = jnp.transpose(blocks.reshape([split[i] for i in order]), [int(i) for i in np.argsort(order)])
        for i in reversed(self._grouped()):
            place = i + 1 + self._before(i)
            joined = result.reshape(*result.shape[:place], -1, *result.shape[place + 2 :])
            result = jnp.take(joined, np.arange(joined.shape[place] - shape[i + 1], joined.shape[place]), axis=place)
        return result

    def _grouped(self) -> list[int]:
        return [i for i in self.rest if self.groups[i] > 1]

    def _before(self, axis: int) -> int:
        """How many axes before this one are split in two."""
        return sum(i < axis for i in self._grouped())

    def _split(self, shape: tuple[int, ...]) -> list[int]:
        """The shape of a core whose grouped axes are (groups, members)."""
        split = [shape[0]]
        for i, length in enumerate(shape[1:]):
            size = self.groups[i]
            split += [-(-length // size), size] if i in self._grouped() else [length]
        return split

    def _outer(self) -> int:
        return len(self.rest)

    def _order(self) -> list[int]:
        """Places of a split core: those that number the blocks, then those of the rows."""
        place = {i: i + 1 + self._before(i) for i in range(len(self.groups))}
        members = [place[i] + 1 for i in self._grouped()]
        return [*(place[i] for i in self.rest), 0, *(place[i] for i in self.whole), *members]


def in_groups(array: Array, axis: int, size: int) -> Array:
    """An axis split in (groups, members), with zeros in front where its length is no multiple of `size`."""
    length = array.shape[axis]
    count = -(-length // size)
    margins = [(count * size - length if i == axis else 0, 0) for i in range(array.ndim)]
    return jnp.pad(array, margins).reshape(*array.shape[:axis], count, size, *array.shape[axis + 1 :])
