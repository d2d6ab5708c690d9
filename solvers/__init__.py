"""Linear solvers that carry what they learn from one system to the next: they know matrices and never PDEs."""

from spinn.solvers.batched import BatchedCG as BatchedCG
from spinn.solvers.batched import BatchedGCRODR as BatchedGCRODR
from spinn.solvers.batched import BatchedInfo as BatchedInfo
from spinn.solvers.batched import FastPoisson as FastPoisson
from spinn.solvers.batched import Stencil as Stencil
from spinn.solvers.batched import fast_poisson as fast_poisson
from spinn.solvers.batched import harmonic_stencil as harmonic_stencil
from spinn.solvers.krylov import CG as CG
from spinn.solvers.krylov import GCRODR as GCRODR
from spinn.solvers.krylov import GMRES as GMRES
from spinn.solvers.krylov import DeflatedCG as DeflatedCG
from spinn.solvers.krylov import Recycled as Recycled
from spinn.solvers.sequence import Summary as Summary
from spinn.solvers.sequence import solve_sequence as solve_sequence
from spinn.solvers.sequence import summarise as summarise
from spinn.solvers.types import Info as Info
from spinn.solvers.types import LinearSolver as LinearSolver
from spinn.solvers.types import Preconditioner as Preconditioner
from spinn.solvers.types import Space as Space
from spinn.solvers.types import Status as Status
from spinn.solvers.types import Stopping as Stopping
