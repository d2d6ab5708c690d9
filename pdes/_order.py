"""What a residual asks of its unknowns, found by running it once on a field that only takes notes."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spinn.pdes._conditions import Local
from spinn.pdes._field import Field, split_axes
from spinn.pdes._pde import PDE


@dataclasses.dataclass(frozen=True)
class OrderProbe(Field):
    """A field without values: it records the highest derivative order along each axis that reaches a result."""

    axes: tuple[str, ...]
    orders: Mapping[str, int]
    constant: bool = False  # a function of the coordinates only: differentiating it asks nothing of the networks

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.axes

    def d(self, *axes: str) -> "OrderProbe":
        orders = dict(self.orders)
        for axis in split_axes(axes, self.axes):
            orders[axis] = orders.get(axis, 0) + (not self.constant)
        return dataclasses.replace(self, orders=orders)

    def apply(self, function: Callable[..., Any], *others: Any) -> "OrderProbe":
        probes = [self, *(other for other in others if isinstance(other, OrderProbe))]
        highest = {axis: max(probe.orders.get(axis, 0) for probe in probes) for axis in self.axes}
        return OrderProbe(self.axes, highest, all(probe.constant for probe in probes))

    def mean(self, *axes: str) -> "OrderProbe":
        split_axes(axes, self.axes)
        return self

    def plus(self, other: Any) -> "OrderProbe":
        return self.apply(max, other)

    def times(self, other: Any) -> "OrderProbe":
        return self.apply(max, other)


def derivative_orders(pde: PDE) -> dict[str, int]:
    """The highest derivative order along each coordinate in the residual, the conditions and the derived quantities.

    **Raises:** whatever the residual raises: a misspelt coordinate, a wrong number of arguments.
    """

    def read(local: Local) -> list[Any]:
        found = [*pde.residuals(local.unknowns, local.coordinates).values()]
        found += pde.derived(*local.unknowns.values()).values()
        return found + [field for field, _ in pde.condition_residuals(lambda face: local).values()]

    return orders_of(pde, read)


def orders_of(pde: PDE, read: Callable[[Local], Iterable[Any]]) -> dict[str, int]:
    """The highest derivative order along each coordinate in what `read` makes of the unknowns and coordinates."""
    unknowns = {name: OrderProbe(pde.coordinates, {}) for name in pde.unknowns}
    coordinates = {name: OrderProbe(pde.coordinates, {}, constant=True) for name in pde.coordinates}
    probes = [field for field in read(Local(unknowns, coordinates)) if isinstance(field, OrderProbe)]
    return {axis: max((probe.orders.get(axis, 0) for probe in probes), default=0) for axis in pde.coordinates}
