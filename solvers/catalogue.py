"""Which solvers are worth a trial on a family of systems, by what is known of its matrices."""

import math

from spinn.errors import SpinnError
from spinn.solvers.batched import BatchedCG, BatchedGCRODR, SideBySide
from spinn.solvers.choice import Candidate
from spinn.solvers.direct import QDLDL, Pardiso, SuperLU, ldl, pardiso
from spinn.solvers.krylov import CG, GCRODR
from spinn.solvers.preconditioners import ILU, FastPoisson, RugeStuben, Shared, SmoothedAggregation, amg
from spinn.solvers.types import DEFAULT_STOPPING, LinearSolver, Stopping

# Unknowns up to which factors fit into memory: of a grid in three dimensions, and otherwise.
DIRECT_IN_3D, DIRECT = 60_000, 1_000_000
# Relative residuals for which a preconditioner in float32 will do.
SINGLE = 1e-10
# Solvers of many systems at once: for positive definite matrices, and for any; unknowns of all systems together.
BATCHED_DEFINITE, BATCHED_ANY = ("batched-poisson-cg", "batched-scaled-poisson-cg"), ("batched-gcrodr",)
BATCHED = BATCHED_DEFINITE + BATCHED_ANY
AT_ONCE = 4_000_000


def candidates(
    symmetric: bool,
    definite: bool,
    shape: tuple[int, ...] | None,
    n: int,
    *,
    stopping: Stopping = DEFAULT_STOPPING,
    names: tuple[str, ...] | None = None,
) -> tuple[Candidate, ...]:
    """Solvers by name, those that are usually fast first.

    **Arguments:** `definite`: all matrices are symmetric positive definite; `shape`: interior nodes along the axes of a
    box with zero Dirichlet values around it, None elsewhere; `n`: unknowns; `names`: only these.

    Names: `qdldl`, `superlu` and `pardiso` factorise; `poisson-cg`, `scaled-poisson-cg` and `poisson-gcrodr` are
    preconditioned by sine transforms; `aggregation-cg` and `ruge-stuben-cg` by multigrid, `ilu-gcrodr` by ILU, each
    shared along the chain. What does not suit the matrices, or is not installed, is left out. SpinnError where a name
    that was asked for is.
    """
    if shape is not None and math.prod(shape) != n:
        raise ValueError(f"expected a shape of {n} nodes, got {shape}: it counts the interior nodes along each axis")
    if definite and not symmetric:
        raise ValueError("expected definite matrices to be symmetric: CG and multigrid need both")
    found = _direct(symmetric, shape, n, stopping) | _krylov(definite, shape, stopping)
    if names is None:
        return tuple(Candidate(name, solver) for name, solver in found.items())
    missing = [name for name in names if name not in found]
    if missing:
        raise SpinnError(f"no solver {', '.join(missing)} for these matrices; choose from: {', '.join(found)}")
    return tuple(Candidate(name, found[name]) for name in names)


def batched_candidates(
    definite: bool, shape: tuple[int, ...], systems: int, *, stopping: Stopping = DEFAULT_STOPPING
) -> dict[str, SideBySide]:
    """Solvers of many systems on one grid at once, by name, those that are usually fast first.

    **Arguments:** as of `candidates`; `systems`: how many there are at a time; they are taken in equal parts where
    memory asks for it. All are preconditioned by sine transforms, in float32 where the tolerance allows it.
    """
    if not 1 <= len(shape) <= 3:
        raise ValueError(f"expected a grid in 1 to 3 dimensions, got the shape {shape}")
    parts = -(-systems // max(1, AT_ONCE // math.prod(shape)))
    width, single = -(-systems // parts), stopping.relative >= SINGLE
    found: dict[str, SideBySide] = {}
    if definite:
        for name, scaled in zip(BATCHED_DEFINITE, (False, True), strict=True):
            found[name] = SideBySide(BatchedCG(stopping), FastPoisson(shape, scaled=scaled, single=single), width)
    shift = 0.0 if definite else None
    found[BATCHED_ANY[0]] = SideBySide(BatchedGCRODR(stopping), FastPoisson(shape, shift=shift), width)
    return found


def _direct(symmetric: bool, shape: tuple[int, ...] | None, n: int, stopping: Stopping) -> dict[str, LinearSolver]:
    if n > (DIRECT_IN_3D if shape is not None and len(shape) == 3 else DIRECT):
        return {}
    found: dict[str, LinearSolver] = {}
    if symmetric and ldl.available():
        found["qdldl"] = QDLDL(stopping)
    if pardiso.available():
        found["pardiso"] = Pardiso(stopping)
    found["superlu"] = SuperLU(stopping)
    return found


def _krylov(definite: bool, shape: tuple[int, ...] | None, stopping: Stopping) -> dict[str, LinearSolver]:
    found: dict[str, LinearSolver] = {}
    if definite:
        if shape is not None and len(shape) <= 3:
            single = stopping.relative >= SINGLE
            found["poisson-cg"] = CG(FastPoisson(shape, single=single), stopping)
            found["scaled-poisson-cg"] = CG(FastPoisson(shape, scaled=True, single=single), stopping)
        if amg.available():
            found["aggregation-cg"] = Shared(CG(SmoothedAggregation(), stopping))
            found["ruge-stuben-cg"] = Shared(CG(RugeStuben(), stopping))
        return found
    if shape is not None and len(shape) <= 3:
        found["poisson-gcrodr"] = GCRODR(FastPoisson(shape, shift=None), stopping)
    found["ilu-gcrodr"] = Shared(GCRODR(ILU(), stopping))
    return found
