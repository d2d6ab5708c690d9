"""Separable sums as plain arrays: what norms need in order to cut, compress and differentiate factors themselves."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from spinn.fields.factors import TabulatedFactor, product
from spinn.fields.terms import Head, Term


class Table(NamedTuple):
    """The numbers of a separable sum: the distinct factors of every axis, and the coefficients that are arrays."""

    factors: tuple[tuple[Float[Array, "points rank"], ...], ...]
    coefficients: tuple[Array, ...]


@dataclasses.dataclass(frozen=True)
class Pattern:
    """A term without its numbers: positions of its factors, one an axis, in the table, and of its coefficient if that
    is an array.
    """

    head: Head
    positions: tuple[int, ...]
    coefficient: float
    traced: int | None

    def scale(self, table: Table) -> Any:
        """The coefficient."""
        return self.coefficient if self.traced is None else table.coefficients[self.traced]


def tabulate(terms: Sequence[Term], shape: Sequence[int], dtype: Any) -> tuple[Table, tuple[Pattern, ...]]:
    """The numbers and the patterns of CP terms and known functions; factors that are equal are listed once."""
    places: list[dict[Any, int]] = [{} for _ in shape]
    factors: list[list[Array]] = [[] for _ in shape]
    coefficients: list[Array] = []
    patterns = []
    for term in terms:
        for axis, length in enumerate(shape):
            key = term.key(axis)
            if key not in places[axis]:
                places[axis][key] = len(places[axis])
                here = term.factors[axis]
                factors[axis].append(product(here) if here else jnp.ones((length, 1), dtype))
        positions = tuple(place[term.key(axis)] for axis, place in enumerate(places))
        if isinstance(term.coefficient, jax.Array):
            patterns.append(Pattern(term.head, positions, 1.0, len(coefficients)))
            coefficients.append(term.coefficient)
        else:
            patterns.append(Pattern(term.head, positions, float(term.coefficient), None))
    return Table(tuple(map(tuple, factors)), tuple(coefficients)), tuple(patterns)


def restored(table: Table, patterns: Sequence[Pattern]) -> tuple[Term, ...]:
    """The terms of a table."""
    listed = [[(TabulatedFactor(values, place),) for place, values in enumerate(axis)] for axis in table.factors]
    return tuple(
        Term(p.scale(table), p.head, tuple(axis[place] for axis, place in zip(listed, p.positions, strict=True)))
        for p in patterns
    )
