"""Terms of separable fields: coefficient x head x one product of factors an axis, and their Leibniz rule."""

import dataclasses
from typing import Any

from jaxtyping import Array, Float

from spinn.fields.factors import Factor, MeanFactor


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """How the ranks of the axes combine: a sum of products (CP), a Tucker core, or a tensor train (a core an axis).

    Terms of different heads never share a sum over ranks. Known functions live under the head `ONE` of rank one.
    `unknown` is the position of the unknown that the head belongs to. `frozen`: a network that is not varied when a
    residual is linearised.
    """

    core: Float[Array, "..."] | None = None
    unknown: int = 0
    train: tuple[Float[Array, "_ _ _"], ...] | None = None
    frozen: bool = False

    @property
    def is_product(self) -> bool:
        """Whether terms are sums of products."""
        return self.core is None and self.train is None

    @property
    def varies(self) -> bool:
        """Whether it belongs to a network that is being solved for."""
        return self is not ONE and not self.frozen


ONE = Head()


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """`coefficient * head(product(factors[0]), product(factors[1]), ...)`; no factors on an axis means ones."""

    coefficient: Any
    head: Head
    factors: tuple[tuple[Factor, ...], ...]

    def scaled(self, scale: Any) -> "Term":
        return dataclasses.replace(self, coefficient=self.coefficient * scale)

    def with_axis(self, axis: int, factors: tuple[Factor, ...]) -> "Term":
        return dataclasses.replace(self, factors=(*self.factors[:axis], factors, *self.factors[axis + 1 :]))

    def key(self, axis: int) -> tuple[Any, ...]:
        """What tells this term's part along an axis from another's."""
        return tuple(sorted(factor.key for factor in self.factors[axis]))

    def derivative(self, axis: int) -> tuple["Term", ...]:
        """Leibniz rule over the factors of one axis; no term where there are none, or only a mean over the axis."""
        here = self.factors[axis]
        return tuple(
            self.with_axis(axis, (*here[:index], factor.derivative(), *here[index + 1 :]))
            for index, factor in enumerate(here)
            if not isinstance(factor, MeanFactor)
        )

    def times(self, other: "Term") -> "Term":
        """Product with a term of known functions.

        **Raises:** ValueError if neither head is `ONE`.
        """
        if self.head is not ONE and other.head is not ONE:
            raise ValueError("only a known function multiplies a term without leaving the separable form")
        factors = tuple(mine + theirs for mine, theirs in zip(self.factors, other.factors, strict=True))
        head = other.head if self.head is ONE else self.head
        return Term(self.coefficient * other.coefficient, head, factors)

    def averaged(self, axis: int, weights: Float[Array, " points"]) -> "Term":
        """The term with one axis averaged over."""
        here = self.factors[axis]
        return self.with_axis(axis, (MeanFactor(here, weights),)) if here else self
