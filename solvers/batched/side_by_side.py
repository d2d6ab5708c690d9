"""Lists of sparse systems on one grid, solved side by side by one compiled program, each held to its own matrix.

What goes in are the CSR matrices that other solvers take, and what comes out is an `Info` for each of them, with the
residual that SciPy finds. So a program for accelerators can stand where a solver of single systems does.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from spinn.solvers.batched.cg import BatchedCG
from spinn.solvers.batched.diagonals import Diagonals, Offset, diagonals
from spinn.solvers.batched.gcrodr import BatchedGCRODR
from spinn.solvers.batched.poisson import FastPoisson
from spinn.solvers.batched.stencil import Values
from spinn.solvers.preconditioners import fast_poisson
from spinn.solvers.preconditioners.sines import sines
from spinn.solvers.stopping import NO_PRECONDITIONER
from spinn.solvers.types import Info, Status

# Systems that recycle what they learn follow each other in so many chains.
CHAINS = 8
Method: TypeAlias = BatchedCG | BatchedGCRODR
System: TypeAlias = tuple[Any, np.ndarray]
Factors: TypeAlias = tuple[np.ndarray, np.ndarray | None]


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """`method` on up to `width` systems at once, on the grid of the preconditioner, whose factors each has of its own.

    Each system is a chain of itself; with GCRO-DR, neighbours in the list follow each other in `CHAINS` chains. Places
    that the list leaves empty are filled with systems of zero, so that one program, compiled once, serves all lists.
    """

    method: Method
    preconditioner: fast_poisson.FastPoisson
    width: int

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"expected a width of at least one system, got {self.width}")

    @property
    def name(self) -> str:
        """By which tables and files call it."""
        return self.method.name

    @property
    def places(self) -> tuple[int, ...]:
        """Axes of the batch: (systems,), or (chains, systems)."""
        if isinstance(self.method, BatchedCG):
            return (self.width,)
        chains = min(CHAINS, self.width)
        return chains, -(-self.width // chains)

    def solve_many(self, systems: Sequence[System | None]) -> list[tuple[np.ndarray, Info]]:
        """Solution (n,) of each system (matrix (n, n), right side (n,)) and how it went; None leaves a place empty.

        The results of places that are empty mean nothing. `Info.residual` is that of the matrix; `seconds` is an equal
        share of the batch, without compiling; `products` counts those of iterations. ValueError for more than `width`
        systems, or matrices that do not fit the grid.
        """
        if len(systems) > self.width:
            raise ValueError(f"expected at most {self.width} systems at once, got {len(systems)}: give them in parts")
        begun = time.perf_counter()
        factors = [None if system is None else self._factors(system[0]) for system in systems]
        given = [s if f is not None else None for s, f in zip(systems, factors, strict=True)]
        count, shape = sum(system is not None for system in systems), self.preconditioner.shape
        if all(system is None for system in given):
            results = (np.zeros((len(systems), *shape)), [0] * len(systems), [Status.SINGULAR] * len(systems))
        else:
            results, compiling = self._solved(given, factors)
            begun += compiling
        share = (time.perf_counter() - begun) / max(count, 1)
        return [self._checked(systems[place], *one, share) for place, one in enumerate(zip(*results, strict=True))]

    def _solved(self, given: Sequence[System | None], factors: Sequence[Factors | None]) -> tuple[Any, float]:
        """x (systems, n_1, ..., n_d), iterations and statuses, and the seconds that compiling took."""
        places, shape = self.places, self.preconditioner.shape
        slots, empty = math.prod(places), math.prod(places) - len(given)
        operator = diagonals([*(s and s[0] for s in given), *[None] * empty], shape)
        rhs, inverse, scale = np.zeros((slots, *shape)), np.ones((slots, *shape)), np.ones((slots, *shape))
        for place, (system, own) in enumerate(zip(given, factors, strict=True)):
            if system is None or own is None:
                continue
            rhs[place], inverse[place] = np.reshape(system[1], shape), own[0]
            if own[1] is not None:
                scale[place] = own[1].reshape(shape)

        def spread(values: Values) -> Values:
            return values.reshape(*places, *shape)

        waves = tuple(sines(length, "float64") for length in shape)
        scaling = spread(scale) if self.preconditioner.scaled else None
        inverses = FastPoisson(waves, spread(inverse), scaling, self.preconditioner.single)
        batch = Diagonals(tuple(spread(one) for one in operator.values), operator.offsets)
        begun = time.perf_counter()
        _compiled(self.method, self.preconditioner, places, operator.offsets)
        compiling = time.perf_counter() - begun
        x, info = self.method.solve(batch, spread(rhs), inverses)
        statuses = [Status(one) for one in info.statuses.ravel()[: len(given)].tolist()]
        statuses = [one if own is not None else Status.SINGULAR for one, own in zip(statuses, factors, strict=True)]
        flat = x.reshape(slots, *shape)[: len(given)], info.iterations.ravel()[: len(given)].tolist(), statuses
        return flat, compiling

    def _factors(self, matrix: Any) -> Factors | None:
        """Of the preconditioner; None where the matrix has none."""
        try:
            return self.preconditioner.factors(matrix)
        except NO_PRECONDITIONER:
            return None

    def _checked(
        self, system: System | None, x: np.ndarray, iterations: int, status: Status, share: float
    ) -> tuple[np.ndarray, Info]:
        x, residual = x.ravel(), 0.0
        if system is not None:
            matrix, rhs = system
            size = float(np.linalg.norm(rhs))
            residual = float(np.linalg.norm(rhs - matrix @ x)) / (size if size > 0 else 1.0)
        return x, Info(self.name, status, iterations, iterations, residual, share)


@functools.lru_cache(maxsize=16)
def _compiled(
    method: Method, poisson: fast_poisson.FastPoisson, places: tuple[int, ...], offsets: tuple[Offset, ...]
) -> None:
    """Compile the program of these shapes, by solving systems of zero: that takes no iterations."""
    nothing = np.zeros((*places, *poisson.shape))
    waves = tuple(sines(length, "float64") for length in poisson.shape)
    inverse = FastPoisson(waves, nothing, nothing if poisson.scaled else None, poisson.single)
    method.solve(Diagonals((nothing,) * len(offsets), offsets), nothing, inverse)
