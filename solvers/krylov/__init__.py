"""Krylov methods for one real system (n, n) at a time, and for sequences of them."""

from spinn.solvers.krylov.cg import CG as CG
from spinn.solvers.krylov.deflated_cg import DeflatedCG as DeflatedCG
from spinn.solvers.krylov.gcrodr import GCRODR as GCRODR
from spinn.solvers.krylov.gmres import GMRES as GMRES
from spinn.solvers.krylov.recycled import Recycled as Recycled
