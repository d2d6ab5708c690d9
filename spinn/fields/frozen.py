"""A field as it stands: a solution that is corrected and not trained, whatever kind of network it came from."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Float

from spinn.fields.separable import GridField, Separable
from spinn.fields.terms import Head, Term


@dataclasses.dataclass(frozen=True, eq=False)
class Frozen(GridField):
    """A field at the grid's points in order, read as known numbers on the grid."""

    field: Any

    @functools.cached_property
    def value(self) -> Float[Array, "..."]:  # type: ignore[override]
        return self.field.value.reshape(self.grid.shape)

    def partial(self, axis: str) -> "Frozen":
        return Frozen(self.grid, self.field.d(axis))


def frozen_fields(fields: Mapping[str, Separable]) -> dict[str, Separable]:
    """The fields of a separable network as terms that do not vary; they stay lazy, and join others in contractions."""
    heads: dict[Head, Head] = {}

    def held(term: Term) -> Term:
        head = heads.setdefault(term.head, dataclasses.replace(term.head, frozen=True))
        return dataclasses.replace(term, head=head)

    return {name: Separable(field.grid, tuple(map(held, field.terms))) for name, field in fields.items()}
