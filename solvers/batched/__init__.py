"""Many systems at once on an accelerator: stencils without matrices, fast Poisson solves, compiled Krylov methods."""

from spinn.solvers.batched.cg import BatchedCG as BatchedCG
from spinn.solvers.batched.diagonals import Diagonals as Diagonals
from spinn.solvers.batched.diagonals import diagonals as diagonals
from spinn.solvers.batched.gcrodr import BatchedGCRODR as BatchedGCRODR
from spinn.solvers.batched.outcome import BatchedInfo as BatchedInfo
from spinn.solvers.batched.poisson import FastPoisson as FastPoisson
from spinn.solvers.batched.poisson import fast_poisson as fast_poisson
from spinn.solvers.batched.side_by_side import SideBySide as SideBySide
from spinn.solvers.batched.stencil import Stencil as Stencil
from spinn.solvers.batched.stencil import harmonic_stencil as harmonic_stencil
