"""Arrays of several fields at once, with as few contractions as their linear parts need together.

Expressions are read before anything is formed. In sums of linear and nonlinear parts the linear ones are gathered into
one contraction; and a product of factors that several linear parts share (a velocity gradient, which enters the
vorticity, the stretching and the divergence) is formed once and added where it is needed.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from spinn.fields.contraction import contract, full_products
from spinn.fields.separable import GridField, Pointwise, Separable, Univariate
from spinn.fields.terms import Term
from spinn.pdes._field import is_scalar


def evaluate(fields: Sequence[Any]) -> list[Array]:
    """The values of the fields. Axes that a field does not depend on may have length one, as in `GridField.value`."""
    evaluation = Evaluation()
    for field in fields:
        evaluation.read(field)
    return [evaluation.value(field) for field in fields]


@dataclasses.dataclass(frozen=True, eq=False)
class Summed:
    """An expression as its linear part and the others with their scales."""

    linear: Separable
    others: tuple[tuple[Any, Any], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What is known while expressions are read and then evaluated: first `read` all of them, then ask for values."""

    sums: dict[GridField, Summed] = dataclasses.field(default_factory=dict)
    uses: Counter[Any] = dataclasses.field(default_factory=Counter)  # linear parts that contain a monomial
    arrays: dict[Any, Array] = dataclasses.field(default_factory=dict)

    def read(self, field: Any) -> None:
        """Take note of the linear parts of an expression."""
        if not isinstance(field, Separable | Pointwise) or field in self.sums:
            return
        found = summed(field)
        self.sums[field] = found
        self.uses.update({monomial(term) for term in found.linear.terms})
        for _, other in found.others:
            arguments = other.arguments if isinstance(other, Pointwise) else (other,)
            for argument in arguments:
                self.read(argument)

    def value(self, field: Any) -> Any:
        """The array of a field; anything else as it is."""
        if not isinstance(field, GridField):
            return field
        if field not in self.sums:
            return field.value
        if field not in self.arrays:
            self.arrays[field] = self._total(self.sums[field])
        return self.arrays[field]

    def _total(self, found: Summed) -> Any:
        parts = [scaled(scale, self._nonlinear(other)) for scale, other in found.others]
        if found.linear.terms or not parts:
            parts.insert(0, self._linear(found.linear))
        return functools.reduce(jnp.add, parts)

    def _nonlinear(self, other: Any) -> Any:
        if isinstance(other, Pointwise):
            return other.function(*(self.value(argument) for argument in other.arguments))
        return self.value(other)

    def _linear(self, field: Separable) -> Array:
        """A contraction of what no other field shares, and the shared monomials where they save a full product."""
        own = [term for term in field.terms if self.uses[monomial(term)] == 1]
        shared = [term for term in field.terms if self.uses[monomial(term)] > 1]
        shape = field.grid.shape
        if len(field.terms) > 1 and full_products(own, shape) == full_products(field.terms, shape):
            own, shared = list(field.terms), []
        parts = [scaled(term.coefficient, self._monomial(term, field)) for term in shared]
        if own or not parts:
            parts.append(contract(own, shape, field.dtype))
        return functools.reduce(jnp.add, parts)

    def _monomial(self, term: Term, field: Separable) -> Array:
        key = monomial(term)
        if key not in self.arrays:
            self.arrays[key] = contract([dataclasses.replace(term, coefficient=1.0)], field.grid.shape, field.dtype)
        return self.arrays[key]


def summed(field: GridField) -> Summed:
    """The sum that an expression is: all separable addends on its grid together, and the rest."""
    terms: list[Term] = []
    others = []
    for scale, addend in addends(field, 1.0):
        separable = addend.lazy if isinstance(addend, Univariate) else addend
        if isinstance(separable, Separable) and separable.grid.shape == field.grid.shape:
            terms.extend(term.scaled(scale) for term in separable.terms)
        else:
            others.append((scale, addend))
    return Summed(Separable(field.grid, tuple(terms)), tuple(others))


def addends(field: Any, scale: Any) -> Iterator[tuple[Any, Any]]:
    """An expression as scaled parts that are no sums and no multiples themselves."""
    if isinstance(field, Pointwise) and field.function is jnp.add:
        for argument in field.arguments:
            yield from addends(argument, scale)
    elif isinstance(field, Pointwise) and field.function is jnp.multiply and is_scalar(field.arguments[1]):
        yield from addends(field.arguments[0], scale * field.arguments[1])
    else:
        yield scale, field


def scaled(scale: Any, values: Any) -> Any:
    """Values times a scale, left alone where that is the number one."""
    return values if isinstance(scale, float) and scale == 1.0 else scale * values


def monomial(term: Term) -> tuple[Any, ...]:
    """What tells a term from others, up to its coefficient."""
    return (term.head, *(term.key(axis) for axis in range(len(term.factors))))
